"""JPEGs that end too early: libjpeg fills what is missing with grey, and only warns.

A decoder takes as many bits as it has blocks to fill. So bits put between the last scan
and the end marker change nothing in a whole file, and something in one that lacks some.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image

__all__ = ["refuse_missing_blocks"]

# What ends a scan: a marker that is neither a stuffed byte nor a restart.
MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.S)
END_OF_IMAGE = 0xD9
SEQUENTIAL = (0xC0, 0xC1)
MORE_BITS = bytes.fromhex("5aa5936c1be4d27835c9") * 8
# A block without bits: mid-grey, one level off where CMYK is turned.
FILLED = (127, 128)


def refuse_missing_blocks(data: bytes, pixels: np.ndarray | None = None) -> None:
    """Refuse a JPEG whose data ends before its last block.

    Args:
        data: A whole file, or a segment of a TIFF with its tables before it.
        pixels: What Pillow decodes it to, where that is known.

    Raises:
        ValueError: If blocks are missing.
    """
    frame, end = _frame_and_end(data)
    if end is None:
        return  # whoever decodes it refuses what has no end
    pixels = _decoded(data) if pixels is None else pixels
    # A progressive one lacks precision, and shows no grey.
    if frame in SEQUENTIAL and not np.isin(pixels[-1, -1], FILLED).all():
        return
    more = b"".join((data[:end], MORE_BITS, data[end:]))
    if not np.array_equal(_decoded(more), pixels):
        raise ValueError("image file is truncated: its data ends before its last block")


def _decoded(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return np.asarray(image)


def _frame_and_end(data: bytes) -> tuple[int | None, int | None]:
    """Find the kind of the first image's frame, and where its end marker is."""
    place, frame = 2, None
    while (found := MARKER.search(data, place)) is not None:
        marker = found[1][0]
        if marker == END_OF_IMAGE:
            return frame, found.start()
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            frame = marker
        place = found.end()
        # What a segment holds may look like a marker.
        place += int.from_bytes(data[place : place + 2], "big")
    return frame, None
