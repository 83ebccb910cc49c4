"""A progress line in place of the log, for runs that are one step of several."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from statistics import fmean
from typing import TextIO

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.registry import HOOKS

__all__ = ["ProgressHook", "ProgressLine", "TimeLeft"]


class ProgressLine:
    """One line with the share done, the time left, and what else there is to say.

    On a terminal the line is renewed in place; elsewhere a new one comes at each fifth.

    Args:
        title: What is running.
        stream: Where to write; None for the standard output.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self.title = title
        self._stream = stream
        self._shown = -1

    def show(self, done: int, total: int, seconds_left: float, text: str = "") -> None:
        """Show that ``done`` of ``total`` steps are over."""
        stream, terminal = self._where()
        fifth = 5 * done // total
        if not terminal and fifth == self._shown and done < total:
            return
        self._shown = fifth
        eta = timedelta(seconds=round(seconds_left))
        line = f"{self.title}: {done}/{total}  ETA {eta}  {text}"
        end = "\n" if done == total or not terminal else ""
        print(f"\r\x1b[K{line}" if terminal else line, end=end, file=stream, flush=True)

    def say(self, text: str) -> None:
        """Write a line that stays, above the one that is renewed."""
        stream, terminal = self._where()
        print(f"\r\x1b[K{text}" if terminal else text, file=stream, flush=True)

    def _where(self) -> tuple[TextIO, bool]:
        stream = sys.stdout if self._stream is None else self._stream
        return stream, stream.isatty()


class TimeLeft:
    """Reckon the time left of steps of several kinds, each with a pace of its own.

    Args:
        steps: How many of each kind there are.
    """

    def __init__(self, steps: Mapping[str, int]) -> None:
        self.total = sum(steps.values())
        self.done = 0
        self._left = dict(steps)
        self._taken: dict[str, list[float]] = {kind: [] for kind in steps}

    def step(self, kind: str, seconds: float | None = None) -> None:
        """Count a step; one without a time was found done, or failed."""
        self.done += 1
        self._left[kind] -= 1
        if seconds is not None:
            self._taken[kind].append(seconds)

    def seconds(self) -> float:
        """Time left; kinds of which none is measured yet count as the others' mean."""
        means = {kind: fmean(taken) for kind, taken in self._taken.items() if taken}
        usual = fmean(means.values()) if means else 0.0
        return sum(left * means.get(kind, usual) for kind, left in self._left.items())


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show how far a run is, its latest losses, and an ETA: :class:`ProgressLine`.

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
