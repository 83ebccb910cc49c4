"""Pictures as the hosts' data sets have them: three channels, upright, 0 to 255."""

from __future__ import annotations

import numpy as np

from .picture import Picture, upright
from .white_level import white_of

__all__ = ["as_bgr"]


def as_bgr(picture: Picture, drop_alpha: bool = False) -> tuple[np.ndarray, str | None]:
    """Turn a picture into what MMCV's loaders give.

    Args:
        picture: The image.
        drop_alpha: Leave alpha out, whatever it hides.

    Returns:
        (H, W, 3) BGR, upright: uint8 of 8 bits a value, else float32 in [0, 255] with
        all its bits; and a line on what white is, if that is not plain. A grey image
        has three equal channels.

    Raises:
        ValueError: If pixels are transparent, or samples are neither colour nor alpha.
    """
    pixels = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., None]
    extras = pixels[..., picture.colours :]
    if picture.has_alpha and not drop_alpha:
        full = np.iinfo(extras.dtype).max if extras.dtype.kind == "u" else 1
        if (extras[..., 0] < full).any():
            raise ValueError("has transparent pixels: lay it over a background")
    if len(picture.extras) > picture.has_alpha:
        raise ValueError("has samples that are no colours: save it as RGB")
    white, line = white_of(picture)
    colours = upright(pixels[..., : picture.colours], picture.metadata.exif)
    if colours.dtype != np.uint8:
        colours = (colours * (255 / white)).astype(np.float32)
    channels = [0, 0, 0] if picture.colours == 1 else [2, 1, 0]
    return np.ascontiguousarray(colours[..., channels]), line
