"""Choose a denoiser of the zoo for a level of noise."""

from __future__ import annotations

from mmdenoise.weights.zoo import (
    ANY_LEVEL,
    BLIND,
    HIGHEST_LEVEL,
    zoo_hint,
    zoo_levels,
    zoo_names,
)

__all__ = ["zoo_choice"]


def zoo_choice(sigma: float | None) -> tuple[str, float | None]:
    """Choose a denoiser of the zoo for a level.

    Args:
        sigma: In 8-bit units; None where nobody knows it.

    Returns:
        Its name, and what :func:`mmdenoise.apis.load_denoiser` is to tell it: the one
        that takes any level; in a zoo without it, the one for this level. The blind one
        where none is known.

    Raises:
        ValueError: If there is neither, naming the nearest.
    """
    if sigma is None:
        return BLIND, None
    if ANY_LEVEL in zoo_names() and 0 <= sigma <= HIGHEST_LEVEL:
        return ANY_LEVEL, sigma
    levels = zoo_levels()
    if sigma in levels:
        return levels[sigma], None
    raise ValueError(zoo_hint(sigma))
