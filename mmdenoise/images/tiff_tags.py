"""A TIFF's tags: which go with the pixels into a new file, and which cannot."""

from __future__ import annotations

import re

import tifffile

from .picture import Metadata

__all__ = ["MOST", "read_metadata", "stated_white"]

DESCRIPTION, ICC, XMP = 270, 34675, 700
RESOLUTION, UNIT = (282, 283), 296
# MaxSampleValue.
MOST = 281
SIGNIFICANT_BITS = re.compile(r'\bSignificantBits="(\d{1,2})"')
# How the old file stored its pixels: the new one says itself how it does.
STORAGE = {
    *(254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 288, 289),
    *(290, 291, 292, 293, 297, 317, 320, 321, 322, 323, 324, 325, 338, 339, 347),
    *(512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532),
    *(32997, 32998, 50844),
}
# They point to places in the old file, or are copies of the old pixels.
LOST = {
    330: "smaller copies (SubIFDs)",
    400: "global parameters",
    34665: "the EXIF block",
    34853: "the GPS block",
    40965: "the interoperability block",
    37724: "Photoshop's layers",
    **dict.fromkeys((33628, 33629, 33630, 33631), "MetaMorph's tags"),
    34412: "Zeiss LSM's tags",
}
INCH, CENTIMETRE = 2, 3
# Longer values are named and not kept: layers, instruments' logs.
LONGEST = 2**26


def read_metadata(
    tiff: tifffile.TiffFile, page: tifffile.TiffPage
) -> tuple[Metadata, list[str]]:
    """Read what a new file can hold, and name what it cannot."""
    notes = list(dict.fromkeys(LOST[tag.code] for tag in page.tags if tag.code in LOST))
    if len(tiff.pages) > 1:
        notes.append("smaller copies (reduced pages)")
    metadata = Metadata(byteorder=tiff.byteorder)
    for tag in page.tags:
        if tag.code in STORAGE or tag.code in LOST:
            continue
        if tag.valuebytecount > LONGEST:
            notes.append(f"tag {tag.code} ({tag.name})")
        elif tag.code == ICC:
            metadata.icc = bytes(tag.value)
        elif tag.code == XMP:
            metadata.xmp = bytes(tag.astuple()[3])
        elif not (_says_nothing(tag) or tag.code == DESCRIPTION and page.is_shaped):
            metadata.tags.append(tag.astuple())
            metadata.names[tag.code] = tag.name
    metadata.dpi = _dpi(page)
    return metadata, notes


def stated_white(page: tifffile.TiffPage) -> float | None:
    """White of fewer bits than the samples take, where the file says so.

    By the bits that are stored, by OME's SignificantBits, or by MaxSampleValue where it
    is the largest value of some bits.
    """
    bits = page.bitspersample
    if page.sampleformat != 1 or bits <= 8:
        return None
    if bits < 16:
        return 2.0**bits - 1
    said = SIGNIFICANT_BITS.search(page.description)
    if said and 8 <= int(said[1]) < bits:
        return 2.0 ** int(said[1]) - 1
    most = page.tags.valueof(MOST, 0)
    most = max(most) if isinstance(most, tuple) else most
    plain = isinstance(most, int) and most & (most + 1) == 0
    return float(most) if plain and 255 <= most < 2**bits - 1 else None


def _says_nothing(tag: tifffile.TiffTag) -> bool:
    """Whether it is the resolution that writers put where none is known."""
    return tag.code in RESOLUTION and tag.value == (1, 1)


def _dpi(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Dots an inch, where the resolution is one."""
    unit = int(page.tags.valueof(UNIT, INCH))
    values = [page.tags.valueof(code) for code in RESOLUTION]
    if unit not in (INCH, CENTIMETRE) or not all(
        isinstance(value, tuple) and len(value) == 2 and all(value) and value != (1, 1)
        for value in values
    ):
        return None
    scale = 2.54 if unit == CENTIMETRE else 1
    return tuple(above / below * scale for above, below in values)
