"""An image of a file: its samples, and what goes with them.

Shapes: H, W the height and width, C the samples of a pixel: 1 or 3 colours, and extras.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image

__all__ = [
    "ALPHA",
    "ORIENTATION",
    "OTHER",
    "PREMULTIPLIED",
    "Metadata",
    "Picture",
    "turned",
    "upright",
]


# What a sample that is no colour may be. Colours under ALPHA are as they are, those of
# PREMULTIPLIED are multiplied by it (TIFF 6.0, ExtraSamples).
ALPHA, PREMULTIPLIED, OTHER = "alpha", "premultiplied alpha", "unspecified"
# The tag of EXIF and TIFF that says how an image is turned.
ORIENTATION = 0x0112


@dataclass
class Metadata:
    """What a file says of its pixels, and of the place and time they were taken.

    Attributes:
        exif: The EXIF block, as it was, with the orientation.
        icc: The ICC profile.
        xmp: The XMP packet.
        dpi: Dots an inch, horizontal and vertical.
        comment: A JPEG's comment.
        chunks: A PNG's other chunks before its pixels, by their names: gamma,
            calibration, texts.
        tags: A TIFF's other tags, as tifffile writes them: code, type, count, value,
            True.
        byteorder: Of these tags: ``'<'`` or ``'>'``.
        names: What the tags are called, by their codes.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)
    tags: list[tuple] = field(default_factory=list)
    byteorder: str = "<"
    names: dict[int, str] = field(default_factory=dict)


@dataclass
class Picture:
    """An image and what goes with it.

    Attributes:
        pixels: (H, W) or (H, W, C): grey or RGB, then the extras; uint8, uint16 or
            float.
        extras: What each sample after the colours is: :data:`ALPHA`,
            :data:`PREMULTIPLIED` or :data:`OTHER`. None: alpha is what is a second or
            a fourth one.
        metadata: What else the file says. The EXIF block holds the orientation, which
            ``pixels`` are not turned by.
        white: The value of white where the file says it: 4095 of 12 bits in 16.
        notes: What of the file is not taken over, each in a few words.
    """

    pixels: np.ndarray
    extras: tuple[str, ...] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    white: float | None = None
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.extras is None:
            self.extras = (ALPHA,) if self.pixels.shape[2:] in ((2,), (4,)) else ()

    @property
    def colours(self) -> int:
        """1 (grey) or 3 (RGB)."""
        samples = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        return samples - len(self.extras)

    @property
    def has_alpha(self) -> bool:
        """Whether the first extra sample is alpha."""
        return self.extras[:1] in ((ALPHA,), (PREMULTIPLIED,))


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an image upright.

    Args:
        pixels: (H, W) or (H, W, C), as stored.
        orientation: As EXIF and TIFF number it, 1 to 8: where the first row and column
            belong; others count as 1.

    Returns:
        (H, W), or (W, H) from 5 on, with the samples as they were.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def upright(pixels: np.ndarray, exif: bytes | None) -> np.ndarray:
    """Turn an image as its EXIF block says: :func:`turned`."""
    tags = Image.Exif()
    tags.load(exif or b"")
    return turned(pixels, tags.get(ORIENTATION, 1))
