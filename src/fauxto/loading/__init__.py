"""Rows to arrays and tensors."""
