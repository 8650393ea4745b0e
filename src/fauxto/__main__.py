"""``python -m fauxto``."""

from fauxto.cli.app import main

main()
