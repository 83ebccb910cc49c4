"""Gaussian noise, and a raw sensor's: photon counts (Poisson) plus read-out.

Shapes: as in :mod:`mmdenoise.models.noise.base`. A function returns the noise alone.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmdenoise.registry import MODELS

from .base import (
    Drawn,
    Level,
    NoiseModel,
    checked_level,
    checked_peak,
    drawn_level,
    told_level,
)

__all__ = [
    "GaussianNoise",
    "PoissonGaussianNoise",
    "gaussian_noise",
    "poisson_gaussian_noise",
]


def gaussian_noise(
    image: Tensor, sigma: float | Tensor, generator: Generator | None = None
) -> Tensor:
    """Draw independent Gaussian noise of zero mean (Section IV-A).

    Args:
        image: (3, H, W) or (N, 3, H, W); gives the shape, the type and the device.
        sigma: Standard deviation in 8-bit units, or a (N, 1, 1, 1) tensor of them.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, to be added to an image in [0, 1].

    Example:
        >>> grey = torch.full((3, 256, 256), 0.5)
        >>> noise = gaussian_noise(grey, 25, torch.Generator().manual_seed(0))
        >>> round(noise.std().item() * 255)
        25
    """
    unit = torch.randn(
        image.shape, generator=generator, dtype=image.dtype, device=image.device
    )
    return unit * (sigma / 255)


def poisson_gaussian_noise(
    image: Tensor,
    peak: float | Tensor,
    sigma: float | Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Draw a sensor's noise: photon counts (Poisson), then read-out (Gaussian).

    Args:
        image: (3, H, W) or (N, 3, H, W), RGB in [0, 1]; below 0 counts as dark.
        peak: Mean number of photons that a value of 1 stands for, or a (N, 1, 1, 1)
            tensor; the variance of a pixel of value v is v / peak.
        sigma: Standard deviation of the Gaussian part in 8-bit units, likewise.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, the deviation from ``image``.

    Example:
        >>> grey = torch.full((3, 256, 256), 0.5)
        >>> source = torch.Generator().manual_seed(0)
        >>> noise = poisson_gaussian_noise(grey, 100, 0, source)
        >>> round(noise.var().item(), 3)  # 0.5 / 100
        0.005
    """
    photons = torch.poisson(image.clamp(min=0) * peak, generator=generator)
    return photons / peak - image + gaussian_noise(image, sigma, generator)


@MODELS.register_module()
class GaussianNoise(NoiseModel):
    """Additive white Gaussian noise.

    Args:
        sigma: Standard deviation in 8-bit units; a pair (low, high) makes it blind: one
            level a picture, uniform between the two.
        told: Level, or a pair of them, that a denoiser is told in place of the true
            one. A network that was trained so on pictures without noise leaves alone
            what has none.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a level is negative or not finite.

    Example:
        >>> blind, four = GaussianNoise(sigma=(5, 50)), torch.zeros(4, 3, 8, 8)
        >>> noisy, sigma = blind.add_and_tell(four, torch.Generator())
        >>> sigma.shape
        torch.Size([4, 1, 1, 1])
    """

    def __init__(self, sigma: Level, told: Level | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sigma = checked_level("sigma", sigma)
        self.told = None if told is None else checked_level("told", told)

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`gaussian_noise`."""
        sigma = drawn_level(self.sigma, image, generator)
        noise = gaussian_noise(image, sigma, generator)
        if self.told is not None:
            sigma = drawn_level(self.told, image, generator)
        return Drawn(noise, told_level(sigma, image))


@MODELS.register_module()
class PoissonGaussianNoise(NoiseModel):
    """Photon noise plus read-out noise; the noise of a raw sensor.

    Args:
        peak: Photons at full brightness, positive; a pair (low, high) draws one a
            picture.
        sigma: Standard deviation of the Gaussian part in 8-bit units, or a pair.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a level is negative or not finite, or a peak is zero.

    Example:
        >>> grey, model = torch.full((3, 8, 8), 0.5), PoissonGaussianNoise(peak=100)
        >>> noisy, sigma = model.add_and_tell(grey, torch.Generator())
        >>> round(sigma.item(), 1)
        18.0
    """

    def __init__(self, peak: Level, sigma: Level = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.peak = checked_peak(peak)
        self.sigma = checked_level("sigma", sigma)

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`poisson_gaussian_noise`.

        The level is the image's mean one, in the square: a map of it would tell the
        denoiser how bright each pixel is without noise.
        """
        peak = drawn_level(self.peak, image, generator)
        sigma = drawn_level(self.sigma, image, generator)
        noise = poisson_gaussian_noise(image, peak, sigma, generator)
        mean = image.clamp(min=0).mean((-3, -2, -1), keepdim=True)
        return Drawn(noise, (mean / peak * 255**2 + sigma**2).sqrt())
