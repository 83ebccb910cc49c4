"""CBM3D (Dabov et al., ICIP 2007), by the authors' package ``bm3d``."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from mmdenoise.models.image_padding import pad_to
from mmdenoise.registry import MODELS

from .base import Denoiser

__all__ = ["CBM3D"]

PROFILES = ("classic", "np")
# Rows: luminance and two chrominances. The opponent colours of the publication.
OPPONENT = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, 0, -1 / 2], [1 / 4, -1 / 2, 1 / 4]])
# So that each lies in [0, 1]: a mean of 0 would be filtered out as if it were noise.
OFFSET = np.array([0, 0.5, 0.5])
# The package needs blocks of 8x8, and crashes where there is but one of them.
SMALLEST = 16


@MODELS.register_module()
class CBM3D(Denoiser):
    """Collaborative filtering of similar blocks, found in the luminance.

    Dabov et al., "Color Image Denoising via Sparse 3D Collaborative Filtering with
    Grouping Constraint in Luminance-Chrominance Space", ICIP 2007. The work is done by
    the authors' package (``pip install bm3d``), which is **for non-commercial use
    only**, on the CPU, in float32, one image after another. It has no weights, and no
    gradient passes it: it can be evaluated in a cascade, and nothing can be trained
    through it.

    Args:
        sigma: Standard deviation of the noise in 8-bit units (25 means 25/255), above
            0, where no level is handed over. A level that is handed over is one for
            each image.
        profile: ``'classic'``, the normal profile of the publication, whose results
            are those that tables of denoisers print: hard threshold 2.7, Wiener filter
            with the noise's own variance, distances of blocks as they are. ``'np'``,
            the normal profile of the package, is the method of Makinen et al., IEEE
            Transactions on Image Processing 29 (2020): other thresholds, variances
            after block matching computed exactly, and about four times the time.
        threads: Of the native library; 0 takes as many as there are cores. With any
            number but 1 the last digits differ from run to run.

    Raises:
        ImportError: If the package is not installed, or its library does not load.
        ValueError: If an argument is out of range.
    """

    takes_sigma = True
    takes_zero = False
    trainable = False

    def __init__(
        self, sigma: float | None = None, profile: str = "classic", threads: int = 1
    ) -> None:
        super().__init__()
        self.sigma = sigma
        if profile not in PROFILES:
            raise ValueError(
                f"profile must be one of {', '.join(PROFILES)}; got {profile!r}"
            )
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 0:
            raise ValueError(f"threads must be a number of them or 0, got {threads!r}")
        self.profile = profile
        self.threads = threads
        _package()
        # Without weights there is nothing to train: only who trains what stands around
        # it switches this on.
        self.eval()

    def estimate(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Denoise (N, 3, H, W), each image by itself and of one level."""
        levels = self.one_each(level, len(noisy))
        height, width = noisy.shape[-2:]
        images = noisy.detach().to("cpu", torch.float64)
        images = pad_to(images, max(height, SMALLEST), max(width, SMALLEST))
        result = torch.empty_like(images)
        for image, denoised, [sigma] in zip(images, result, levels):
            found = self._denoise(image.permute(1, 2, 0).numpy(), sigma)
            denoised.copy_(torch.from_numpy(found).permute(2, 0, 1))
        return result[..., :height, :width].to(noisy)

    def _denoise(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """Denoise one (H, W, 3) float64 image, sides of at least 16.

        Not by ``bm3d_rgb``, which divides by the range of each channel of the opponent
        space and makes NaN of an image without colours.
        """
        package = _package()
        profile = _profile(package, self.profile)
        profile.num_threads = self.threads
        channels = image @ OPPONENT.T + OFFSET
        levels = sigma / 255 * np.sqrt((OPPONENT**2).sum(axis=1))
        try:
            estimate = package.bm3d(channels, levels.tolist(), profile)
        except ValueError:
            # Where nothing but a flat luminance is left, the package returns no block
            # matches for the other channels and trips over that. Each by itself then.
            estimate = np.stack(
                [package.bm3d(channels[..., i], levels[i], profile) for i in range(3)],
                axis=-1,
            )
        return (estimate - OFFSET) @ np.linalg.inv(OPPONENT).T

    def extra_repr(self) -> str:
        """Arguments, as PyTorch's modules show theirs."""
        return f"sigma={self.sigma}, profile={self.profile!r}, threads={self.threads}"


def _package() -> ModuleType:
    """Import the package, which costs time and may be missing, as late as possible."""
    try:
        import bm3d
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise ImportError(
            f"CBM3D needs the package bm3d ({reason}): pip install bm3d, or make "
            "baselines in a checkout; its licence allows non-commercial use only"
        ) from None
    return bm3d


def _profile(package: ModuleType, name: str) -> object:
    profile = package.BM3DProfile()
    if name == "classic":
        # A domain of size 0 switches the exact variances off.
        profile.nf = 0
        profile.gamma = 0
        profile.lambda_thr3d = 2.7
        profile.mu2 = 1
    return profile
