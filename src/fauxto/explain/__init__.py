"""Verb: what the network looks at."""
