"""What photographs seldom hold and networks must bear: flat and saturated areas.

A network that never saw them paints a grid on a black bar, and takes what clipping
leaves of the noise for structure. Each class changes a share of a batch of patches, on
their device and without a loop over them.

Shapes: B patches are (B, 3, size, size) of 8-bit values, as uint8.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Generator, Tensor

from mmdenoise.registry import TRANSFORMS

__all__ = ["FlatBars", "FlatPatches", "PatchTransform", "StretchContrast"]


class PatchTransform(ABC):
    """Change a share of patches, drawn by a generator.

    Args:
        share: How many of the patches are changed, from 0 to 1.

    Raises:
        ValueError: If the share is out of range.
    """

    def __init__(self, share: float) -> None:
        if isinstance(share, bool) or not 0 <= share <= 1:
            raise ValueError(
                f"{type(self).__name__}: share must be from 0 to 1, got {share!r}"
            )
        self.share = share

    def __call__(self, patches: Tensor, generator: Generator) -> Tensor:
        """Return the patches (B, 3, size, size) uint8, a share of them changed."""
        # The same numbers are drawn whatever comes of them.
        chosen = _uniform(patches, generator) < self.share
        changed = self.change(patches.float(), generator)
        changed = changed.round().clamp(0, 255).to(torch.uint8)
        return torch.where(chosen, changed, patches)

    @abstractmethod
    def change(self, patches: Tensor, generator: Generator) -> Tensor:
        """Change all of (B, 3, size, size), floats in 8-bit units; clipped after."""


@TRANSFORMS.register_module()
class StretchContrast(PatchTransform):
    """Stretch contrast and shift brightness, so that parts are black or white.

    Args:
        share: See :class:`PatchTransform`.
        gain: The largest stretch; drawn from 1 up to it.
        shift: The largest shift to either side, in 8-bit units.
    """

    def __init__(self, share: float, gain: float = 3.0, shift: float = 160.0) -> None:
        super().__init__(share)
        if not (gain >= 1 and shift >= 0):
            raise ValueError(
                "StretchContrast: gain must be 1 or more and shift 0 or more, got "
                f"{gain!r} and {shift!r}"
            )
        self.gain = gain
        self.shift = shift

    def change(self, patches: Tensor, generator: Generator) -> Tensor:
        """Stretch about each patch's mean."""
        gain = 1 + (self.gain - 1) * _uniform(patches, generator)
        shift = self.shift * (2 * _uniform(patches, generator) - 1)
        mean = patches.mean((1, 2, 3), keepdim=True)
        return (patches - mean) * gain + mean + shift


@TRANSFORMS.register_module()
class FlatPatches(PatchTransform):
    """Put a colour, or a ramp between two, in a patch's place.

    A third of the colours are black or white, a third grey.
    """

    def change(self, patches: Tensor, generator: Generator) -> Tensor:
        """Half of the patches are one colour, half a ramp in some direction."""
        size = patches.shape[-1]
        first, second = _colours(patches, generator), _colours(patches, generator)
        ramped = _uniform(patches, generator) < 0.5
        angle = 2 * torch.pi * _uniform(patches, generator)
        steps = torch.linspace(-0.5, 0.5, size, device=patches.device)
        along = angle.cos() * steps + angle.sin() * steps.view(-1, 1)
        along = (0.5 + along / 2**0.5) * ramped
        return first + (second - first) * along


@TRANSFORMS.register_module()
class FlatBars(PatchTransform):
    """Lay a bar of one colour over one side, as letterboxes and frames have them."""

    def change(self, patches: Tensor, generator: Generator) -> Tensor:
        """The bar leaves at least a pixel of the patch, and is one wide at least."""
        size = patches.shape[-1]
        steps = torch.arange(size, device=patches.device)
        width = 1 + (_uniform(patches, generator) * (size - 1)).floor()
        side = (_uniform(patches, generator) * 4).floor()
        across = torch.where(side % 2 > 0, steps, steps.view(-1, 1))
        across = torch.where(side >= 2, size - 1 - across, across)
        return torch.where(across < width, _colours(patches, generator), patches)


def _uniform(patches: Tensor, generator: Generator, channels: int = 1) -> Tensor:
    """Draw (B, channels, 1, 1) from 0 up to 1."""
    shape = (len(patches), channels, 1, 1)
    return torch.rand(shape, generator=generator, device=patches.device)


def _colours(patches: Tensor, generator: Generator) -> Tensor:
    """Draw (B, 3, 1, 1) in 8-bit units: black or white, grey, or any, a third each."""
    kind = _uniform(patches, generator)
    grey = 255 * _uniform(patches, generator)
    colour = 255 * _uniform(patches, generator, channels=3)
    extreme = (grey > 127.5) * 255.0
    return torch.where(kind < 1 / 3, extreme, torch.where(kind < 2 / 3, grey, colour))
