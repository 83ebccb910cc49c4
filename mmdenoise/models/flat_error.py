"""What a denoiser paints on flat areas: a tint, or dots at the period of its grid."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

__all__ = ["flat_error"]

PERIOD = 4  # of the coarsest of the paper's three scales
WINDOW = 5
STEP = 1.5 / 255


def flat_error(
    prediction: Tensor,
    target: Tensor,
    area: Tensor | None = None,
    period: int = PERIOD,
) -> Tensor:
    """Error that stays when that of an image's flat areas is averaged over a grid.

    A network with strided layers answers differently at each place of its grid. That
    shows on flat areas, yet is a small part of the squared error, most of which is
    what the noise leaves. Averaged over the cells of a grid, that goes away, and a tint
    or a pattern remains.

    Args:
        prediction: Images (N, 3, H, W), RGB in [0, 1].
        target: The same shape, clean. It is flat where no channel spans more than 1.5
            8-bit levels within 5x5 pixels.
        area: Positions of the images, (N, 1, H, W) booleans; None: all.
        period: Side of a cell in pixels.

    Returns:
        Scalar: the mean error at each of the ``period``^2 places, squared, summed over
        channels, averaged over places, times the share of the image that is flat,
        averaged over images. In squared units of the input.
    """
    target = target.float()
    highest, lowest = (
        sign * F.max_pool2d(sign * target, WINDOW, 1, WINDOW // 2) for sign in (1, -1)
    )
    flat = (highest - lowest).amax(1, keepdim=True) <= STEP
    if area is not None:
        flat = flat & area
    flat = flat.to(target)
    share = flat.mean((1, 2, 3))
    # What the last, cut cells lack counts for nothing.
    height, width = (-size % period for size in target.shape[-2:])
    error, count = (
        F.pad(each, (0, width, 0, height))
        .unflatten(3, (-1, period))
        .unflatten(2, (-1, period))
        .sum((2, 4))
        for each in ((prediction.float() - target) * flat, flat)
    )
    mean = error / count.clamp(min=1)
    return (mean.square().sum(1).mean((1, 2)) * share).mean()
