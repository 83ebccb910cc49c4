"""Denoisers in front of trained MMEngine models, trained by a joint loss.

Importing it is cheap: it registers names, and imports neither torch nor the hosts.
"""

from __future__ import annotations

import importlib

from .hosts import check_hosts, is_command, open_our_names

try:
    check_hosts()
except ImportError as error:
    if is_command():
        raise SystemExit(f"error: {error}") from None
    raise
open_our_names()

# What MMEngine looks for by name, once a config has imported this package.
from . import registry  # noqa: E402,F401
from .version import __version__  # noqa: E402
from .weights import atomic_backend  # noqa: E402,F401

__all__ = ["__version__", "denoise", "list_denoisers", "load_denoiser"]

# Loaded when first asked for, with torch and the hosts.
_HOMES = dict(
    denoise="apis.denoising",
    list_denoisers="apis.denoiser",
    load_denoiser="apis.denoiser",
)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
