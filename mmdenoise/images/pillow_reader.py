"""What Pillow decodes: PNG, JPEG, WebP, BMP, PPM and GIF.

It cuts colours of 16 bits to 8, so OpenCV decodes those of a PNG.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image

from .jpeg_scans import refuse_missing_blocks
from .picture import ALPHA, Metadata, Picture
from .png_chunks import ancillary_chunks, refuse_missing_rows

__all__ = ["COLOURS", "READABLE", "fault_of", "opened", "read_pillow"]

READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
# As OpenCV's; Pillow's own limit stops at 179 megapixels, and warns at half of that.
MOST_PIXELS = 2**30
# How Pillow calls the 16-bit values of a file.
GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N")
COLOURS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "I;16")
_LIMIT = threading.RLock()


@contextlib.contextmanager
def opened(file: str | BinaryIO) -> Iterator[Image.Image]:
    """Open an image, of any size that the other readers take, without warnings."""
    with _LIMIT:  # both are the process's
        most = Image.MAX_IMAGE_PIXELS
        # Pillow warns at its limit, and fails at twice of it.
        Image.MAX_IMAGE_PIXELS = MOST_PIXELS
        try:
            # It warns of fields beside the image that are damaged, too.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                image = Image.open(file, formats=READABLE)
        finally:
            Image.MAX_IMAGE_PIXELS = most
    with image:
        yield image


def fault_of(image: Image.Image, convert: Sequence[str] = ()) -> str | None:
    """Say why an opened image is not taken; None if it is."""
    raw, wide = _raw_modes(image), _is_wide(image)
    # MPO: a JPEG with more images behind it, previews mostly, as many cameras write it.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        return f"holds {image.n_frames} images: split it into one file each"
    if image.format == "PPM" and _maxval(image) > 255:
        return f"holds values up to {_maxval(image)}: convert it to PNG or TIFF"
    if image.mode.startswith(("I", "F")) and not all(mode in GREY_16 for mode in raw):
        return f"holds values that are not of 8 or 16 bits ({', '.join(set(raw))})"
    if not image.mode.startswith("I") and image.mode not in (*COLOURS, *convert):
        return f"holds {image.mode} colours: convert it to RGB"
    if image.mode not in COLOURS and any(";16" in mode for mode in raw):
        return f"holds {image.mode} colours of 16 bits: convert it to RGB"
    if wide and "transparency" in image.info:
        return "holds a transparent colour of 16 bits: convert it to an alpha channel"
    return None


def read_pillow(file: BinaryIO, image: Image.Image) -> Picture:
    """Decode an opened image that has no fault.

    Args:
        file: What it was opened from.
        image: As :func:`opened` gives it.

    Raises:
        Any of ``reader.READ_ERRORS``: If it is not whole.
    """
    raw = _raw_modes(image)  # gone once it is loaded
    wide = _is_wide(image)
    image.load()
    if image.format == "PNG":
        refuse_missing_rows(file)
        if raw[:1] in (["L;2"], ["L;4"]) and "transparency" in image.info:
            # Of the file's own values, which Pillow has spread over 8 bits.
            image.info["transparency"] *= 85 if raw[0] == "L;2" else 17
    if image.format in ("JPEG", "MPO"):
        file.seek(0)
        refuse_missing_blocks(file.read(), np.asarray(image))
    pixels = _wide_pixels(file, image, raw) if wide else pixels_of(image)
    info = image.info
    chunks, notes = [], []
    if image.format == "PNG":
        file.seek(0)
        chunks = ancillary_chunks(file)
    if image.format == "MPO" and image.n_frames > 1:
        notes.append(f"the {image.n_frames - 1} images behind the first")
    if "photoshop" in info:
        notes.append("Photoshop's block (IPTC)")
    metadata = Metadata(
        exif=info.get("exif"),
        icc=info.get("icc_profile"),
        xmp=_bytes(info.get("xmp")),
        dpi=info.get("dpi"),
        comment=_bytes(info.get("comment")),
        chunks=chunks,
    )
    extras = (ALPHA,) if pixels.shape[2:] in ((2,), (4,)) else ()
    return Picture(pixels, extras, metadata, notes=notes)


def _raw_modes(image: Image.Image) -> list[str]:
    """What the file's own samples are; Pillow calls RGB of 16 bits RGB, too."""
    arguments = [
        args if isinstance(args, tuple) else (args,) for *_, args in image.tile
    ]
    return [str(args[0]) for args in arguments if args]


def _is_wide(image: Image.Image) -> bool:
    # A BMP's "BGR;16" are 5 or 6 bits a value.
    return image.format == "PNG" and any(";16" in mode for mode in _raw_modes(image))


def _maxval(image: Image.Image) -> int:
    """The value of white that a PPM states; 255 where it states none."""
    found = [args[1] for *_, args in image.tile if isinstance(args, tuple) and args[1:]]
    return next((value for value in found if isinstance(value, int)), 255) or 255


def _bytes(value: object) -> bytes | None:
    return value.encode("latin-1", "replace") if isinstance(value, str) else value


def pixels_of(image: Image.Image) -> np.ndarray:
    """Samples of a loaded image: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    mode = image.mode
    if "transparency" in image.info or mode in ("PA", "RGBa"):
        mode = "LA" if mode in ("1", "L") else "RGBA"
    elif mode == "La":
        mode = "LA"
    elif mode == "1":
        mode = "L"
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        mode = "RGB"
    indexed = image.mode in ("P", "PA")
    pixels = np.array(image if image.mode == mode else image.convert(mode))
    if indexed and (pixels[..., :1] == pixels[..., 1:3]).all():
        pixels = pixels[..., [0, 3]] if mode == "RGBA" else pixels[..., 0]
        pixels = np.ascontiguousarray(pixels)
    return pixels


def _wide_pixels(file: BinaryIO, image: Image.Image, raw: list[str]) -> np.ndarray:
    """Decode 16 bits a value; Pillow, which fails where a file is not whole, checks."""
    if len(image.getbands()) == 1:
        return np.array(image).astype(np.uint16)
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("OpenCV does not decode its 16-bit values")
    pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if not np.array_equal(pixels >> 8, np.asarray(image)):
        raise ValueError("OpenCV and Pillow decode different 16-bit values")
    if raw[:1] == ["LA;16B"]:
        pixels = pixels[..., [0, 3]]
    return np.ascontiguousarray(pixels)
