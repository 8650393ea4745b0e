"""Verb: score a split and report metrics."""
