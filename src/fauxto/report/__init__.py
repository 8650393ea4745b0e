"""The only room that draws or renders pages."""
