"""What runs beside the model: files, hooks."""

from .files import atomic_path

__all__ = ["atomic_path"]
