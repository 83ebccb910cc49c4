"""PSNR and SSIM, and the comparison of several denoisers in front of one head."""

from mmdenoise.hosts import has_host

from .calibration import CalibrationError
from .evaluator import PerImageEvaluator
from .functional import psnr, quantize, ssim
from .metrics import PSNR, SSIM

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
