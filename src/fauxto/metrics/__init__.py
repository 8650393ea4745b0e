"""Numbers from labels and scores. Pure functions on NumPy arrays."""
