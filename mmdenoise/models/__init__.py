"""The cascade and what it is composed of."""

from .cascade import Cascade, CascadeClassifier, CascadeSegmentor
from .denoisers import DnCNN, FFDNet, IdentityDenoiser, MultiScaleDenoiser
from .heads import VGGLargeFOV
from .joint_loss import JointLoss
from .noise import GaussianNoise, PoissonGaussianNoise

__all__ = [
    "Cascade",
    "CascadeClassifier",
    "CascadeSegmentor",
    "DnCNN",
    "FFDNet",
    "GaussianNoise",
    "IdentityDenoiser",
    "JointLoss",
    "MultiScaleDenoiser",
    "PoissonGaussianNoise",
    "VGGLargeFOV",
]
