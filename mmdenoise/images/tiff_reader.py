"""TIFF files: tifffile says what they hold and decodes what it has codecs for.

What is compressed otherwise (LZW, JPEG, Group 4) Pillow and OpenCV decode, where the
package ``imagecodecs``, from which tifffile takes its codecs, is not installed.
"""

from __future__ import annotations

import math
from itertools import islice
from typing import BinaryIO

import cv2
import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from .jpeg_scans import refuse_missing_blocks
from .picture import ALPHA, ORIENTATION, OTHER, PREMULTIPLIED, Picture, turned
from .pillow_reader import opened, pixels_of
from .tiff_tags import read_metadata, stated_white

__all__ = ["is_tiff", "read_tiff"]

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
GREYS = {"MINISWHITE": 1, "MINISBLACK": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3}
EXTRAS = {0: OTHER, 1: PREMULTIPLIED, 2: ALPHA}
CODECS = "pip install imagecodecs, or save it uncompressed"
# A page may name an earlier one as the next, and so on without end.
MOST_PAGES = 100
# Of the integers that one sample may have, but 16.
SMALL = (1, 2, 4, 8)
JPEG = 7
# What the libtiff inside Pillow decodes: none, CCITT, LZW, JPEG, Deflate, PackBits.
# Those with a predictor: LZW, Deflate.
PREDICTED = (5, 8, 32946)
LIBTIFF = (1, 2, 3, 4, 5, 7, 8, 32773, 32946)


def is_tiff(start: bytes) -> bool:
    """Whether a file that begins so is a TIFF or BigTIFF."""
    return start[:4] in MAGIC


def read_tiff(file: BinaryIO) -> tuple[str | None, Picture | None]:
    """Decode a file.

    Returns:
        Why it is refused, or None, and the picture, or None.

    Raises:
        Any of ``reader.READ_ERRORS``: If it is not whole.
    """
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        fault = _fault_of(tiff, page)
        if fault is not None:
            return fault, None
        _refuse_truncated(tiff, page)
        pixels = _by_tifffile(page)
        if pixels is None:
            pixels = _by_others(file, page)
        if pixels is None:
            return (
                f"is compressed by {_compression(page)} in {page.bitspersample} bits, "
                f"which nothing here decodes: {CODECS}",
                None,
            )
        metadata, notes = read_metadata(tiff, page)
        white = stated_white(page)
        return None, Picture(pixels, _extras(page), metadata, white, notes)


def _extras(page: tifffile.TiffPage) -> tuple[str, ...]:
    """What each sample behind the colours is; what is not said is unspecified."""
    count = page.samplesperpixel - GREYS[page.photometric.name]
    said = page.extrasamples
    return tuple(EXTRAS[said[i]] if i < len(said) else OTHER for i in range(count))


def _fault_of(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> str | None:
    """Say why a page is not taken; None if it is."""
    pages = list(islice(tiff.pages, MOST_PAGES + 1))
    if len(pages) > MOST_PAGES:
        return f"holds more than {MOST_PAGES} images: split it into one file each"
    images = [other for other in pages if not _is_reduced(other)]
    count = max(len(images), int((tiff.imagej_metadata or {}).get("images", 1)))
    if count > 1 or page.imagedepth > 1:
        count = max(count, page.imagedepth)
        return f"holds {count} images: split it into one file each"
    colours = getattr(page.photometric, "name", str(page.photometric))
    if colours not in GREYS:
        return f"holds {colours} colours: convert it to RGB"
    formats = page.tags.valueof(339, 1)
    bits = page.tags.valueof(258, 1)
    kinds = set(np.atleast_1d(formats).tolist()), set(np.atleast_1d(bits).tolist())
    known = page.dtype is not None and len(kinds[0]) == len(kinds[1]) == 1
    whole = known and page.sampleformat == 1 and page.bitspersample <= 16
    real = known and page.sampleformat == 3 and page.bitspersample in (16, 32, 64)
    if not (whole or real):
        return (
            f"holds values that are not of 8 or 16 bits or floats (sample format "
            f"{formats}, {bits} bits)"
        )
    if colours != "MINISBLACK" and not (whole and page.bitspersample in (*SMALL, 16)):
        if colours != "RGB":
            return f"holds {colours} values of {bits} bits: convert it to RGB"
    if colours == "PALETTE" and page.bitspersample > 8:
        return "holds a palette of 16 bits: convert it to RGB"
    if colours == "YCBCR" and page.compression not in (6, 7, 50001, 33003, 34712):
        return "holds YCbCr colours without JPEG compression: convert it to RGB"
    if page.samplesperpixel < GREYS[colours]:
        return f"holds {page.samplesperpixel} samples a pixel as {colours}"
    extras = _extras(page)
    if colours != "RGB" and extras and (len(extras) > 1 or extras[0] == OTHER):
        return (
            f"holds {page.samplesperpixel} samples a pixel and says not what they are: "
            "split it into one file each, or save three as RGB"
        )
    return None


def _is_reduced(page: tifffile.TiffPage | tifffile.TiffFrame) -> bool:
    """Whether a page is a smaller copy or a mask of another: NewSubfileType."""
    return bool(int(getattr(page, "subfiletype", 0) or 0) & 5)


def _refuse_truncated(tiff: tifffile.TiffFile, page: tifffile.TiffPage) -> None:
    """Refuse strips or tiles that are missing, cut, or reach behind the file's end.

    Raises:
        ValueError: Saying which.
    """
    count = math.prod(page.chunked)
    offsets, sizes = page.dataoffsets, page.databytecounts
    if page.is_contiguous and len(offsets) == 1:
        sizes = (max(sizes[0], page.nbytes),)
    elif len(offsets) < count or len(sizes) < count:
        raise ValueError(f"{len(offsets)} strips or tiles of {count} are there")
    if not all(sizes):
        raise ValueError("some of its strips or tiles are empty")
    end = max(offset + size for offset, size in zip(offsets, sizes))
    if end > tiff.filehandle.size:
        raise ValueError(
            f"image file is truncated: it has {tiff.filehandle.size} bytes of {end}"
        )
    if int(page.compression) == JPEG and page.bitspersample == 8:  # Pillow's limit
        tables = (page.jpegtables or b"\xff\xd8\xff\xd9")[:-2]
        for offset, size in zip(offsets, sizes):
            tiff.filehandle.seek(offset)
            refuse_missing_blocks(tables + tiff.filehandle.read(size)[2:])


def _compression(page: tifffile.TiffPage) -> str:
    return getattr(page.compression, "name", str(page.compression))


def _by_tifffile(page: tifffile.TiffPage) -> np.ndarray | None:
    """Decode a page: (H, W) or (H, W, C), upright; None if a codec is missing."""
    try:
        stored = page.asarray(squeeze=False, maxworkers=1)
    except ImportError:  # of Python's own codecs, in older ones
        return None
    except (ValueError, NotImplementedError, KeyError, TypeError) as error:
        if "imagecodecs" in str(error):
            return None
        raise
    # Of separate samples, depth, rows, columns, samples side by side.
    samples = np.moveaxis(stored[:, 0], 0, -2)
    samples = samples.reshape(page.imagelength, page.imagewidth, -1)
    samples = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    bits, colours = page.bitspersample, page.photometric.name
    if colours == "PALETTE":
        samples = _indexed(samples[..., 0], page.colormap)
    elif bits < 8:
        samples = samples.astype(np.uint8) * np.uint8(255 // (2**bits - 1))
    if colours == "MINISWHITE":
        samples = np.concatenate([~samples[..., :1], samples[..., 1:]], axis=-1)
    if samples.shape[-1] == 1:
        samples = samples[..., 0]
    return turned(samples, _orientation(page))


def _indexed(indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Look colours up.

    Args:
        indices: (H, W).
        palette: (3, N), 16 bits, of which files use the upper 8.

    Returns:
        (H, W, 3) uint8, or (H, W, 1) if all are grey.
    """
    colours = (palette >> 8).astype(np.uint8).T
    grey = (colours == colours[:, :1]).all()
    return (colours[:, :1] if grey else colours)[indices]


def _orientation(page: tifffile.TiffPage) -> int:
    return int(page.tags.valueof(ORIENTATION, 1))


def _by_others(file: BinaryIO, page: tifffile.TiffPage) -> np.ndarray | None:
    """Let Pillow decode what it has a mode for, and OpenCV colours of 16 bits.

    What Pillow and the libtiff in it are known to decode wrongly is left out. Pillow
    turns the image upright.
    """
    predicted = page.predictor != 1 and int(page.compression) not in PREDICTED
    apart = page.planarconfig != 1 and page.photometric.name != "RGB"
    if int(page.compression) not in LIBTIFF or predicted or apart:
        return None
    file.seek(0)
    try:
        with opened(file) as image:
            image.load()
            pixels = _of_pillow(image)
    except UnidentifiedImageError:
        return None
    if page.sampleformat == 3 or page.bitspersample == 16 and page.samplesperpixel > 1:
        pixels = _as_opencv(file, page, pixels)
    samples = GREYS[page.photometric.name] + len(_extras(page))
    if pixels is None or pixels.dtype.itemsize * 8 != max(page.bitspersample, 8):
        return None
    found = pixels.shape[2] if pixels.ndim == 3 else 1
    return pixels if page.photometric.name == "PALETTE" or found == samples else None


def _of_pillow(image: Image.Image) -> np.ndarray | None:
    """Samples as they are stored; None if Pillow has changed or dropped some."""
    if image.mode == "YCbCr":
        image = image.convert("RGB")
    if image.mode in ("1", "P"):
        return pixels_of(image)
    if image.mode.startswith("I;16"):
        return np.array(image).astype(np.uint16)
    known = ("L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "F")
    return np.array(image) if image.mode in known else None


def _as_opencv(
    file: BinaryIO, page: tifffile.TiffPage, known: np.ndarray | None
) -> np.ndarray | None:
    """Floats, and colours of 16 bits, where OpenCV decodes as Pillow does.

    Args:
        file: The file.
        page: Its page.
        known: What Pillow decodes: the floats, or the upper 8 bits of the colours.
    """
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if known is None or pixels is None:
        return None
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    for turn in (1, _orientation(page)):
        candidate = turned(pixels, turn)
        wide = candidate.dtype == np.uint16
        if np.array_equal(candidate >> 8 if wide else candidate, known):
            return candidate
    return None
