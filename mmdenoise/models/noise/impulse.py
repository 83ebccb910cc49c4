"""Salt and pepper: values that are lost, and read as black or white."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmdenoise.registry import MODELS

from .base import Drawn, Level, NoiseModel, checked_level, drawn_level, measured_level

__all__ = ["ImpulseNoise", "impulse_noise"]


def impulse_noise(
    image: Tensor, amount: float | Tensor, generator: Generator | None = None
) -> Tensor:
    """Replace values, each by itself, by 0 or 1 with equal chances.

    Args:
        image: (3, H, W) or (N, 3, H, W), RGB in [0, 1].
        amount: Share of the values that are lost, in [0, 1], or a (N, 1, 1, 1) tensor.
            The three values of a pixel are lost independently.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, the deviation from ``image``: 0 where nothing is lost.

    Example:
        >>> grey = torch.full((3, 100, 100), 0.5)
        >>> source = torch.Generator().manual_seed(0)
        >>> noisy = grey + impulse_noise(grey, 0.1, source)
        >>> noisy.unique()
        tensor([0.0000, 0.5000, 1.0000])
    """
    draw = torch.rand(
        image.shape, generator=generator, dtype=image.dtype, device=image.device
    )
    replaced = (draw < amount / 2).to(image.dtype)  # by 1
    return torch.where(draw < amount, replaced - image, torch.zeros_like(image))


@MODELS.register_module()
class ImpulseNoise(NoiseModel):
    """Salt-and-pepper noise.

    Args:
        amount: Share of the values that are lost, in [0, 1]; a pair (low, high) draws
            one a picture.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a share is not in [0, 1].
    """

    def __init__(self, amount: Level, **kwargs) -> None:
        super().__init__(**kwargs)
        self.amount = checked_level("amount", amount)
        if max(self.amount if isinstance(self.amount, tuple) else (self.amount,)) > 1:
            raise ValueError(f"amount is a share, in [0, 1]; got {amount!r}")

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`impulse_noise`; the level is that of what was drawn."""
        noise = impulse_noise(
            image, drawn_level(self.amount, image, generator), generator
        )
        return Drawn(noise, measured_level(noise))
