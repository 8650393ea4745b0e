"""fauxto: is this picture real, or made by AI? Evidence, from data audit to verdict."""

__version__ = "0.1.0"
