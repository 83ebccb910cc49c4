"""Noise models: pure functions that draw the noise, thin registered classes on top.

Shapes: an image is (3, H, W), RGB in [0, 1]; in a batch of them, (N, 3, H, W), each has
a level of its own where levels are drawn. Every sigma is in 8-bit units, so that
``sigma=60`` is a standard deviation of 60/255. A function returns the noise alone; the
noisy image is the sum, which stays float and outside [0, 1] where the noise takes it.

A model tells the level of what it drew, for denoisers that take one: (..., 1, 1, 1), or
a map (..., 1, H, W), in 8-bit units.
"""

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, Optional, Union

import torch
from torch import Generator, Tensor

from mmdenoise.registry import MODELS

__all__ = [
    "Drawn",
    "GaussianNoise",
    "NoiseModel",
    "PoissonGaussianNoise",
    "gaussian_noise",
    "poisson_gaussian_noise",
]

Level = Union[float, tuple[float, float]]
LEVELS = 255 * 16


def gaussian_noise(
    image: Tensor, sigma: Union[float, Tensor], generator: Optional[Generator] = None
) -> Tensor:
    """Draw independent Gaussian noise of zero mean (Section IV-A).

    Args:
        image: (3, H, W) or (N, 3, H, W); gives the shape, the type and the device.
        sigma: Standard deviation in 8-bit units, or a (N, 1, 1, 1) tensor of them.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, to be added to an image in [0, 1].
    """
    unit = torch.randn(
        image.shape, generator=generator, dtype=image.dtype, device=image.device
    )
    return unit * (sigma / 255)


def poisson_gaussian_noise(
    image: Tensor,
    peak: Union[float, Tensor],
    sigma: Union[float, Tensor],
    generator: Optional[Generator] = None,
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
    """
    photons = torch.poisson(image.clamp(min=0) * peak, generator=generator)
    return photons / peak - image + gaussian_noise(image, sigma, generator)


class Drawn(NamedTuple):
    """What a noise model drew.

    Attributes:
        noise: The shape of the image, to be added to it.
        sigma: Its standard deviation in 8-bit units: (..., 1, 1, 1), or a map
            (..., 1, H, W). None where that says nothing of the noise.
    """

    noise: Tensor
    sigma: Optional[Tensor] = None


class NoiseModel(ABC):
    """What the preprocessor asks of a noise model.

    Args:
        seed: Seed of the *evaluation* noise, a non-negative integer. It is independent
            of the training seed: the same image gets the same noise in every run.
        clip: Clip the noisy image to [0, 1], as a camera does.
        quantise: Round the noisy image to 8-bit values.
    """

    def __init__(
        self, seed: int = 0, clip: bool = False, quantise: bool = False
    ) -> None:
        if not isinstance(seed, int) or seed < 0:
            raise ValueError(f"noise seed must be a non-negative integer, got {seed!r}")
        self.seed = seed
        self.clip = clip
        self.quantise = quantise

    @abstractmethod
    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """Draw the noise of float32 images in [0, 1]: (3, H, W), or (N, 3, H, W).

        In a batch every image has a level of its own where levels are drawn.
        """

    def add(self, image: Tensor, generator: Generator) -> Tensor:
        """Return the noisy version of images in [0, 1]: (3, H, W), or (N, 3, H, W)."""
        return self.add_and_tell(image, generator)[0]

    def add_and_tell(
        self, image: Tensor, generator: Generator
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Return the noisy version of images, and the level of the noise.

        The noise is drawn in float32 on the generator's device, whatever the image's
        type and device are, so that it is the same for all of them.

        Args:
            image: (3, H, W) or (N, 3, H, W), RGB in [0, 1].
            generator: Source of randomness.

        Returns:
            The same shape, and the level as in :class:`Drawn`, on the image's device
            and of its type. Clipping and rounding are not counted in the level.
        """
        source = image.to(generator.device, torch.float32)
        # Undoing a normalisation leaves last bits that differ between heads and
        # devices, and one of them can turn a whole Poisson draw. Sixteenths of a level
        # do not.
        source = (source * LEVELS).round() / LEVELS
        noise, sigma = self.draw(source, generator)
        noisy = image + noise.to(image)
        if self.clip:
            noisy = noisy.clamp(0, 1)
        if self.quantise:
            noisy = (noisy * 255).round() / 255
        return noisy, None if sigma is None else sigma.to(image)


@MODELS.register_module()
class GaussianNoise(NoiseModel):
    """Additive white Gaussian noise.

    Args:
        sigma: Standard deviation in 8-bit units; a pair (low, high) makes it blind: one
            level a picture, uniform between the two.
        **kwargs: See :class:`NoiseModel`.

    Raises:
        ValueError: If a level is negative or not finite.
    """

    def __init__(self, sigma: Level, **kwargs) -> None:
        super().__init__(**kwargs)
        self.sigma = _checked("sigma", sigma)

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`gaussian_noise`."""
        sigma = _level(self.sigma, image, generator)
        return Drawn(gaussian_noise(image, sigma, generator), _told(sigma, image))

    def __repr__(self) -> str:
        return f"GaussianNoise(sigma={self.sigma})"


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
    """

    def __init__(self, peak: Level, sigma: Level = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.peak = _checked("peak", peak)
        self.sigma = _checked("sigma", sigma)
        if min(self.peak if isinstance(self.peak, tuple) else (self.peak,)) == 0:
            raise ValueError(f"peak must be positive, got {peak}")

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`poisson_gaussian_noise`.

        The level is the image's mean one, in the square: a map of it would tell the
        denoiser how bright each pixel is without noise.
        """
        peak = _level(self.peak, image, generator)
        sigma = _level(self.sigma, image, generator)
        noise = poisson_gaussian_noise(image, peak, sigma, generator)
        mean = image.clamp(min=0).mean((-3, -2, -1), keepdim=True)
        return Drawn(noise, (mean / peak * 255**2 + sigma**2).sqrt())

    def __repr__(self) -> str:
        return f"PoissonGaussianNoise(peak={self.peak}, sigma={self.sigma})"


def _checked(name: str, level: Level) -> Level:
    ends = tuple(level) if isinstance(level, (tuple, list)) else (level,)
    is_number = all(
        isinstance(end, (int, float)) and not isinstance(end, bool) for end in ends
    )
    if not (is_number and 1 <= len(ends) <= 2 and all(map(math.isfinite, ends))):
        raise ValueError(
            f"{name} must be a finite number or a pair (low, high) of them, "
            f"got {level!r}"
        )
    if min(ends) < 0:
        raise ValueError(f"{name} must not be negative, got {level!r}")
    if len(ends) == 1:
        return float(ends[0])
    if ends[0] > ends[1]:
        raise ValueError(f"{name}=(low, high) needs low <= high, got {level!r}")
    return (float(ends[0]), float(ends[1]))


def _level(level: Level, image: Tensor, generator: Generator) -> Union[float, Tensor]:
    if not isinstance(level, tuple):
        return level
    low, high = level
    share = torch.rand(
        (*image.shape[:-3], 1, 1, 1), generator=generator, device=generator.device
    )
    return low + (high - low) * share


def _told(sigma: Union[float, Tensor], image: Tensor) -> Tensor:
    if isinstance(sigma, Tensor):
        return sigma
    return image.new_full((*image.shape[:-3], 1, 1, 1), sigma)
