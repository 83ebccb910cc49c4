"""Denoisers of one contract.

``forward(noisy)`` maps RGB float (N, 3, H, W) in [0, 1] to the same shape and range,
unclipped, for any H and W >= 1. Nothing else is asked of a denoiser.

One with a finite receptive field says so, and can then be run in tiles without a seam:
``stride`` is the period of its grid (an input shifted by that many pixels gives the
output shifted alike), ``reach`` the most pixels that an output pixel looks to any one
side. Without a finite field ``reach`` is None, or absent.
"""

from .bm3d import CBM3D
from .dncnn import DnCNN
from .ffdnet import FFDNet
from .identity import IdentityDenoiser
from .mcwnnm import MCWNNM
from .multiscale import MultiScaleDenoiser
from .spandrel import SpandrelDenoiser

__all__ = [
    "CBM3D",
    "DnCNN",
    "FFDNet",
    "IdentityDenoiser",
    "MCWNNM",
    "MultiScaleDenoiser",
    "SpandrelDenoiser",
]
