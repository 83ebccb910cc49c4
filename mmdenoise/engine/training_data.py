"""A training goes on with the data it began with, or says that it would not."""

from __future__ import annotations

import sys

from mmengine.dataset import RepeatDataset
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.data_digest import data_digest, ends_digest
from mmdenoise.progress_line import ProgressLine
from mmdenoise.registry import HOOKS

__all__ = ["TrainingDataHook"]

KEY = "training_data"


@HOOKS.register_module()
class TrainingDataHook(Hook):
    """Keep a digest of the training's data in checkpoints; resume with no other data.

    It holds the list, the labels, and the images and label maps by their contents;
    files beyond 64 KiB by their size and both ends. Folders may move. Data sets that do
    not tell their items (``get_data_info``) are passed, and so are checkpoints without
    a digest.

    Raises:
        ValueError: Where a training is resumed on other data than it began with.
    """

    def __init__(self) -> None:
        self._loaded: dict | None = None
        self._digest: dict | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the digest out; whether it is needed shows when training begins."""
        self._loaded = checkpoint.get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Digest the data, and compare; ``load_from`` begins anew on any."""
        self._digest = _digest_of(runner.train_dataloader.dataset)
        loaded, self._loaded = self._loaded, None
        if runner.iter == 0 or None in (loaded, self._digest):
            return
        if loaded["digest"] != self._digest["digest"]:
            raise ValueError(
                "--resume: the training data changed since the training began ("
                f"{loaded['items']} items then, {self._digest['items']} now): images, "
                "labels or their list are others; put the old ones back, begin anew "
                "with another --work-dir, or begin from its weights with load_from"
            )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the digest of what the training began with."""
        if self._digest is not None:
            checkpoint[KEY] = self._digest


def _digest_of(dataset: object) -> dict | None:
    while isinstance(dataset, RepeatDataset):
        dataset = dataset.dataset
    found = [None]
    if is_main_process():
        line = ProgressLine("reading the training set", sys.stderr)
        digest = data_digest(dataset, line.show, ends_digest)
        found = [digest and dict(digest=digest, items=len(dataset))]
    broadcast_object_list(found)
    return found[0]
