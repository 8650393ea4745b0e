"""Verb: several evaluated runs side by side."""
