"""The networks, their weights, and how a trained one is saved and opened."""
