"""Denoisers of one contract.

``forward(noisy)`` maps RGB float (N, 3, H, W) in [0, 1] to the same shape and range,
unclipped, for any H and W >= 1. Nothing else is asked of a denoiser.
"""

from .identity import IdentityDenoiser
from .multiscale import MultiScaleDenoiser

__all__ = ["IdentityDenoiser", "MultiScaleDenoiser"]
