"""Verb: from audited files to a data set ready for training."""
