"""What a denoiser is, and the checks of what one is given.

Shapes: images (N, 3, H, W), RGB in [0, 1] plus noise; levels (N, 1, H, W), or what
broadcasts to that, in 8-bit units (25 means a standard deviation of 25/255).
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Union

import torch
from torch import Tensor, nn

__all__ = ["Denoiser", "checked_sigma"]

Level = Union[float, Sequence[float], Tensor]


class Denoiser(nn.Module):
    """Maps noisy images to clean ones, any H and W >= 1.

    A subclass writes :meth:`estimate`; images and levels are checked before it is
    called. A plain module that maps an image to an image is a denoiser, too: what is
    said here are the defaults of what it does not say.

    Attributes:
        stride: Period of its grid: an input shifted by that many pixels gives the
            output shifted alike.
        reach: The most pixels that an output pixel looks to any one side, by which it
            can be run in tiles without a seam; None without a finite field.
        takes_sigma: Whether it is told the level of the noise.
        trainable: Whether a gradient passes it.
    """

    stride: int = 1
    reach: int | None = None
    takes_sigma: bool = False
    trainable: bool = True
    # Whether it is defined for images without noise.
    takes_zero = True
    # 3 where R, G and B may have levels of their own.
    level_channels = 1
    _sigma: float | tuple[float, ...] | None = None

    @property
    def sigma(self) -> float | tuple[float, ...] | None:
        """Level where none is handed over, in 8-bit units; may be changed any time."""
        return self._sigma

    @sigma.setter
    def sigma(self, value: float | Sequence[float] | None) -> None:
        if value is not None and not self.takes_sigma:
            raise ValueError(
                f"this {self._name()} takes no sigma, it has its level from its "
                f"training: leave it out; got {value!r}"
            )
        several = self.level_channels > 1 and isinstance(value, (list, tuple))
        if several and len(value) != self.level_channels:
            raise ValueError(
                "sigma must be a number, or one for each of R, G and B; got "
                f"{len(value)}: {value!r}"
            )
        if several:
            value = tuple(checked_sigma(one, self.takes_zero) for one in value)
        elif value is not None:
            value = checked_sigma(value, self.takes_zero)
        self._sigma = value

    def forward(self, noisy: Tensor, sigma: Level | None = None) -> Tensor:
        """Estimate the clean images.

        Args:
            noisy: (N, 3, H, W), RGB in [0, 1] plus noise, any H and W >= 1.
            sigma: Level of the noise in 8-bit units, for a denoiser that takes one: a
                number, (N,), or what broadcasts to (N, 1, H, W). None: its attribute
                ``sigma``.

        Returns:
            (N, 3, H, W), RGB in [0, 1], unclipped.

        Raises:
            RuntimeError: If a gradient would be asked of one that is not trainable.
            ValueError: If the images are not RGB, or hold NaN or infinite values and
                it searches them; if a level is missing, has no use, is negative, not
                finite, or of a shape that fits no image.
        """
        name = self._name()
        if noisy.ndim != 4 or noisy.shape[1] != 3:
            raise ValueError(
                f"{name}: images must be RGB, (N, 3, H, W), got {tuple(noisy.shape)}"
            )
        if not self.trainable:
            self._refuse_training(noisy)
            # NaN would spread, or stop a search for similar patches.
            if not noisy.isfinite().all():
                raise ValueError(f"{name}: the image holds NaN or infinite values")
        if self.takes_sigma:
            return self.estimate(noisy, self._level(noisy, sigma))
        if sigma is not None:
            raise ValueError(
                f"this {name} takes no sigma, it has its level from its training"
            )
        return self.estimate(noisy)

    def estimate(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """What a subclass does; arguments were checked.

        Args:
            noisy: (N, 3, H, W).
            level: (N or 1, ``level_channels`` or 1, H or 1, W or 1), of the images'
                type and on their device, in 8-bit units; given where ``takes_sigma``.
        """
        raise NotImplementedError(f"{self._name()} has no method estimate")

    def for_inference(self) -> nn.Module:
        """Return an equal, faster module, not to be trained; by default itself."""
        return self

    def one_each(self, level: Tensor, count: int) -> list[list[float]]:
        """Levels of ``count`` images, for a method that knows one level an image.

        Raises:
            ValueError: If a level differs within an image.
        """
        if level.shape[-2:] != (1, 1):
            level = level.flatten(2)
            if not (level == level[..., :1]).all():
                raise ValueError(
                    f"{self._name()} takes one level an image, and here it differs "
                    "from pixel to pixel"
                )
            level = level[..., :1]
        return level.flatten(1).expand(count, -1).tolist()

    def _name(self) -> str:
        return type(self).__name__

    def _refuse_training(self, noisy: Tensor) -> None:
        if torch.is_grad_enabled() and (noisy.requires_grad or self.training):
            raise RuntimeError(
                f"{self._name()} has no weights and is not differentiable: no gradient "
                "passes, so nothing is trained with it or through it; evaluate it "
                "(model.eval(), torch.no_grad()), or train another denoiser"
            )

    def _level(self, noisy: Tensor, sigma: Level | None) -> Tensor:
        if sigma is None:
            if self.sigma is None:
                raise ValueError(
                    f"{self._name()} is told the level of the noise: give sigma, in "
                    "8-bit units"
                )
            level = torch.as_tensor(self.sigma, dtype=noisy.dtype, device=noisy.device)
            return level.view(1, -1, 1, 1)
        if isinstance(sigma, (Tensor, list, tuple)):
            level = torch.as_tensor(sigma)
            self._refuse_bad_values(level)
        else:
            level = torch.tensor(checked_sigma(sigma, self.takes_zero))
        level = level.to(noisy)
        if level.ndim < 2:
            level = level.view(-1, 1, 1, 1)
        count, _, height, width = noisy.shape
        whole = (count, self.level_channels, height, width)
        if level.ndim > 4 or any(
            size not in (1, full) for size, full in zip(level.shape[::-1], whole[::-1])
        ):
            raise ValueError(
                f"{self._name()}: sigma of shape {tuple(level.shape)} does not fit "
                f"images {tuple(noisy.shape)}: give a number, ({count},), or what "
                f"broadcasts to {whole}"
            )
        return level[(None,) * (4 - level.ndim)]

    def _refuse_bad_values(self, level: Tensor) -> None:
        # On a GPU, or in a graph that is being captured, looking would stop the work.
        traced = getattr(torch.compiler, "is_compiling", lambda: False)()
        if level.device.type != "cpu" or traced:
            return
        good = level.isfinite() & (level >= 0 if self.takes_zero else level > 0)
        if not good.all():
            bound = "not negative" if self.takes_zero else "positive"
            raise ValueError(
                f"{self._name()}: sigma must be finite and {bound}, in 8-bit units; "
                f"got {level[~good].flatten()[0].item():g}"
            )


def checked_sigma(sigma: object, may_be_zero: bool = True) -> float:
    """Return a standard deviation in 8-bit units (25 means 25/255) as a float.

    Args:
        sigma: What the user gave.
        may_be_zero: Whether the method is defined without noise.

    Raises:
        ValueError: If it is no finite number, or negative, or zero where it may not be.

    Example:
        >>> checked_sigma(25)
        25.0
    """
    if isinstance(sigma, bool) or not isinstance(sigma, numbers.Real):
        raise ValueError(f"sigma must be a number in 8-bit units, got {sigma!r}")
    if not (math.isfinite(sigma) and (sigma > 0 or may_be_zero and sigma == 0)):
        bound = "not negative" if may_be_zero else "positive"
        raise ValueError(
            f"sigma must be finite and {bound}, in 8-bit units; got {sigma}"
        )
    return float(sigma)
