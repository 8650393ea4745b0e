"""The command line: flags in, verb called, result printed."""
