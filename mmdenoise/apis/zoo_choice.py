"""Choose a denoiser of the zoo for a level of noise."""

from __future__ import annotations

import math

from mmdenoise.weights.zoo import BLIND, zoo_hint, zoo_levels, zoo_names

from .denoiser import takes_sigma

__all__ = ["zoo_choice"]


def zoo_choice(sigma: float | None) -> tuple[str, float | None]:
    """Choose a denoiser of the zoo for a level.

    Args:
        sigma: In 8-bit units; None where nobody knows it.

    Returns:
        Its name, and what :func:`mmdenoise.apis.load_denoiser` is to tell it: the one
        for this level; else one that takes any. The blind one where none is known.

    Raises:
        ValueError: If there is neither, naming the nearest.
    """
    if sigma is None:
        return BLIND, None
    levels = zoo_levels()
    if sigma in levels:
        return levels[sigma], None
    told = [name for name in zoo_names() if takes_sigma(name)]
    if told and math.isfinite(sigma) and sigma >= 0:
        return told[0], sigma
    raise ValueError(zoo_hint(sigma))
