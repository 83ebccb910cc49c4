"""PSNR and SSIM of one image, as pure functions.

Shapes: C channels, H and W the height and width of the true area (no padding).
An image is a float tensor (C, H, W) in [0, 1]; the one being scored need not be
clipped. Both functions score what an 8-bit file of the image would hold.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["psnr", "quantize", "ssim"]

DATA_RANGE = 255.0
WINDOW_SIZE = 11
WINDOW_SIGMA = 1.5
# What a clean image may lie outside [0, 1] by: the rounding of an undone normalisation.
TOLERANCE = 1e-3
# SSIM goes through the image in strips of so many rows, to bound its memory.
STRIP_ROWS = 256


def quantize(image: Tensor) -> Tensor:
    """Clip and round an image to 8 bits.

    Args:
        image (Tensor): Any shape, float, in [0, 1], not necessarily clipped.

    Returns:
        Tensor: The same shape and device, uint8. Halves are rounded to the even
        neighbour, as `torch.round` and `numpy.round` do. Half precision is widened
        first, since its own steps near 255 are as coarse as 1/8 (float16) or 1
        (bfloat16).

    Raises:
        ValueError: The image is not a float tensor.

    Example:
        >>> quantize(torch.tensor([-0.1, 0.5, 2.0]))
        tensor([  0, 128, 255], dtype=torch.uint8)
    """
    if not image.is_floating_point():
        raise ValueError(f"expected a float image in [0, 1], got {image.dtype}")
    wide = image.to(torch.promote_types(image.dtype, torch.float32))
    return wide.clamp(0, 1).mul(DATA_RANGE).round().to(torch.uint8)


def psnr(image: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio of an image, all channels together.

    Args:
        image (Tensor): (C, H, W) float, in [0, 1], not necessarily clipped.
        reference (Tensor): (C, H, W) float, in [0, 1]: the clean image.

    Returns:
        float: Decibel, on 8-bit values; `math.inf` where all of them are equal.

    Raises:
        ValueError: The two are not finite float images of one shape, or the
            reference is not in [0, 1].

    Example:
        >>> black = torch.zeros(3, 8, 8)
        >>> round(psnr(black + 10 / 255, black), 2)
        28.13
    """
    image, reference = _checked_pair(image, reference)
    # In whole numbers: exact, and no sum depends on the order of its terms.
    difference = image.int() - reference.int()
    squared_error = difference.square_().sum(dtype=torch.int64).item()
    if squared_error == 0:
        return math.inf
    return 10 * math.log10(DATA_RANGE**2 * image.numel() / squared_error)


def ssim(image: Tensor, reference: Tensor) -> float:
    """Structural similarity of an image, the mean over positions and channels.

    As Wang et al., "Image Quality Assessment: From Error Visibility to Structural
    Similarity", IEEE Transactions on Image Processing 13 (2004): a Gaussian window of
    11x11 with sigma 1.5, population covariance, K1 = 0.01, K2 = 0.03, and only the
    positions where the whole window lies in the image. Agrees with scikit-image's
    `structural_similarity(..., gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255)`.

    Args:
        image (Tensor): (C, H, W) float, in [0, 1], not necessarily clipped.
        reference (Tensor): (C, H, W) float, in [0, 1]: the clean image.

    Returns:
        float: In [-1, 1], on 8-bit values; 1 where all of them are equal.

    Raises:
        ValueError: The two are not finite float images of one shape, the reference is
            not in [0, 1], or a side is shorter than the window.

    Example:
        >>> image = torch.rand(3, 16, 16)
        >>> round(ssim(image, image), 6)
        1.0
    """
    image, reference = _checked_pair(image, reference)
    height, width = image.shape[-2:]
    if min(height, width) < WINDOW_SIZE:
        raise ValueError(
            f"SSIM needs at least {WINDOW_SIZE}x{WINDOW_SIZE} pixels, the size of its "
            f"window; this image has {height}x{width} (height x width)"
        )
    window = _gaussian_window()
    margin = WINDOW_SIZE - 1
    total = 0.0
    # Strips overlap by the window's margin, so that each position is seen once.
    for top in range(0, height - margin, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS + margin)
        for channel in range(image.shape[0]):
            strip = image[channel, rows].double(), reference[channel, rows].double()
            total += _ssim_map(*strip, window).sum().item()
    return total / (image.shape[0] * (height - margin) * (width - margin))


def _ssim_map(x: Tensor, y: Tensor, window: list[float]) -> Tensor:
    """(H, W) float64, in [0, 255], twice -> (H - 10, W - 10) local similarities."""
    c1 = (0.01 * DATA_RANGE) ** 2
    c2 = (0.03 * DATA_RANGE) ** 2
    mean_x, mean_y = _blur(x, window), _blur(y, window)
    variance_x = _blur(x * x, window) - mean_x * mean_x
    variance_y = _blur(y * y, window) - mean_y * mean_y
    covariance = _blur(x * y, window) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return luminance * structure


def _blur(image: Tensor, window: list[float]) -> Tensor:
    """Filter (H, W) along both sides, valid positions alone.

    Sums of shifted slices, because PyTorch's float64 convolution on a CPU unfolds the
    image into as many copies as the window has taps.
    """
    for dim in (0, 1):
        length = image.shape[dim] - len(window) + 1
        blurred = image.narrow(dim, 0, length) * window[0]
        for shift, weight in enumerate(window[1:], start=1):
            blurred.add_(image.narrow(dim, shift, length), alpha=weight)
        image = blurred
    return image


def _gaussian_window() -> list[float]:
    """The 1-D window, which sums to 1."""
    centre = WINDOW_SIZE // 2
    weights = [
        math.exp(-((i - centre) ** 2) / (2 * WINDOW_SIGMA**2))
        for i in range(WINDOW_SIZE)
    ]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def _checked_pair(image: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
    """Both images as uint8 on the CPU.

    Always on the CPU, so that the printed digits do not depend on the device, and
    because some devices have no float64.
    """
    if image.shape != reference.shape or image.ndim != 3 or image.numel() == 0:
        raise ValueError(
            "expected an image and its clean reference of one shape (C, H, W), got "
            f"{tuple(image.shape)} and {tuple(reference.shape)}"
        )
    for name, tensor in (("image", image), ("clean reference", reference)):
        if not tensor.is_floating_point():
            raise ValueError(
                f"expected the {name} as a float tensor in [0, 1], got {tensor.dtype}"
            )
        if not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise ValueError(
                f"the {name} has {bad} values that are not finite, of {tensor.numel()}"
            )
    low, high = reference.min().item(), reference.max().item()
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"expected the clean reference in [0, 1], got [{low:.4g}, {high:.4g}]"
        )
    return quantize(image.detach()).cpu(), quantize(reference.detach()).cpu()
