"""A progress line in place of the log, for runs that are one step of several."""

from __future__ import annotations

import time

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.progress_line import ProgressLine
from mmdenoise.registry import HOOKS

__all__ = ["ProgressHook"]


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show how far a run is, its latest losses, and an ETA, in one line.

    Args:
        title: What is running.
    """

    priority = "VERY_LOW"

    def __init__(self, title: str) -> None:
        self.title = title
        self._restart(0)

    def before_train(self, runner: Runner) -> None:
        """Start the clock, at the iteration resumed from."""
        self._restart(runner.iter)

    def before_test(self, runner: Runner) -> None:
        """Start the clock."""
        self._restart(0)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Show the iteration and its losses."""
        terms = {
            name: float(torch.as_tensor(value).detach())
            for name, value in (outputs or {}).items()
            if name in ("loss", "reconstruction", "perceptual", "task")
        }
        text = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        self._show(runner.iter + 1, runner.max_iters, text)

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Show the batch."""
        self._show(batch_idx + 1, len(runner.test_dataloader))

    def _restart(self, done: int) -> None:
        self._start = (done, time.monotonic())
        self._line = ProgressLine(self.title)

    def _show(self, done: int, total: int, text: str = "") -> None:
        first, began = self._start
        left = (time.monotonic() - began) / (done - first) * (total - done)
        self._line.show(done, total, left, text)
