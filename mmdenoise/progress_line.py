"""How far a run is: one line with the share done and the time left."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from statistics import fmean
from typing import TextIO

__all__ = ["ProgressLine", "TimeLeft"]


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
