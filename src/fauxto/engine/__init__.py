"""How work over many rows is spread: the only room that knows about processes."""
