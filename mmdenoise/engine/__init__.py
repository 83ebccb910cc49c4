"""What runs beside the model: files, hooks."""

from .backend import AtomicBackend
from .files import atomic_path
from .progress import ProgressHook

__all__ = ["AtomicBackend", "ProgressHook", "atomic_path"]
