"""What runs beside the model: files, hooks."""

from .backend import AtomicBackend
from .empty_data import EmptyDataHook
from .files import atomic_path
from .invalid_loss import InvalidLossHook
from .progress import ProgressHook
from .random_state import RandomStateHook

__all__ = [
    "AtomicBackend",
    "EmptyDataHook",
    "InvalidLossHook",
    "ProgressHook",
    "RandomStateHook",
    "atomic_path",
]
