"""PSNR and SSIM, and the comparison of several denoisers in front of one head."""

from mmdenoise.hosts import has_host

from .calibration import CalibrationError
from .evaluator import PerImageEvaluator
from .metrics import PSNR, SSIM
from .psnr_ssim import psnr, quantize, ssim

__all__ = [
    "PSNR",
    "SSIM",
    "CalibrationError",
    "PerImageEvaluator",
    "psnr",
    "quantize",
    "ssim",
]

if has_host("mmseg"):
    from .class_iou import ClassIoU

    __all__ += ["ClassIoU"]
