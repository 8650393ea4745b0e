"""One image at a time: decode, measure, resize, disturb. Pillow and NumPy only."""
