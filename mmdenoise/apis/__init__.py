"""Python functions behind the tools."""
