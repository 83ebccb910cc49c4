"""Scores of denoisers, image by image, in a file that outlives a killed run."""

from __future__ import annotations

import hashlib
import json
import os
from typing import NamedTuple

from mmdenoise.version import __version__

__all__ = ["ResultLog", "Score", "key_of"]


class Score(NamedTuple):
    """What one method made of one noisy image.

    Attributes:
        data: Name of the data set.
        image: The image's file, within the data set's folder.
        method: Name of the method.
        sigma: Noise level in 8-bit units.
        psnr: In dB.
        ssim: In [-1, 1].
        seconds: For denoising, with no loading and no scoring.
        pixels: Height times width.
    """

    data: str
    image: str
    method: str
    sigma: float
    psnr: float
    ssim: float
    seconds: float
    pixels: int


def key_of(method: str, image: str, sigma: float, seed: int) -> str:
    """Name a result by all that it depends on, and by nothing else.

    Args:
        method: Digest of the method: its weights and what they are.
        image: Digest of the clean image's pixels.
        sigma: Noise level in 8-bit units.
        seed: Seed of the noise.
    """
    parts = [__version__, method, image, float(sigma), seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


class ResultLog:
    """Results by their keys, one JSON object a line, appended as they come.

    A process killed while it writes leaves one line that does not parse, which is left
    out. Several processes may append to one file.

    Args:
        path: The file; it is made with the first result.

    Raises:
        ValueError: If the file holds something else.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._found: dict[str, dict] = {}
        lines = []
        if os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        broken = 0
        for line in lines:
            try:
                record = json.loads(line)
                self._found[record["key"]] = record
            except (ValueError, KeyError, TypeError):
                broken += bool(line.strip())
        if broken and not self._found:
            raise ValueError(f"{path!r} holds no results of benchmarks: move it away")

    def get(self, key: str) -> dict | None:
        """Return the result of a key; None if there is none yet."""
        return self._found.get(key)

    def add(self, key: str, **result: object) -> None:
        """Append a result, and wait until it is on the disk."""
        record = dict(key=key, **result)
        self._found[key] = record
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        # In front as well: what a killed process has begun stays a line of its own.
        line = "\n" + json.dumps(record) + "\n"
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.encode())
            os.fsync(file.fileno())
