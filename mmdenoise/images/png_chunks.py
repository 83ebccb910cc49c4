"""A PNG's chunks: what it says beside its pixels, and 16-bit colours written.

Pillow keeps some of the chunks and writes fewer, and no colours of 16 bits.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

import cv2
import numpy as np

from .picture import Metadata

__all__ = ["NAMES", "ancillary_chunks", "refuse_missing_rows", "write_png"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Where the format wants what stands before the pixels: behind the header.
HEADER = len(SIGNATURE) + 4 + 4 + 13 + 4
# Kept as they are where a PNG becomes a PNG. Others are of the old pixels (palette,
# transparent colour, histogram, background), or unknown.
NAMES = {
    b"gAMA": "gamma",
    b"cHRM": "primaries",
    b"sRGB": "sRGB intent",
    b"cICP": "colour space code",
    b"mDCV": "mastering display",
    b"cLLI": "light level",
    b"pCAL": "calibration of values",
    b"sCAL": "calibration of space",
    b"oFFs": "offset",
    b"tIME": "time",
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text",
}
# Samples a pixel, by the colour type.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# First column and row of each pass, and the steps (PNG, Adam7).
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4))
PASSES += ((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
BLOCK = 1 << 20
XMP = b"XML:com.adobe.xmp\0"


def ancillary_chunks(file: BinaryIO) -> list[tuple[bytes, bytes]]:
    """Read the chunks of :data:`NAMES`, wherever they stand, but the XMP packet."""
    file.seek(len(SIGNATURE))
    found = []
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in NAMES:
            data = file.read(length)
            if len(data) == length and not (kind == b"iTXt" and data.startswith(XMP)):
                found.append((kind, data))
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)
    return found


def refuse_missing_rows(file: BinaryIO) -> None:
    """Refuse a PNG whose packed pixels end early, which Pillow would leave black.

    Raises:
        ValueError: Saying how many bytes there are.
    """
    file.seek(len(SIGNATURE) + 8)
    width, height, bits, kind, _, _, interlaced = struct.unpack(
        ">IIBBBBB", file.read(13)
    )
    expected = 0
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns = max(0, -(-(width - left) // across))
        rows = max(0, -(-(height - top) // down))
        # Each row begins with the byte of its filter.
        expected += rows * (1 + -(-columns * SAMPLES[kind] * bits // 8)) * (columns > 0)
    found, reader = 0, zlib.decompressobj()
    file.seek(len(SIGNATURE))
    while found < expected and len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name != b"IDAT":
            file.seek(length + 4, 1)
            continue
        data = file.read(length)
        while data and found < expected:
            found += len(reader.decompress(data, BLOCK))
            data = reader.unconsumed_tail
        file.seek(4, 1)
    if found + len(reader.flush()) < expected:
        raise ValueError(f"image file is truncated: {found} bytes of {expected}")


def write_png(file: BinaryIO, pixels: np.ndarray, metadata: Metadata) -> None:
    """Write an image, with all that a PNG holds of its metadata.

    Args:
        file: Where to.
        pixels: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), uint8 or uint16.
        metadata: What goes with it.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 2:  # OpenCV writes no grey and alpha
        pixels = pixels[..., [0, 0, 0, 1]]
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    encoded = cv2.imencode(".png", np.ascontiguousarray(pixels))[1]
    file.write(encoded[:HEADER])
    for chunk in _chunks(metadata):
        file.write(_chunk(*chunk))
    file.write(encoded[HEADER:])


def _chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    chunks = list(metadata.chunks)
    if metadata.icc is not None:
        # A profile and sRGB exclude each other.
        chunks = [chunk for chunk in chunks if chunk[0] != b"sRGB"]
        profile = b"ICC profile\0\0" + zlib.compress(metadata.icc)
        chunks.insert(0, (b"iCCP", profile))
    if metadata.dpi is not None:
        metres = (min(round(float(dots) / 0.0254), 2**31 - 1) for dots in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", *metres, 1)))
    if metadata.exif is not None:
        exif = metadata.exif
        chunks.append((b"eXIf", exif[6:] if exif.startswith(b"Exif\0\0") else exif))
    if metadata.xmp is not None:
        chunks.append((b"iTXt", XMP + b"\0\0\0\0" + metadata.xmp))
    if metadata.comment is not None:
        chunks.append((b"tEXt", b"Comment\0" + metadata.comment.replace(b"\0", b"")))
    return chunks


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
