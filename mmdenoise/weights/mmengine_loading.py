"""MMEngine's loading of checkpoints, through the reader that executes nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

from mmengine.dist import barrier, get_rank
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint
from torch import Tensor

from mmdenoise.weights.reader import local_path, open_checkpoint
from mmdenoise.weights.strict_loading import refuse_not_numbers

__all__ = ["safe_loading", "trust"]

URLS = ("http://", "https://")
_their_local = mmengine_checkpoint.load_from_local
_their_http = mmengine_checkpoint.load_from_http
# Files that the user vouches for, by their real path; None where MMEngine is left as it
# is. Each thread has its own.
_trusted: ContextVar[frozenset[str] | None] = ContextVar("trusted", default=None)


@contextlib.contextmanager
def safe_loading() -> Iterator[None]:
    """Let MMEngine open local and downloaded checkpoints with our reader, for a while.

    MMEngine's own loaders fall back to unpickling, that is running, what a file holds.
    Covers ``load_from``, ``resume`` and ``init_cfg``; zoo names (``torchvision://``)
    end in a download. It holds for this thread alone, and works as a decorator, too.
    """
    outer = _trusted.get()
    token = _trusted.set(frozenset() if outer is None else outer)
    try:
        yield
    finally:
        _trusted.reset(token)


def trust(path: str) -> None:
    """Let MMEngine unpickle a file until the :func:`safe_loading` around this ends."""
    if _trusted.get() is not None:
        _trusted.set(_trusted.get() | {os.path.realpath(path)})


def load_from_local(filename: str, map_location=None) -> object:
    """Read a local file for MMEngine, which logs this function's name."""
    if _trusted.get() is None:
        return _their_local(filename, map_location)
    return _read(filename, map_location)


def load_from_http(filename: str, map_location=None, *args, **kwargs) -> object:
    """Download a file once, not once a rank, and read it for MMEngine."""
    if _trusted.get() is None:
        return _their_http(filename, map_location, *args, **kwargs)
    if get_rank() == 0:
        local_path(filename)
    barrier()
    return _read(filename, map_location)


def _read(filename: str, map_location: object) -> object:
    """Read a file without the one text that ``Runner.resume`` runs, as a config.

    It looks there for the number of GPUs, which old versions of the hosts wrote.
    """
    trusted = os.path.realpath(filename) in _trusted.get()
    content = open_checkpoint(filename, map_location=map_location, trusted=trusted)
    if not isinstance(content, dict):
        return content
    meta = content.get("meta")
    if isinstance(meta, dict):
        meta.pop("config", None)
    state = content.get("state_dict", content)
    weights = {
        key: value
        for key, value in (state if isinstance(state, dict) else {}).items()
        if isinstance(value, Tensor) and str(key).endswith((".weight", ".bias"))
    }
    # PyTorch would cast them without a word.
    refuse_not_numbers(weights, f"checkpoint {filename!r}")
    return content


# Once, for all threads: what they do depends on the thread.
CheckpointLoader.register_scheme("", load_from_local, force=True)
CheckpointLoader.register_scheme(URLS, load_from_http, force=True)
# The loaders of zoo names call it by this name.
mmengine_checkpoint.load_from_http = load_from_http
