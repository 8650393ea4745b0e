"""HTTP API and web page over a detector."""
