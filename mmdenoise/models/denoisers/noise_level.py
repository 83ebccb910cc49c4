"""The noise level that a denoiser is told, checked."""

from __future__ import annotations

import math
import numbers

__all__ = ["checked_sigma"]


def checked_sigma(sigma: object, may_be_zero: bool = True) -> float:
    """Return a standard deviation in 8-bit units (25 means 25/255) as a float.

    Args:
        sigma: What the user gave.
        may_be_zero: Whether the method is defined without noise.

    Raises:
        ValueError: If it is no finite number, or negative, or zero where it may not be.
    """
    if isinstance(sigma, bool) or not isinstance(sigma, numbers.Real):
        raise ValueError(f"sigma must be a number in 8-bit units, got {sigma!r}")
    if not (math.isfinite(sigma) and (sigma > 0 or may_be_zero and sigma == 0)):
        bound = "not negative" if may_be_zero else "positive"
        raise ValueError(
            f"sigma must be finite and {bound}, in 8-bit units; got {sigma}"
        )
    return float(sigma)
