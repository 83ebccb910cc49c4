"""The one reader of image files: every format, layout and depth, with all bits."""

from __future__ import annotations

import io
import lzma
import os
import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import tifffile
from PIL import Image

from .picture import Picture
from .pillow_reader import COLOURS, fault_of, opened, read_pillow
from .tiff_reader import is_tiff, read_tiff

__all__ = ["ENDINGS", "UnreadableError", "image_size", "read_image"]

# Of the files that a folder is searched for.
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"),
    *(".ppm", ".pgm", ".pnm"),
)
# What Pillow, tifffile and OpenCV raise at damaged files; the last at absurdly large
# ones.
READ_ERRORS = (
    *(OSError, SyntaxError, ValueError, AssertionError, KeyError, IndexError),
    *(TypeError, EOFError, ArithmeticError, NotImplementedError, RuntimeError),
    *(struct.error, zlib.error, lzma.LZMAError, MemoryError, tifffile.TiffFileError),
    Image.DecompressionBombError,
)
KINDS = "PNG, JPEG, TIFF, WebP, BMP, PPM or GIF"


class UnreadableError(ValueError):
    """A file that is not a whole image."""


def image_size(path: str) -> tuple[int, int]:
    """Read height and width of an image from its header; (0, 0) if there is none."""
    try:
        with opened(path) as image:
            return image.size[1], image.size[0]
    except READ_ERRORS:
        pass
    try:  # what Pillow has no mode for
        with tifffile.TiffFile(path) as file:
            return file.pages[0].imagelength, file.pages[0].imagewidth
    except READ_ERRORS:
        return 0, 0


def read_image(
    path: str, content: bytes | None = None, convert: Sequence[str] = ()
) -> Picture:
    """Read a file whole, or not at all, or refuse it by name: never another picture.

    Palettes become RGB, or grey if all their colours are; transparent colours become
    alpha, bilevel images grey of 0 and 255. A TIFF is turned upright.

    Args:
        path: The file.
        content: What is in it, where it does not lie on this disk.
        convert: Colours, by Pillow's names, that are turned into RGB as Pillow does it
            and would be refused otherwise: ``('CMYK',)``.

    Raises:
        FileNotFoundError: If there is no such file.
        UnreadableError: If it is no image of these formats, or not whole.
        ValueError: If it holds several images, other colours than grey or RGB, or
            values that are not of 8 or 16 bits or floats.
    """
    if content is None and os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder, not an image")
    try:
        with open(path, "rb") if content is None else io.BytesIO(content) as file:
            wide = is_tiff(file.read(4))
            file.seek(0)
            if wide and not _is_converted(file, convert):
                fault, picture = read_tiff(file)
            else:
                with opened(file) as image:
                    fault = fault_of(image, convert)
                    picture = None if fault else read_pillow(file, image)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no image {path!r}") from None
    except Image.UnidentifiedImageError:
        raise UnreadableError(
            f"cannot read the image {path!r}: it is no {KINDS}"
        ) from None
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableError(f"cannot read the image {path!r}: {reason}") from None
    if fault is not None:
        raise ValueError(f"the image {path!r} {fault}")
    return picture


def _is_converted(file: BinaryIO, convert: Sequence[str]) -> bool:
    """Whether Pillow is to turn the colours of a TIFF into RGB."""
    if not set(convert) - set(COLOURS):
        return False
    with opened(file) as image:
        found = image.mode in convert and image.mode not in COLOURS
    file.seek(0)
    return found
