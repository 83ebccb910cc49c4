"""The cascade and what it is composed of."""

from mmdenoise.models.backbones import VGGLargeFOV

from .cascade import Cascade, CascadeClassifier, CascadeSegmentor
from .denoisers import (
    CBM3D,
    MCWNNM,
    Denoiser,
    DnCNN,
    FFDNet,
    IdentityDenoiser,
    MultiScaleDenoiser,
    SpandrelDenoiser,
)
from .joint_loss import JointLoss
from .noise import GaussianNoise, PoissonGaussianNoise

__all__ = [
    "CBM3D",
    "Cascade",
    "CascadeClassifier",
    "CascadeSegmentor",
    "Denoiser",
    "DnCNN",
    "FFDNet",
    "GaussianNoise",
    "IdentityDenoiser",
    "JointLoss",
    "MCWNNM",
    "MultiScaleDenoiser",
    "PoissonGaussianNoise",
    "SpandrelDenoiser",
    "VGGLargeFOV",
]
