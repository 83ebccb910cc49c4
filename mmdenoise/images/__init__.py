"""Image files: how they are read, and how they are written."""
