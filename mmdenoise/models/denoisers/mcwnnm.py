"""Multi-channel weighted nuclear norm minimisation: similar patches have low rank.

Xu, Zhang, Zhang, Feng, "Multi-channel Weighted Nuclear Norm Minimization for Real Color
Image Denoising", ICCV 2017 (arXiv:1705.09912). Of the two settings that the authors
released, this is the one that they name as their paper's, with its values, its order of
steps, and its scale: the paper's problem divided by the largest of its weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmdenoise.models.image_padding import pad_to
from mmdenoise.registry import MODELS

from .base import Denoiser
from .patch_groups import match_patches, patch_pixels
from .weighted_nuclear_norm import low_rank

__all__ = ["MCWNNM"]

REMATCH_EVERY = 2
FEWER_EACH_MATCH = 10
FEWEST = 10
# Groups at a time: their matrices stay in the processor's cache.
CHUNK = 64


@MODELS.register_module()
class MCWNNM(Denoiser):
    """Denoise groups of similar patches as matrices of low rank.

    Every pass puts some of the removed noise back, takes the level of what noise is
    left from what was removed so far, channel by channel in each reference patch, and
    estimates all groups (:func:`~.weighted_nuclear_norm.low_rank`). It has no weights
    and no gradient: it can be evaluated in a cascade, and nothing is trained through
    it. The image's size bounds its memory: about 150 bytes a pixel.

    Args:
        sigma: Standard deviation of the noise in 8-bit units (25 means 25/255): a
            number, or one for each of R, G and B; above 0; where no level is handed
            over. A level that is handed over is one for each image.
        patch_size: Side of a patch in pixels.
        step: From one reference patch to the next in pixels, at most ``patch_size``.
        radius: How far a similar patch may be along either side in pixels.
        group_size: Patches in a group. As in the release each matching, at every second
            pass, takes 10 fewer, the first included: 60, 50, 40.
        passes: Number of passes over the image.
        steps: ADMM's steps in each group.
        delta: Share of the removed noise that is put back before each pass.
        level_scale: Factor on the levels after the first pass (``lambda`` in the
            release, which advises to tune it to the noise).
        rho: ADMM's penalty at its first step.
        mu: Factor on the penalty from step to step.

    Raises:
        ValueError: If an argument is out of range.
    """

    takes_sigma = True
    takes_zero = False
    trainable = False
    level_channels = 3

    def __init__(
        self,
        sigma: float | Sequence[float] | None = None,
        patch_size: int = 6,
        step: int = 5,
        radius: int = 20,
        group_size: int = 70,
        passes: int = 6,
        steps: int = 10,
        delta: float = 0.1,
        level_scale: float = 0.6,
        rho: float = 3.0,
        mu: float = 1.001,
    ) -> None:
        super().__init__()
        self.sigma = sigma
        counts = dict(patch_size=patch_size, step=step, radius=radius, passes=passes)
        for name, value in dict(counts, group_size=group_size, steps=steps).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number from 1, got {value!r}")
        if step > patch_size:
            raise ValueError(
                f"step={step} leaves gaps between patches of patch_size={patch_size}"
            )
        for name, value in dict(level_scale=level_scale, rho=rho, mu=mu).items():
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be finite and above 0, got {value!r}")
        if not 0 <= delta <= 1:
            raise ValueError(f"delta must be in [0, 1], got {delta!r}")
        self.patch_size, self.step, self.radius = patch_size, step, radius
        self.group_size, self.passes, self.delta = group_size, passes, delta
        self.level_scale = level_scale
        self.steps, self.rho, self.mu = steps, rho, mu
        # Without weights there is nothing to train: only who trains what stands around
        # it switches this on.
        self.eval()

    def estimate(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Denoise (N, 3, H, W), each image by itself and of one level.

        An image smaller than a patch is continued to one; where there are few patches
        little can be removed.
        """
        levels = self.one_each(level, len(noisy))
        height, width = noisy.shape[-2:]
        images = noisy.to(torch.promote_types(noisy.dtype, torch.float32)) * 255
        smallest = self.patch_size
        images = pad_to(images, max(height, smallest), max(width, smallest))
        with torch.no_grad(), torch.autocast(noisy.device.type, enabled=False):
            denoised = torch.stack([self._denoise(*one) for one in zip(images, levels)])
        return (denoised[..., :height, :width] / 255).to(noisy)

    def _denoise(self, noisy: Tensor, sigma: list[float]) -> Tensor:
        """Denoise one image, (3, H, W) in 8-bit units, of one level or three."""
        estimate, size = noisy, self.group_size
        for index in range(self.passes):
            estimate = torch.lerp(estimate, noisy, self.delta)
            if index % REMATCH_EVERY == 0:
                size = max(size - FEWER_EACH_MATCH, FEWEST)
                groups = match_patches(
                    estimate, self.patch_size, self.step, self.radius, size
                )
            scale = self.level_scale if index else 1.0
            estimate = self._pass(estimate, noisy, groups, sigma, scale)
        return estimate

    def _pass(
        self,
        image: Tensor,
        noisy: Tensor,
        groups: Tensor,
        sigma: list[float],
        scale: float,
    ) -> Tensor:
        """Estimate all groups of the image, and average where patches overlap."""
        offsets = patch_pixels(*image.shape, self.patch_size).to(image.device)
        variance = image.new_tensor(sigma).expand(3).square()
        removed = (noisy - image).square().flatten()
        # In float64 the mean of equal estimates is that estimate, to the bit.
        total = torch.zeros_like(removed, dtype=torch.float64)
        count = torch.zeros_like(total)
        for positions in groups.split(CHUNK):
            pixels = positions[..., None] + offsets
            of_reference = removed[pixels[:, 0]].unflatten(1, (3, -1)).mean(-1)
            levels = scale * (variance - of_reference).clamp(min=0).sqrt()
            patches = image.flatten()[pixels]
            mean = patches.mean(1, keepdim=True)
            patches = mean + low_rank(
                patches - mean, levels, self.steps, self.rho, self.mu
            )
            patches, pixels = patches.flatten().double(), pixels.flatten()
            total.index_add_(0, pixels, patches)
            count.index_add_(0, pixels, torch.ones_like(patches))
        return (total / count).to(image).view_as(image)
