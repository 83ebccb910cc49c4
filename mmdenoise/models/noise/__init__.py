"""Noise models: pure functions that draw the noise, thin registered classes on top."""

from .base import Drawn, NoiseModel
from .camera import CameraNoise, camera_noise
from .choice import NoiseChoice
from .correlated import CorrelatedNoise, correlated_noise
from .gaussian import (
    GaussianNoise,
    PoissonGaussianNoise,
    gaussian_noise,
    poisson_gaussian_noise,
)
from .imagenet_c import IMAGENET_C, imagenet_c_noise
from .impulse import ImpulseNoise, impulse_noise
from .jpeg import jpeg_compressed
from .speckle import SpeckleNoise, speckle_noise

__all__ = [
    "CameraNoise",
    "CorrelatedNoise",
    "Drawn",
    "GaussianNoise",
    "IMAGENET_C",
    "ImpulseNoise",
    "NoiseChoice",
    "NoiseModel",
    "PoissonGaussianNoise",
    "SpeckleNoise",
    "camera_noise",
    "correlated_noise",
    "gaussian_noise",
    "imagenet_c_noise",
    "impulse_noise",
    "jpeg_compressed",
    "poisson_gaussian_noise",
    "speckle_noise",
]
