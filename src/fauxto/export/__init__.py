"""Verb: a run folder to one ONNX file."""
