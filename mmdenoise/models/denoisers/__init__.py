"""Denoisers of one contract (:mod:`.base`), one network or method a file."""

from .base import Denoiser, checked_sigma
from .bm3d import CBM3D
from .dncnn import DnCNN
from .ffdnet import FFDNet
from .identity import IdentityDenoiser
from .mcwnnm import MCWNNM
from .multiscale import MultiScaleDenoiser
from .spandrel import SpandrelDenoiser

__all__ = [
    "CBM3D",
    "Denoiser",
    "DnCNN",
    "FFDNet",
    "IdentityDenoiser",
    "MCWNNM",
    "MultiScaleDenoiser",
    "SpandrelDenoiser",
    "checked_sigma",
]
