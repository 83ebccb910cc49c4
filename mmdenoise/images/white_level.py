"""Which value is white: 12 bits in 16 are common, and no file has to say so."""

from __future__ import annotations

import numpy as np

from .picture import Picture

__all__ = ["guessed_white", "white_of"]

# Of what cameras, microscopes and scanners put into 16 bits.
COMMON_BITS = (8, 10, 12, 14)
# Zero-mean noise leaves a mean of [0, 1] about there.
LOWEST_MEAN, HIGHEST_MEAN = -0.1, 1.1


def guessed_white(colours: np.ndarray) -> float | None:
    """White of integers that fill a quarter of their range at most; else None.

    Args:
        colours: uint16 of any shape.

    Returns:
        The largest value of the fewest bits, of 8, 10, 12 and 14, that hold all values.
    """
    if colours.dtype != np.uint16 or not colours.size:
        return None
    most = int(colours.max())
    levels = (2**bits - 1 for bits in COMMON_BITS)
    return next((float(level) for level in levels if most <= level), None)


def white_of(picture: Picture, given: float | None = None) -> tuple[float, str | None]:
    """Find the value of white.

    Args:
        picture: The image.
        given: What the user says it is.

    Returns:
        The value, and a line on where it is from, if that is not plain.

    Raises:
        ValueError: If values lie above the white that was given, or if floats are not
            of [0, 1] plus noise.
    """
    pixels = picture.pixels
    colours = pixels if pixels.ndim == 2 else pixels[..., : picture.colours]
    if given is not None and not (np.isfinite(given) and given > 0):
        raise ValueError(f"the white level must be finite and above 0, got {given}")
    if pixels.dtype.kind == "f":
        white = 1.0 if given is None else given
        _refuse_other_floats(colours, white)
        return white, None
    full = float(np.iinfo(pixels.dtype).max)
    stated = picture.white if given is None else given
    if stated is not None and stated <= full and int(colours.max()) <= stated:
        note = f"white is {stated:g}, as the file says" if given is None else None
        return stated, note if stated != full else None
    if given is not None:
        raise ValueError(
            f"holds values up to {int(colours.max())} of at most {full:g}: the white "
            f"level {given:g} does not fit"
        )
    guessed = guessed_white(colours)
    if guessed is None:
        return full, None
    return guessed, (
        f"no value is above {int(colours.max())}: white is taken to be {guessed:g} "
        f"(--white-level {full:g} if it is not)"
    )


def _refuse_other_floats(colours: np.ndarray, white: float) -> None:
    """Refuse floats whose mean no image of [0, 1] has.

    Raises:
        ValueError: Saying what the mean is.
    """
    mean = float(colours.mean(dtype=np.float64)) / white
    if np.isfinite(mean) and not LOWEST_MEAN <= mean <= HIGHEST_MEAN:
        raise ValueError(
            f"holds floats of mean {mean * white:.4g} where white is {white:g}: give "
            "--white-level, the value of white"
        )
