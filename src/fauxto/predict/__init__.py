"""Verb: verdicts for files."""
