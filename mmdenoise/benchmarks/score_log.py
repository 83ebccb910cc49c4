"""Scores of denoisers, image by image, in a file that outlives a killed run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["ResultLog", "Score", "parts_of"]


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


NUMBERS = ("psnr", "ssim", "seconds", "pixels")


def parts_of(method: str, image: str, code: str) -> dict[str, str]:
    """Contents that a result depends on, beside level and seed.

    Args:
        method: Digest of the method: its weights and what they are.
        image: Digest of the clean image's pixels.
        code: Digest of the code.
    """
    return dict(weights=method, image=image, code=code)


def _key(names: Mapping, parts: Mapping[str, str]) -> str:
    """Name a result by all that it depends on, and by nothing else."""
    kept = [*parts.values(), float(names["sigma"]), names["seed"]]
    return hashlib.sha256(json.dumps(kept).encode()).hexdigest()[:24]


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

    def get(self, names: Mapping, parts: Mapping[str, str]) -> dict | None:
        """Return a result; None if there is none yet, or it is no whole one.

        Args:
            names: The method, data set and image, whose names do not matter here, and
                ``sigma`` and ``seed``, which do.
            parts: From :func:`parts_of`.
        """
        record = self._found.get(_key(names, parts), {})
        whole = all(isinstance(record.get(name), (int, float)) for name in NUMBERS)
        return record if whole else None

    def changes(self, names: Mapping, parts: Mapping[str, str]) -> list[str]:
        """Say which parts differ from those of a result of the same names, if any."""
        found = [
            [name for name in parts if record.get("parts", {}).get(name) != parts[name]]
            for record in self._found.values()
            if all(record.get(name) == value for name, value in names.items())
        ]
        return min(found, key=len, default=[])

    def add(self, names: Mapping, parts: Mapping[str, str], **result: float) -> None:
        """Append a result, and wait until it is on the disk."""
        key = _key(names, parts)
        record = dict(key=key, **names, parts=dict(parts), **result)
        self._found[key] = record
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        # In front as well: what a killed process has begun stays a line of its own.
        line = "\n" + json.dumps(record) + "\n"
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.encode())
            os.fsync(file.fileno())
