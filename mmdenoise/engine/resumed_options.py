"""Options of a training that changed between its beginning and its being resumed."""

from __future__ import annotations

import json

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmdenoise.registry import HOOKS
from mmdenoise.weights.config_record import part_in_text
from mmdenoise.weights.resume import differences

__all__ = ["ResumedOptionsHook"]

PARTS = ("optim_wrapper", "param_scheduler", "train_dataloader", "randomness")
# How data are loaded, and where they lie: `TrainingDataHook` looks at what they are.
FREE = ("num_workers", "persistent_workers", "pin_memory", "prefetch_factor")
FREE += ("data_root", "ann_file", "data_prefix")
MOST = 3


@HOOKS.register_module()
class ResumedOptionsHook(Hook):
    """Say which options of a resumed training are others than when it began.

    They may be meant. But a learning rate that is changed has no effect, since the
    checkpoint's wins, and with another batch size or seed the training will not repeat
    an uninterrupted one.
    """

    def __init__(self) -> None:
        self._text: object = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the config's text out; whether it is needed shows later."""
        meta = checkpoint.get("meta")
        self._text = meta.get("cfg") if isinstance(meta, dict) else None

    def before_train(self, runner: Runner) -> None:
        """Compare, where a training goes on."""
        text, self._text = self._text, None
        if runner.iter == 0 or text is None:
            return
        found = []
        for part in PARTS:
            theirs, ours = part_in_text(text, part), runner.cfg.get(part)
            if None not in (theirs, ours):
                found += differences(_plain(theirs), _plain(ours), part)
        changes = [
            f"{key} was {was!r} and is {now!r}"
            for key, was, now in found
            if key.rpartition(".")[2] not in FREE
        ]
        if changes:
            more = f" and {len(changes) - MOST} more" if len(changes) > MOST else ""
            print_log(
                f"--resume: {'; '.join(changes[:MOST])}{more}: this training will not "
                "repeat an uninterrupted one, and the optimiser's state, its learning "
                "rates included, is the checkpoint's",
                logger="current",
                level=30,
            )


def _plain(value: object) -> object:
    """An option as a record has it: tuples are lists, objects their text."""
    return json.loads(json.dumps(value, default=str))
