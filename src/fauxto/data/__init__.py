"""Tables of images: layouts, scans, prepared data sets. No pixels, no tensors."""
