"""The command line: one file a command, each a thin parser over a function that can be called without it."""
