"""Python functions behind the commands.

Three of them are for everybody: ``load_denoiser``, ``list_denoisers``, ``denoise``.
"""

from __future__ import annotations

import importlib

__all__ = ["denoise", "list_denoisers", "load_denoiser"]

# Loaded when first asked for: the commands import this package before anything else.
_HOMES = dict(denoise="denoising", list_denoisers="denoiser", load_denoiser="denoiser")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
