"""What a noise model is, and what follows the noise: clipping, rounding, JPEG.

Shapes: an image is (3, H, W), RGB in [0, 1]; in a batch of them, (N, 3, H, W), each has
a level of its own where levels are drawn. Every sigma is in 8-bit units, so that
``sigma=60`` is a standard deviation of 60/255. A function returns the noise alone; the
noisy image is the sum, which stays float and outside [0, 1] where the noise takes it.

A model tells the level of what it drew, for denoisers that take one: (..., 1, 1, 1), or
a map (..., 1, H, W), in 8-bit units.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from typing import NamedTuple, Union

import torch
from torch import Generator, Tensor

from .jpeg import jpeg_compressed

__all__ = [
    "Drawn",
    "Level",
    "NoiseModel",
    "checked_level",
    "checked_peak",
    "drawn_level",
    "measured_level",
    "told_level",
]

Level = Union[float, tuple[float, float]]
LEVELS = 255 * 16
# Options as they are where a config is silent.
DEFAULTS = dict(seed=0, clip=False, quantise=False, jpeg=None, told=None)


class Drawn(NamedTuple):
    """What a noise model drew.

    Attributes:
        noise: The shape of the image, to be added to it.
        sigma: Its standard deviation in 8-bit units: (..., 1, 1, 1), or a map
            (..., 1, H, W). None where that says nothing of the noise.
    """

    noise: Tensor
    sigma: Tensor | None = None


class NoiseModel(ABC):
    """What the preprocessor asks of a noise model.

    Args:
        seed: Seed of the *evaluation* noise, a non-negative integer. It is independent
            of the training seed: the same image gets the same noise in every run.
        clip: Clip the noisy image to [0, 1], as a camera does.
        quantise: Round the noisy image to 8-bit values.
        jpeg: Compress the noisy image as JPEG of this quality, 1 to 100, which clips
            and rounds as well; a pair (low, high) draws one a picture. None does not.

    Raises:
        ValueError: If the seed or the quality is not as said.
    """

    def __init__(
        self,
        seed: int = 0,
        clip: bool = False,
        quantise: bool = False,
        jpeg: int | tuple[int, int] | None = None,
    ) -> None:
        if not isinstance(seed, int) or seed < 0:
            raise ValueError(f"noise seed must be a non-negative integer, got {seed!r}")
        self.seed = seed
        self.clip = clip
        self.quantise = quantise
        self.jpeg = None if jpeg is None else _checked_quality(jpeg)

    def __repr__(self) -> str:
        options = {
            name: value
            for name, value in vars(self).items()
            if not name.startswith("_") and value != DEFAULTS.get(name, object())
        }
        # What a model is of its own comes before what is said of all.
        names = sorted(options, key=lambda name: name in DEFAULTS)
        said = ", ".join(f"{name}={options[name]!r}" for name in names)
        return f"{type(self).__name__}({said})"

    def _qualities(self, image: Tensor, generator: Generator) -> list[int]:
        low, high = self.jpeg
        count = math.prod(image.shape[:-3])
        if low == high:
            return [low] * count
        drawn = torch.randint(
            low, high + 1, (count,), generator=generator, device=generator.device
        )
        return drawn.tolist()

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
    ) -> tuple[Tensor, Tensor | None]:
        """Return the noisy version of images, and the level of the noise.

        The noise is drawn in float32 on the generator's device, whatever the image's
        type and device are, so that it is the same for all of them.

        Args:
            image: (3, H, W) or (N, 3, H, W), RGB in [0, 1].
            generator: Source of randomness.

        Returns:
            The same shape, and the level as in :class:`Drawn`, on the image's device
            and of its type. What follows the noise is not counted in the level.
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
        if self.jpeg is not None:
            noisy = jpeg_compressed(noisy, self._qualities(image, generator))
        return noisy, None if sigma is None else sigma.to(image)


def checked_level(name: str, level: Level) -> Level:
    """Check a number, or a pair of them, of a config.

    Raises:
        ValueError: If one is negative or not finite, naming it.
    """
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


def checked_peak(peak: Level) -> Level:
    """Check a number of photons: as :func:`checked_level`, and not 0."""
    checked = checked_level("peak", peak)
    if (checked[0] if isinstance(checked, tuple) else checked) == 0:
        raise ValueError(f"peak must be positive, got {peak}")
    return checked


def _checked_quality(quality: int | tuple[int, int]) -> tuple[int, int]:
    ends = tuple(quality) if isinstance(quality, (tuple, list)) else (quality,) * 2
    is_quality = len(ends) == 2 and all(
        isinstance(end, numbers.Integral) and not isinstance(end, bool) for end in ends
    )
    if not (is_quality and 1 <= ends[0] <= ends[1] <= 100):
        raise ValueError(
            "jpeg must be a quality from 1 to 100 or a pair (low, high) of them, got "
            f"{quality!r}"
        )
    return (int(ends[0]), int(ends[1]))


def drawn_level(level: Level, image: Tensor, generator: Generator) -> float | Tensor:
    """Draw a level for each image, (..., 1, 1, 1), where a pair is given."""
    if not isinstance(level, tuple):
        return level
    low, high = level
    share = torch.rand(
        (*image.shape[:-3], 1, 1, 1), generator=generator, device=generator.device
    )
    return low + (high - low) * share


def told_level(sigma: float | Tensor, image: Tensor) -> Tensor:
    """A level as :class:`Drawn` has it."""
    if isinstance(sigma, Tensor):
        return sigma
    return image.new_full((*image.shape[:-3], 1, 1, 1), sigma)


def measured_level(noise: Tensor) -> Tensor:
    """Root of the mean square of each image's noise, (..., 1, 1, 1), 8-bit units."""
    return noise.square().mean((-3, -2, -1), keepdim=True).sqrt() * 255
