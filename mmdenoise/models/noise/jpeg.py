"""JPEG, as cameras and the web store what was noisy before."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["jpeg_compressed"]


def jpeg_compressed(image: Tensor, quality: int | Sequence[int]) -> Tensor:
    """Clip and round images to 8 bits, compress them and read them again.

    By libjpeg through Pillow, with its usual subsampling of colour (4:2:0). It runs on
    the CPU, whatever the image's device is.

    Args:
        image: (3, H, W) or (N, 3, H, W), RGB in [0, 1] or beyond it.
        quality: 1 to 100, or one for each of the N.

    Returns:
        The same shape, type and device, in [0, 1], no gradient.

    Example:
        >>> grey = torch.full((3, 16, 16), 0.5)
        >>> jpeg_compressed(grey, 75).mul(255).unique()
        tensor([128.])
    """
    batch = image.detach().reshape(-1, *image.shape[-3:])
    pixels = batch.float().clamp(0, 1).mul(255).round().to(torch.uint8)
    pixels = pixels.permute(0, 2, 3, 1).cpu().numpy()
    each = [quality] * len(pixels) if isinstance(quality, int) else quality
    read = np.stack([_through_jpeg(one, level) for one, level in zip(pixels, each)])
    restored = torch.from_numpy(read).permute(0, 3, 1, 2).to(image.device)
    return (restored.to(torch.float32) / 255).to(image).reshape(image.shape)


def _through_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))
