"""A camera's noise: drawn on the sensor, then demosaiced and brought to sRGB.

Light is linear on a sensor, and of each pixel one colour is measured (Bayer's pattern,
red at the upper left). Interpolating the two others correlates neighbours; the sRGB
curve makes noise strong where an image is dark.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv2d, pad

from mmdenoise.registry import MODELS

from .base import (
    Drawn,
    Level,
    NoiseModel,
    checked_level,
    checked_peak,
    drawn_level,
    measured_level,
)
from .gaussian import poisson_gaussian_noise

__all__ = [
    "CameraNoise",
    "camera_noise",
    "demosaiced",
    "linear_of_srgb",
    "srgb_of_linear",
]

# IEC 61966-2-1: a straight line near black, a power above.
SLOPE, BEND, OFFSET, POWER = 12.92, 0.0031308, 0.055, 2.4
# Of neighbours, for bilinear interpolation; green is measured twice as densely.
GREEN = [[0, 1, 0], [1, 4, 1], [0, 1, 0]]
RED_OR_BLUE = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def srgb_of_linear(light: Tensor) -> Tensor:
    """Bring linear light in [0, 1] to sRGB; noise may take it out of [0, 1]."""
    bent = (1 + OFFSET) * light.clamp(min=BEND) ** (1 / POWER) - OFFSET
    return torch.where(light <= BEND, light * SLOPE, bent)


def linear_of_srgb(image: Tensor) -> Tensor:
    """Bring sRGB in [0, 1] to linear light: the inverse of :func:`srgb_of_linear`."""
    edge = BEND * SLOPE
    bent = ((image.clamp(min=edge) + OFFSET) / (1 + OFFSET)) ** POWER
    return torch.where(image <= edge, image / SLOPE, bent)


def demosaiced(mosaic: Tensor) -> Tensor:
    """Measure one colour a pixel and interpolate the others, bilinearly.

    Args:
        mosaic: (..., 3, H + 2, W + 2): all colours, one pixel beyond the image on each
            side. Of each pixel the colour of Bayer's pattern is used; the image's own
            first pixel is red.

    Returns:
        (..., 3, H, W).
    """
    height, width = mosaic.shape[-2:]
    # Seen from one pixel further up and left, where the pattern has blue.
    odd_row = (torch.arange(height, device=mosaic.device) % 2 == 1).view(-1, 1)
    odd_column = (torch.arange(width, device=mosaic.device) % 2 == 1).view(1, -1)
    red, blue = odd_row & odd_column, ~odd_row & ~odd_column
    measured = mosaic * torch.stack([red, odd_row ^ odd_column, blue])
    kernels = mosaic.new_tensor([RED_OR_BLUE, GREEN, RED_OR_BLUE]).unsqueeze(1) / 4
    planes = conv2d(measured.reshape(-1, 3, height, width), kernels, groups=3)
    return planes.reshape(*mosaic.shape[:-2], height - 2, width - 2)


def camera_noise(
    image: Tensor,
    peak: float | Tensor,
    sigma: float | Tensor,
    generator: Generator | None = None,
) -> Tensor:
    """Draw a sensor's noise and develop it: demosaicing, then the sRGB curve.

    The image itself is not demosaiced, so that its details stay: interpolation is
    linear, and the noise alone goes through it.

    Args:
        image: (3, H, W) or (N, 3, H, W), sRGB in [0, 1].
        peak: Mean number of photons at full brightness, or a (N, 1, 1, 1) tensor.
        sigma: Standard deviation of the read-out noise in 8-bit units of linear light,
            likewise.
        generator: Source of randomness, on the image's device.

    Returns:
        The same shape, the deviation from ``image``.

    Example:
        >>> dark, bright = (torch.full((3, 64, 64), v) for v in (0.1, 0.9))
        >>> source = torch.Generator().manual_seed(0)
        >>> strength = [camera_noise(v, 500, 0, source).std() for v in (dark, bright)]
        >>> bool(strength[0] > strength[1])
        True
    """
    light = linear_of_srgb(image)
    batch = light if light.ndim == 4 else light[None]
    beyond = pad(batch, (1, 1, 1, 1), mode="replicate")
    noise = demosaiced(poisson_gaussian_noise(beyond, peak, sigma, generator))
    return srgb_of_linear(light + noise.reshape(image.shape)) - image


@MODELS.register_module()
class CameraNoise(NoiseModel):
    """A camera's noise: photons and read-out, demosaiced, in sRGB.

    Args:
        peak: Photons at full brightness, positive; a pair (low, high) draws one a
            picture.
        sigma: Standard deviation of the read-out noise in 8-bit units of linear light,
            or a pair.
        **kwargs: See :class:`NoiseModel`. A camera clips, rounds and mostly
            compresses: ``clip=True, quantise=True``, or ``jpeg=90``.

    Raises:
        ValueError: If a level is negative or not finite, or a peak is zero.

    Example:
        >>> camera = CameraNoise(peak=200, sigma=2, jpeg=90)
        >>> noisy, _ = camera.add_and_tell(torch.zeros(3, 16, 16), torch.Generator())
        >>> bool(noisy.min() >= 0)
        True
    """

    def __init__(self, peak: Level, sigma: Level = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.peak = checked_peak(peak)
        self.sigma = checked_level("sigma", sigma)

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """See :func:`camera_noise`; the level is that of what was drawn."""
        peak = drawn_level(self.peak, image, generator)
        sigma = drawn_level(self.sigma, image, generator)
        noise = camera_noise(image, peak, sigma, generator)
        return Drawn(noise, measured_level(noise))
