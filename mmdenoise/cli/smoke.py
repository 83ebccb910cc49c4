"""``--smoke``: does it run at all? A few iterations on a few images."""

from __future__ import annotations

import argparse

from mmengine.config import Config

__all__ = ["add_smoke", "shorten"]

ITERATIONS = 3
IMAGES = 4
BATCH = 2


def add_smoke(parser: argparse.ArgumentParser) -> None:
    """Add ``--smoke``."""
    parser.add_argument(
        "--smoke",
        action="store_true",
        help=f"try whether it runs: {ITERATIONS} iterations, {IMAGES} images, in a "
        "work folder of its own; its numbers mean nothing",
    )


def shorten(cfg: Config) -> None:
    """Make a run of a config a short one, in place.

    Args:
        cfg: Of a training or a test, with its work folder.
    """
    cfg.work_dir = f"{cfg.work_dir.rstrip('/')}_smoke"
    for part in ("train", "val", "test"):
        loader = cfg.get(f"{part}_dataloader")
        if loader is None:
            continue
        if "batch_size" in loader:
            loader.batch_size = min(loader.batch_size, BATCH)
        loader.num_workers, loader.persistent_workers = 0, False
        _take_few(loader.dataset)
    if cfg.get("train_cfg") is not None:
        interval = dict(val_interval=ITERATIONS) if cfg.get("val_cfg") else {}
        cfg.train_cfg = dict(
            type="IterBasedTrainLoop", max_iters=ITERATIONS, **interval
        )
    hooks = cfg.get("default_hooks") or {}
    for name in ("checkpoint", "logger"):
        if isinstance(hooks.get(name), dict):
            hooks[name].interval = ITERATIONS if name == "checkpoint" else 1
            if name == "checkpoint":
                hooks[name].by_epoch = False
    if isinstance(cfg.get("log_processor"), dict):
        cfg.log_processor.by_epoch = False


def _take_few(dataset: dict) -> None:
    """Take the first images of a data set, or of each that it joins or wraps."""
    inner = [*dataset.get("datasets", ()), dataset.get("dataset")]
    inner = [one for one in inner if isinstance(one, dict)]
    for one in inner:
        _take_few(one)
    if not inner:
        # An argument of MMEngine's BaseDataset.
        dataset["indices"] = IMAGES
