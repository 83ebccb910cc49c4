"""MMEngine's loading of checkpoints, through the reader that executes nothing."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator

import torch
from mmengine.dist import barrier, get_rank
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmdenoise.weights.reader import (
    FORCED,
    has_safe_torch,
    local_path,
    open_checkpoint,
    trust,
    trust_no_file,
)
from mmdenoise.weights.resume import newest_checkpoint

__all__ = ["checkpoint_to_resume", "safe_loading"]

URLS = ("http://", "https://")
_inside = False


@contextlib.contextmanager
def safe_loading() -> Iterator[None]:
    """Let MMEngine open local and downloaded checkpoints with our reader, for a while.

    MMEngine's own loaders fall back to unpickling, that is running, what a file holds.
    Covers ``load_from``, ``resume`` and ``init_cfg``; zoo names (``torchvision://``)
    end in a download. What any other code opens by ``torch.load`` is held to weights
    alone by ``TORCH_FORCE_WEIGHTS_ONLY_LOAD``. Works as a decorator, too.
    """
    global _inside
    if _inside:
        yield
        return
    _inside = True
    theirs = (mmengine_checkpoint.load_from_local, mmengine_checkpoint.load_from_http)
    forced = os.environ.get(FORCED)
    os.environ.setdefault(FORCED, "1")
    _register(load_from_local, load_from_http)
    try:
        yield
    finally:
        _register(*theirs)
        if forced is None:
            del os.environ[FORCED]
        trust_no_file()
        _inside = False


def _register(local, http) -> None:
    CheckpointLoader.register_scheme("", local, force=True)
    CheckpointLoader.register_scheme(URLS, http, force=True)
    # The loaders of zoo names call it by this name.
    mmengine_checkpoint.load_from_http = http


def load_from_local(filename: str, map_location=None) -> object:
    """Read a local file for MMEngine, which logs this function's name."""
    return _without_program(open_checkpoint(filename, map_location=map_location))


def load_from_http(filename: str, map_location=None, **_) -> object:
    """Download a file once, not once a rank, and read it for MMEngine."""
    if get_rank() == 0:
        local_path(filename)
    barrier()
    return _without_program(open_checkpoint(filename, map_location=map_location))


def _without_program(content: object) -> object:
    """Drop the one text that MMEngine's ``Runner.resume`` runs, as a config of Python.

    It looks there for the number of GPUs, which old versions of the hosts wrote.
    """
    meta = content.get("meta") if isinstance(content, dict) else None
    if isinstance(meta, dict):
        meta.pop("config", None)
    return content


def checkpoint_to_resume(work_dir: str, trusted: bool = False) -> str | None:
    """Find the checkpoint with which a training goes on, newest first.

    Args:
        work_dir: Folder of the training.
        trusted: The user made what is in the folder, and lets it be unpickled.

    Returns:
        Its path; None if the folder holds no checkpoint.

    Raises:
        ValueError: If it holds some and none opens, or if this PyTorch is too old to
            open them without trust.
    """
    if not (trusted or has_safe_torch()):
        raise ValueError(
            f"--resume: the reader of PyTorch {torch.__version__} can be made to run "
            f"what a checkpoint holds (2.6 mends that); if those in {work_dir!r} are "
            "your own, add --trust-checkpoint"
        )
    paths = [
        path
        for kind in ("iter", "epoch")
        for path in glob.glob(os.path.join(glob.escape(work_dir), f"{kind}_*.pth"))
    ]
    if trusted:
        trust(paths)
    newest = newest_checkpoint(work_dir)
    if newest is None and paths:
        raise ValueError(
            f"--resume: none of the {len(paths)} checkpoints in {work_dir!r} opens, as "
            "said above; move them away to start afresh"
        )
    return newest
