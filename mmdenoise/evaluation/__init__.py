"""PSNR and SSIM: pure functions, and the metrics that average them over a test set."""

from .functional import psnr, quantize, ssim
from .metrics import PSNR, SSIM

__all__ = ["PSNR", "SSIM", "psnr", "quantize", "ssim"]
