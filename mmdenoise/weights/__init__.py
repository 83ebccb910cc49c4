"""Whatever names, opens, checks, writes or resumes a file of weights."""
