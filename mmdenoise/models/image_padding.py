"""Right and bottom padding that continues an image instead of ending it."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ["pad_to", "pad_to_multiple"]


def pad_to(image: Tensor, height: int, width: int) -> Tensor:
    """Extend an image to the right and the bottom by its own mirror image.

    Args:
        image: (N, C, H, W) or (C, H, W) with H <= ``height`` and W <= ``width``.
        height: Height of the result in pixels.
        width: Width of the result in pixels.

    Returns:
        The image in the upper left corner of (..., ``height``, ``width``). A side
        shorter than its padding cannot be mirrored and repeats its last line.

    Example:
        >>> from torch import tensor
        >>> pad_to(tensor([[[1.0, 2, 3]]]), 1, 5)
        tensor([[[1., 2., 3., 2., 1.]]])
    """
    for extra, pads, side in (
        (height - image.shape[-2], (0, 0, 0, height - image.shape[-2]), -2),
        (width - image.shape[-1], (0, width - image.shape[-1], 0, 0), -1),
    ):
        if extra < 0:
            raise ValueError(
                f"cannot pad {tuple(image.shape)} to {height}x{width}: it is larger"
            )
        if extra:
            mode = "reflect" if extra < image.shape[side] else "replicate"
            image = F.pad(image, pads, mode=mode)
    return image


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Extend an image as :func:`pad_to` does until both sides divide evenly."""
    height, width = (-(-side // multiple) * multiple for side in image.shape[-2:])
    return pad_to(image, height, width)
