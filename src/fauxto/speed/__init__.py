"""Verb: what a run costs in time and memory."""
