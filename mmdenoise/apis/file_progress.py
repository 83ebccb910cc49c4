"""How far a command is that works on image files: in megapixels."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable

from mmdenoise.images import image_size
from mmdenoise.progress_line import ProgressLine

__all__ = ["FileProgress"]


class FileProgress:
    """Megapixels done, of all files that have a size.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        sizes = {path: image_size(path) for path in paths}
        self._pixels = {path: height * width for path, (height, width) in sizes.items()}
        self._before = self._now = 0
        # What a failed file leaves undone says nothing of the pace.
        self._worked = 0
        self._start = time.monotonic()
        self._line = ProgressLine("megapixels", sys.stderr)

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._line.say(text)

    def show(self, done: int, total: int) -> None:
        """Show how many pixels of the file at hand are done."""
        self._now = done
        self._show()

    def finish(self, path: str) -> None:
        """Go on to the next file, however much of this one was done."""
        undone = self._now < self._pixels[path]
        self._before += self._pixels[path]
        self._worked += self._now
        self._now = 0
        if undone:
            self._show()

    def _show(self) -> None:
        done, total = self._before + self._now, sum(self._pixels.values())
        worked = max(self._worked + self._now, 1)
        left = (time.monotonic() - self._start) / worked * (total - done)
        # Hundredths, and never 0 in all.
        self._line.show(round(done / 1e6, 2), max(round(total / 1e6, 2), 0.01), left)
