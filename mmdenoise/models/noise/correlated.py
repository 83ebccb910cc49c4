"""Gaussian noise whose neighbours correlate, as after a resize or a filter."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv2d

from mmdenoise.registry import MODELS

from .base import Drawn, Level, NoiseModel, checked_level, drawn_level, told_level

__all__ = ["CorrelatedNoise", "correlated_noise"]

REACH = 4  # of the window, in its standard deviations


def correlated_noise(
    image: Tensor,
    sigma: float | Tensor,
    blur: float,
    generator: Generator | None = None,
) -> Tensor:
    """Draw Gaussian noise of zero mean through a Gaussian window.

    Args:
        image: (3, H, W) or (N, 3, H, W); gives the shape, the type and the device.
        sigma: Standard deviation of the result in 8-bit units, or a (N, 1, 1, 1)
            tensor of them.
        blur: Standard deviation of the window in pixels; 0 draws white noise. Values d
            pixels apart correlate by about exp(-d^2 / (4 blur^2)); channels do not.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, to be added to an image in [0, 1].

    Example:
        >>> black, source = torch.zeros(3, 256, 256), torch.Generator().manual_seed(0)
        >>> noise = correlated_noise(black, 25, blur=1, generator=source)
        >>> neighbours = torch.stack([noise[..., 1:].ravel(), noise[..., :-1].ravel()])
        >>> round(torch.corrcoef(neighbours)[0, 1].item(), 1)  # exp(-1 / 4)
        0.8
    """
    reach = math.ceil(REACH * blur)
    place = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    window = torch.exp(-(place**2) / (2 * blur**2)) if blur else place + 1
    window = window / window.square().sum().sqrt()
    height, width = image.shape[-2:]
    # Drawn beyond the image too, so that its border is like its middle.
    white = torch.randn(
        (math.prod(image.shape[:-2]), 1, height + 2 * reach, width + 2 * reach),
        generator=generator,
        dtype=image.dtype,
        device=image.device,
    )
    unit = conv2d(conv2d(white, window.view(1, 1, 1, -1)), window.view(1, 1, -1, 1))
    return unit.reshape(image.shape) * (sigma / 255)


@MODELS.register_module()
class CorrelatedNoise(NoiseModel):
    """Additive Gaussian noise that is correlated in space.

    Args:
        sigma: Standard deviation in 8-bit units; a pair (low, high) draws one level a
            picture, uniform between the two.
        blur: Standard deviation of the window in pixels.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a level or the blur is negative or not finite.
    """

    def __init__(self, sigma: Level, blur: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sigma = checked_level("sigma", sigma)
        self.blur = checked_level("blur", blur)
        if isinstance(self.blur, tuple):
            raise ValueError(f"blur must be one number, in pixels; got {blur!r}")

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`correlated_noise`."""
        sigma = drawn_level(self.sigma, image, generator)
        noise = correlated_noise(image, sigma, self.blur, generator)
        return Drawn(noise, told_level(sigma, image))
