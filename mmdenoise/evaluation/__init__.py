"""PSNR and SSIM, and the comparison of several denoisers in front of one head."""

import importlib.util

from .evaluator import PerImageEvaluator
from .functional import psnr, quantize, ssim
from .metrics import PSNR, SSIM

__all__ = ["PSNR", "SSIM", "PerImageEvaluator", "psnr", "quantize", "ssim"]

if importlib.util.find_spec("mmseg") is not None:
    from .class_iou import ClassIoU

    __all__ += ["ClassIoU"]
