"""Colours that nobody sees: replaced before a denoiser looks at their neighbours."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["filled"]


def filled(colours: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Replace hidden colours by those around them.

    What is known is averaged over squares of twice the side again and again, until
    every pixel has a square that knows something (the pull and push of Gortler et al.,
    "The Lumigraph", 1996, Section 3.4.2).

    Args:
        colours: (H, W, C).
        visible: (H, W).
    """
    known = torch.from_numpy(visible).float()[None, None]
    values = torch.from_numpy(
        np.where(visible[..., None], colours, 0).astype(np.float32)
    )
    values = _spread(values.permute(2, 0, 1)[None] * known, known)
    spread = values[0].permute(1, 2, 0).numpy()
    if colours.dtype.kind == "u":
        spread = np.rint(spread)
    return np.where(visible[..., None], colours, spread.astype(colours.dtype))


def _spread(values: Tensor, known: Tensor) -> Tensor:
    """Means where something is known, and smooth ones elsewhere.

    Args:
        values: (1, C, H, W), sums of what is known.
        known: (1, 1, H, W), the weights of these sums.
    """
    means = values / known.clamp(min=torch.finfo(known.dtype).tiny)
    if max(known.shape[-2:]) == 1 or known.all():
        return means
    coarse = (F.avg_pool2d(part, 2, ceil_mode=True) for part in (values, known))
    around = F.interpolate(
        _spread(*coarse), known.shape[-2:], mode="bilinear", align_corners=False
    )
    return torch.where(known > 0, means, around)
