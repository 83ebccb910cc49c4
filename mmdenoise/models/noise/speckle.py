"""Speckle: noise in proportion to brightness, of coherent light and gain."""

from __future__ import annotations

from torch import Generator, Tensor

from mmdenoise.registry import MODELS

from .base import Drawn, Level, NoiseModel, checked_level, drawn_level
from .gaussian import gaussian_noise

__all__ = ["SpeckleNoise", "speckle_noise"]


def speckle_noise(
    image: Tensor, sigma: float | Tensor, generator: Generator | None = None
) -> Tensor:
    """Draw Gaussian noise times the image.

    Args:
        image: (3, H, W) or (N, 3, H, W), RGB in [0, 1].
        sigma: Standard deviation at a value of 1, in 8-bit units, or a (N, 1, 1, 1)
            tensor of them.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, to be added to ``image``.

    Example:
        >>> import torch
        >>> bool(speckle_noise(torch.zeros(3, 8, 8), 50).any())  # none in the dark
        False
    """
    return image * gaussian_noise(image, sigma, generator)


@MODELS.register_module()
class SpeckleNoise(NoiseModel):
    """Multiplicative Gaussian noise.

    Args:
        sigma: Standard deviation at a value of 1, in 8-bit units; a pair (low, high)
            draws one a picture.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a level is negative or not finite.

    Example:
        >>> import torch
        >>> grey, model = torch.full((3, 8, 8), 0.5), SpeckleNoise(sigma=50)
        >>> noisy, sigma = model.add_and_tell(grey, torch.Generator())
        >>> sigma.item()
        25.0
    """

    def __init__(self, sigma: Level, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sigma = checked_level("sigma", sigma)

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`speckle_noise`; the level is the image's mean one, squared."""
        sigma = drawn_level(self.sigma, image, generator)
        noise = speckle_noise(image, sigma, generator)
        return Drawn(noise, sigma * image.square().mean((-3, -2, -1), True).sqrt())
