"""Denoise files: which go where, one after the other, and what is wrong with which."""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from mmdenoise.engine.progress import ProgressLine
from mmdenoise.images.files import image_size, read_image, refuse_unfit, write_image

from .denoising import denoise

__all__ = ["Outcome", "denoise_files", "plan_files"]

# What reading, denoising or writing of one image may raise; others go on.
ERRORS = (OSError, RuntimeError, TypeError, ValueError, MemoryError)


def plan_files(sources: Sequence[str], out: str) -> list[tuple[str, str]]:
    """Say where the image of each file goes.

    One file goes to ``out``, or into it where that is a folder or ends in a separator.
    Of a folder every file below it, and of a pattern every file that matches (``**``
    goes down into folders), goes into the folder ``out``, at the same place below it.
    Files whose names begin with a dot, and those that lie in ``out``, are passed over.

    Args:
        sources: Files, folders, or patterns.
        out: A file or a folder.

    Returns:
        Paths read and written, sorted.

    Raises:
        FileNotFoundError: If there is no such file, or none in a folder.
        ValueError: If an image would be written over an input, or over another's.
    """
    single = len(sources) == 1 and os.path.isfile(sources[0])
    into = os.path.isdir(out) or out.endswith(("/", os.sep))
    if single and not into:
        pairs = [(sources[0], out)]
    elif os.path.isfile(out):
        raise ValueError(f"{out!r} is a file; several images need a folder")
    else:
        found = [pair for source in sources for pair in _found(source, out)]
        pairs = sorted({(path, os.path.join(out, name)) for path, name in found})
    inputs = {os.path.realpath(path) for path, _ in pairs}
    written: dict[str, str] = {}
    for path, target in pairs:
        real = os.path.realpath(target)
        if real in inputs:
            raise ValueError(
                f"{path!r} would be written over the input {target!r}: name another OUT"
            )
        if real in written:
            raise ValueError(
                f"{written[real]!r} and {path!r} would both be written to {target!r}"
            )
        written[real] = path
    return pairs


def _found(source: str, out: str) -> list[tuple[str, str]]:
    """Files of a source, and their names below the output's folder."""
    if os.path.isfile(source):
        return [(source, os.path.basename(source))]
    root, pattern = source, os.path.join(glob.escape(source), "**")
    if not os.path.isdir(source):
        if not glob.has_magic(source):
            raise FileNotFoundError(f"there is no file or folder {source!r}")
        pattern = source
        # The folders before the first that is a pattern.
        while glob.has_magic(root):
            root = os.path.dirname(root)
    outside = os.path.realpath(out) != os.path.realpath(root)
    paths = [
        path
        for path in glob.glob(pattern, recursive=True)
        if os.path.isfile(path) and not (outside and _lies_in(path, out))
    ]
    if not paths:
        raise FileNotFoundError(f"there are no files in {source!r}")
    return [(path, os.path.relpath(path, root or ".")) for path in paths]


def _lies_in(path: str, folder: str) -> bool:
    return os.path.realpath(path).startswith(os.path.realpath(folder) + os.sep)


@dataclass
class Outcome:
    """What became of some files.

    Attributes:
        written: Paths of the images that were denoised.
        failed: What was wrong with the others, by their paths.
    """

    written: list[str]
    failed: dict[str, str]


def denoise_files(
    denoiser: nn.Module, pairs: Sequence[tuple[str, str]], tile: int | None = None
) -> Outcome:
    """Denoise files, one after the other; what is wrong with one is said, in a line.

    Shows progress on the standard error.

    Args:
        denoiser: As of :func:`mmdenoise.apis.denoise`.
        pairs: Of paths, read and written: :func:`plan_files`.
        tile: As of :func:`mmdenoise.apis.denoise`.
    """
    progress = _Progress(path for path, _ in pairs)
    outcome = Outcome([], {})
    for path, target in pairs:
        try:
            picture = read_image(path)
            refuse_unfit(target, picture)
            picture.pixels = denoise(denoiser, picture.pixels, tile, progress.show)
            write_image(target, picture)
        except ERRORS as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            if repr(path) not in reason and repr(target) not in reason:
                reason = f"{path!r}: {reason}"
            outcome.failed[path] = reason
            progress.say(f"error: {reason}")
        else:
            outcome.written.append(target)
        progress.finish(path)
    return outcome


class _Progress:
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
