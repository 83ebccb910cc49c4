"""The command line: parsers and calls, nothing else."""
