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
from .noise import (
    CameraNoise,
    CorrelatedNoise,
    GaussianNoise,
    ImpulseNoise,
    NoiseChoice,
    PoissonGaussianNoise,
    SpeckleNoise,
)

__all__ = [
    "CBM3D",
    "CameraNoise",
    "Cascade",
    "CascadeClassifier",
    "CascadeSegmentor",
    "CorrelatedNoise",
    "Denoiser",
    "DnCNN",
    "FFDNet",
    "GaussianNoise",
    "IdentityDenoiser",
    "ImpulseNoise",
    "JointLoss",
    "MCWNNM",
    "MultiScaleDenoiser",
    "NoiseChoice",
    "PoissonGaussianNoise",
    "SpandrelDenoiser",
    "SpeckleNoise",
    "VGGLargeFOV",
]
