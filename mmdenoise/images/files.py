"""Image files in and out, with all their bits: PNG, JPEG and TIFF.

Pillow reads and writes what has 8 bits a value, and grey of 16. It cuts colours of 16
bits to 8, so OpenCV reads those, and OpenCV (PNG) and tifffile (TIFF) write them.
"""

from __future__ import annotations

import contextlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import tifffile
from PIL import Image

from mmdenoise.atomic_files import atomic_path

__all__ = [
    "FORMATS",
    "Picture",
    "image_size",
    "read_image",
    "refuse_unfit",
    "write_image",
]

# By the ending of the file that is written.
FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
READABLE = ("PNG", "JPEG", "TIFF")
JPEG_QUALITY = 95
# As OpenCV's; Pillow's own limit stops at 179 megapixels, and warns at half of that.
MOST_PIXELS = 2**30
READ_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# How Pillow calls the 16-bit values of a file.
GREY_16 = ("I;16", "I;16B", "I;16L", "I;16N")
ORIENTATION = 0x0112


@dataclass
class Picture:
    """An image and what goes with it.

    Attributes:
        pixels: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4): grey or RGB, with or without
            alpha; uint8 or uint16.
        exif: The EXIF block, as it was; it holds the orientation, which ``pixels`` are
            not turned by.
        icc: The ICC profile.
        dpi: Horizontal and vertical resolution.
    """

    pixels: np.ndarray
    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None


def image_size(path: str) -> tuple[int, int]:
    """Read height and width of an image from its header; (0, 0) if there is none."""
    try:
        with _opened(path) as image:
            return image.size[1], image.size[0]
    except (*READ_ERRORS, FileNotFoundError):
        return 0, 0


def read_image(path: str) -> Picture:
    """Read a file whole, or not at all.

    Palettes become RGB, transparent colours alpha, bilevel images grey.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no PNG, JPEG or TIFF, is not whole, or holds several
            images, other colours than grey or RGB, or values that are not of 8 or 16
            bits.
    """
    try:
        with _opened(path) as image:
            fault = _fault_of(image)
            if fault is None:
                raw = _raw_modes(image)
                wide = any(";16" in mode for mode in raw)
                image.load()
                pixels = _wide_pixels(path, image) if wide else _pixels(image)
                info = image.info
                turned = image.format == "TIFF"  # Pillow has done it
                return Picture(
                    pixels,
                    exif=None if turned else info.get("exif"),
                    icc=info.get("icc_profile"),
                    dpi=info.get("dpi"),
                )
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no image {path!r}") from None
    except Image.UnidentifiedImageError:
        raise ValueError(f"{path!r} is no PNG, JPEG or TIFF image") from None
    except READ_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"cannot read {path!r}: {reason}") from None
    raise ValueError(f"{path!r} {fault}")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[Image.Image]:
    most = Image.MAX_IMAGE_PIXELS
    # Pillow warns at its limit, and fails at twice of it.
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        # It warns of fields beside the image that are damaged, too.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            with Image.open(path, formats=READABLE) as image:
                yield image
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _raw_modes(image: Image.Image) -> list[str]:
    arguments = [
        args if isinstance(args, tuple) else (args,) for *_, args in image.tile
    ]
    return [str(args[0]) for args in arguments if args]


def _fault_of(image: Image.Image) -> str | None:
    """Say why an opened image is not taken; None if it is."""
    raw = _raw_modes(image)
    wide = any(";16" in mode for mode in raw)
    # MPO: a JPEG with more images behind it, previews mostly, as many cameras write it.
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        return f"holds {image.n_frames} images: split it into one file each"
    if image.mode.startswith(("I", "F")) and not all(mode in GREY_16 for mode in raw):
        return f"holds values that are not of 8 or 16 bits ({', '.join(set(raw))})"
    if image.mode in ("CMYK", "LAB", "HSV"):
        return f"holds {image.mode} colours: convert it to RGB"
    if wide and "transparency" in image.info:
        return "holds a transparent colour of 16 bits: convert it to an alpha channel"
    if wide and image.format == "TIFF" and image.tag_v2.get(262) == 0:
        return "holds 16-bit values with 0 as white: convert it to 0 as black"
    return None


def _pixels(image: Image.Image) -> np.ndarray:
    mode = image.mode
    if "transparency" in image.info or mode in ("PA", "RGBa"):
        mode = "LA" if mode == "L" else "RGBA"
    elif mode == "La":
        mode = "LA"
    elif mode == "1":
        mode = "L"
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        mode = "RGB"
    return np.array(image if image.mode == mode else image.convert(mode))


def _wide_pixels(path: str, image: Image.Image) -> np.ndarray:
    """Decode 16 bits a value; Pillow, which fails where a file is not whole, checks."""
    if len(image.getbands()) == 1:
        return np.array(image).astype(np.uint16)
    with open(path, "rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError("OpenCV does not decode its 16-bit values")
    pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if not np.array_equal(pixels >> 8, np.asarray(image)):
        raise ValueError("OpenCV and Pillow decode different 16-bit values")
    if _raw_modes(image)[:1] == ["LA;16B"]:
        return np.ascontiguousarray(pixels[..., [0, 3]])
    return np.ascontiguousarray(pixels)


def refuse_unfit(path: str, picture: Picture) -> None:
    """Refuse an image that :func:`write_image` would not write.

    Raises:
        ValueError: If the file's ending is none of :data:`FORMATS`, or its format
            cannot hold the image: JPEG holds 8 bits a value and no alpha.
    """
    if _ending(path) not in FORMATS:
        raise ValueError(
            f"cannot write {path!r}: its ending must be one of {', '.join(FORMATS)}"
        )
    shape, wide = picture.pixels.shape, picture.pixels.dtype == np.uint16
    if FORMATS[_ending(path)] == "JPEG" and (wide or shape[2:] in ((2,), (4,))):
        what = "16 bits a value" if wide else "an alpha channel"
        raise ValueError(f"cannot write {path!r}: JPEG does not hold {what}; take PNG")


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def write_image(path: str, picture: Picture) -> None:
    """Write a file in the format of its ending, whole or not at all.

    PNG and TIFF are lossless. JPEG has quality 95 without chroma subsampling. Grey and
    alpha of 16 bits become RGB and alpha. A TIFF gets its pixels turned upright and no
    EXIF block.

    Raises:
        ValueError: As :func:`refuse_unfit`.
    """
    refuse_unfit(path, picture)
    kind = FORMATS[_ending(path)]
    pixels = picture.pixels
    wide = pixels.dtype == np.uint16
    if kind == "TIFF":
        pixels = _upright(pixels, picture.exif)
    with atomic_path(path) as temporary:
        if wide and pixels.ndim == 3:
            if pixels.shape[2] == 2:
                pixels = pixels[..., [0, 0, 0, 1]]
            write = _write_wide_tiff if kind == "TIFF" else _write_wide_png
            write(temporary, pixels, picture)
            return
        options = dict(icc_profile=picture.icc)
        if picture.dpi is not None:
            options["dpi"] = picture.dpi
        if kind == "JPEG":
            options.update(quality=JPEG_QUALITY, subsampling=0)
        elif kind == "TIFF":
            options.update(compression="tiff_adobe_deflate")
        if picture.exif is not None and kind != "TIFF":
            options["exif"] = picture.exif
        Image.fromarray(pixels).save(temporary, kind, **options)


def _upright(pixels: np.ndarray, exif: bytes | None) -> np.ndarray:
    """Turn an image as its EXIF orientation says."""
    tags = Image.Exif()
    tags.load(exif or b"")
    orientation = tags.get(ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _write_wide_tiff(path: str, pixels: np.ndarray, picture: Picture) -> None:
    options = dict(resolution=picture.dpi, resolutionunit="INCH") if picture.dpi else {}
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb",
        planarconfig="contig",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="zlib",
        iccprofile=picture.icc,
        metadata=None,
        **options,
    )


def _write_wide_png(path: str, pixels: np.ndarray, picture: Picture) -> None:
    bgr = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    encoded = cv2.imencode(".png", bgr)[1].tobytes()
    chunks = b""
    # Between the header and the pixels, where the format wants them.
    if picture.icc is not None:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if picture.dpi is not None:
        metres = (round(dots / 0.0254) for dots in picture.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *metres, 1))
    if picture.exif is not None:
        exif = picture.exif
        chunks += _chunk(b"eXIf", exif[6:] if exif.startswith(b"Exif\0\0") else exif)
    header = len(b"\x89PNG\r\n\x1a\n") + 4 + 4 + 13 + 4
    with open(path, "wb") as file:
        file.write(encoded[:header] + chunks + encoded[header:])


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
