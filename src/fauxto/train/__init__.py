"""Verb: fine-tune a network and fit its threshold on validation data."""
