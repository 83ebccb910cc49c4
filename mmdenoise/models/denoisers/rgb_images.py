"""The images that a denoiser is given, checked."""

from __future__ import annotations

from torch import Tensor

__all__ = ["refuse_not_finite_images", "refuse_not_rgb"]


def refuse_not_rgb(images: Tensor, name: str) -> None:
    """Refuse what is no batch of RGB images, in the name of a denoiser.

    Raises:
        ValueError: If ``images`` is not (N, 3, H, W).
    """
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"{name}: images must be RGB, (N, 3, H, W), got {tuple(images.shape)}"
        )


def refuse_not_finite_images(images: Tensor, name: str) -> None:
    """Refuse values that would spread, or stop a search for similar patches.

    Raises:
        ValueError: If ``images`` holds NaN or infinite values.
    """
    if not images.isfinite().all():
        raise ValueError(f"{name}: the image holds NaN or infinite values")
