"""The one writer of image files: whole or not at all, and nothing lost in silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tifffile
from PIL import Image

from mmdenoise.atomic_files import atomic_path

from .picture import (
    ALPHA,
    ORIENTATION,
    OTHER,
    PREMULTIPLIED,
    Metadata,
    Picture,
    upright,
)
from .png_chunks import NAMES, write_png
from .tiff_tags import MOST

__all__ = ["FORMATS", "lost_metadata", "refuse_unfit", "write_image"]


class Format(NamedTuple):
    """What a kind of file holds.

    Attributes:
        name: Pillow's.
        values: Types of its samples.
        extras: What samples it has beside the colours.
        fields: Of :class:`Metadata`, what it keeps.
        longest: The longest side in pixels.
    """

    name: str
    values: tuple[str, ...]
    extras: tuple[str, ...]
    fields: tuple[str, ...]
    longest: int


SAID = {
    ALPHA: "an alpha channel",
    PREMULTIPLIED: "colours multiplied by alpha",
    OTHER: "a sample that is neither colour nor alpha",
}
FLOATS = ("float16", "float32", "float64")
PNG = Format(
    "PNG",
    ("uint8", "uint16"),
    (ALPHA,),
    ("exif", "icc", "xmp", "dpi", "comment", "chunks"),
    2**31 - 1,
)
JPEG = Format("JPEG", ("uint8",), (), ("exif", "icc", "xmp", "dpi", "comment"), 65535)
TIFF = Format(
    "TIFF",
    ("uint8", "uint16", *FLOATS),
    (ALPHA, PREMULTIPLIED, OTHER),
    ("icc", "xmp", "dpi", "tags"),
    2**31 - 1,
)
WEBP = Format("WEBP", ("uint8",), (ALPHA,), ("exif", "icc", "xmp"), 16383)
BMP = Format("BMP", ("uint8",), (), ("dpi",), 2**31 - 1)
PPM = Format("PPM", ("uint8",), (), (), 2**31 - 1)
# By the ending of the file that is written.
FORMATS = {
    **{".png": PNG, ".jpg": JPEG, ".jpeg": JPEG, ".tif": TIFF, ".tiff": TIFF},
    **{".webp": WEBP, ".bmp": BMP, ".ppm": PPM, ".pgm": PPM, ".pnm": PPM},
}
JPEG_QUALITY = 95
RESOLUTION, UNIT, SOFTWARE = (282, 283), 296, 305
# A plain TIFF ends at 4 GiB.
BIG = 2**32 - 2**25


def _format(path: str) -> Format:
    ending = os.path.splitext(path)[1].lower()
    if ending not in FORMATS:
        raise ValueError(
            f"cannot write {path!r}: its ending must be one of {', '.join(FORMATS)}"
        )
    return FORMATS[ending]


def refuse_ending(path: str) -> None:
    """Refuse a file of no format that is written.

    Raises:
        ValueError: If its ending is none of :data:`FORMATS`.
    """
    _format(path)


def refuse_unfit(path: str, picture: Picture) -> None:
    """Refuse an image that :func:`write_image` would not write.

    Raises:
        ValueError: If the file's ending is none of :data:`FORMATS`, or its format
            cannot hold the image: JPEG holds 8 bits a value and no alpha.
    """
    kind, dtype = _format(path), str(picture.pixels.dtype)
    what = None
    if dtype not in kind.values:
        what = "floats" if dtype in FLOATS else "16 bits a value"
    elif not set(picture.extras) <= set(kind.extras):
        extra = next(extra for extra in picture.extras if extra not in kind.extras)
        what = SAID[extra]
    elif max(picture.pixels.shape[:2]) > kind.longest:
        what = f"more than {kind.longest} pixels a side"
    if what is not None:
        better = "TIFF" if dtype not in PNG.values or kind is PNG else "PNG or TIFF"
        raise ValueError(
            f"cannot write {path!r}: {kind.name} does not hold {what}; take {better}"
        )


def lost_metadata(path: str, picture: Picture) -> list[str]:
    """Name what the file read said and the one written will not say."""
    kind, metadata = _format(path), picture.metadata
    lost = list(picture.notes)
    named = dict(
        exif=["the EXIF block"] if _says_more(metadata.exif) else [],
        icc=["the ICC profile"] if metadata.icc else [],
        xmp=["the XMP packet"] if metadata.xmp else [],
        dpi=["the resolution"] if metadata.dpi else [],
        comment=["the comment"] if metadata.comment else [],
        chunks=[NAMES[chunk[0]] for chunk in metadata.chunks],
        tags=_tag_names(metadata),
    )
    for field, names in named.items():
        if field not in kind.fields:
            lost += names
    return list(dict.fromkeys(lost))


def _tag_names(metadata: Metadata) -> list[str]:
    """Names of a TIFF's tags; a resolution in inches goes by itself."""
    codes = set(metadata.names) - {*RESOLUTION, UNIT, SOFTWARE}
    names = [f"{metadata.names[code]} ({code})" for code in sorted(codes)]
    calibrated = RESOLUTION[0] in metadata.names and metadata.dpi is None
    return names + (["the resolution"] if calibrated else [])


def _says_more(exif: bytes | None) -> bool:
    """Whether an EXIF block says more than how the image is turned."""
    tags = Image.Exif()
    tags.load(exif or b"")
    return bool(set(tags) - {ORIENTATION})


def write_image(
    path: str, picture: Picture, finished: Callable[[str], None] | None = None
) -> None:
    """Write a file in the format of its ending, whole or not at all.

    All but JPEG are lossless; JPEG has quality 95 without chroma subsampling. A format
    that does not say how an image is turned (TIFF, BMP, PPM) gets it upright. In a PNG
    grey and alpha become RGB and alpha, in a WebP grey becomes RGB.

    Args:
        path: The file.
        picture: What is written.
        finished: Called with the path of the whole file before it gets its name.

    Raises:
        ValueError: As :func:`refuse_unfit`.
        OSError: If the disk is full, for instance; what was at ``path`` stays.
    """
    refuse_unfit(path, picture)
    kind, metadata, pixels = _format(path), picture.metadata, picture.pixels
    if "exif" not in kind.fields:
        pixels = upright(pixels, metadata.exif)
    with atomic_path(path) as temporary:
        if kind is TIFF:
            _write_tiff(temporary, pixels, picture)
        elif kind is PNG:
            with open(temporary, "wb") as file:
                write_png(file, pixels, metadata)
        else:
            Image.fromarray(pixels).save(
                temporary, kind.name, **_options(kind, metadata)
            )
        if finished is not None:
            finished(temporary)


def _options(kind: Format, metadata: Metadata) -> dict:
    """What Pillow is told beside the pixels."""
    options = dict(
        exif=metadata.exif,
        icc_profile=metadata.icc,
        xmp=metadata.xmp,
        comment=metadata.comment,
        dpi=metadata.dpi,
    )
    options = {
        name: value
        for name, value in options.items()
        if value is not None and name.split("_")[0] in kind.fields
    }
    if kind is JPEG:
        options.update(quality=JPEG_QUALITY, subsampling=0)
    elif kind is WEBP:
        options.update(lossless=True, exact=True)
    return options


def _write_tiff(path: str, pixels: np.ndarray, picture: Picture) -> None:
    metadata = picture.metadata
    names = {ALPHA: "unassalpha", PREMULTIPLIED: "assocalpha", OTHER: "unspecified"}
    tifffile.imwrite(
        path,
        pixels,
        bigtiff=pixels.nbytes > BIG,
        byteorder=metadata.byteorder,
        photometric="rgb" if picture.colours == 3 else "minisblack",
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=[names[extra] for extra in picture.extras] or None,
        compression="zlib",
        iccprofile=metadata.icc,
        metadata=None,
        software=False,
        **_tag_options(metadata, picture.white),
    )


def _tag_options(metadata: Metadata, white: float | None) -> dict:
    """What tifffile is told of other tags."""
    tags = {tag[0]: tag for tag in metadata.tags}
    options: dict = {}
    if all(code in tags for code in RESOLUTION):
        order = "big" if metadata.byteorder == ">" else "little"
        values = [tags[code][3] for code in RESOLUTION]
        options["resolution"] = tuple(
            (int.from_bytes(value[:4], order), int.from_bytes(value[4:8], order))
            for value in values
        )
        unit = tags.get(UNIT)
        options["resolutionunit"] = (
            2 if unit is None else int.from_bytes(unit[3][:2], order)
        )
    elif metadata.dpi is not None:
        options.update(resolution=metadata.dpi, resolutionunit="INCH")
    for code in (*RESOLUTION, UNIT):
        tags.pop(code, None)
    extra = list(tags.values())
    if white is not None and MOST not in tags:
        extra.append((MOST, "H", 1, int(white), True))
    if metadata.xmp is not None:
        extra.append((700, 1, len(metadata.xmp), metadata.xmp, True))
    return dict(options, extratags=extra)
