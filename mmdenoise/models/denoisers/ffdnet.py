"""FFDNet (Zhang et al., IEEE Transactions on Image Processing 27, 2018).

Shapes, for the default width::

    noisy       (N, 3, H, W)                    RGB in [0, 1]
    sub-images  (N, 12, ceil(H/2), ceil(W/2))   four of each colour
    input       (N, 13, ceil(H/2), ceil(W/2))   and the map of noise levels, sigma/255
    output      (N, 12, ceil(H/2), ceil(W/2))   the clean image's sub-images
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdenoise.registry import MODELS

from .base import Denoiser
from .conv_stack import conv_stack
from .inference_form import channels_last, folded

__all__ = ["FFDNet"]


@MODELS.register_module()
class FFDNet(Denoiser):
    """Denoise four sub-images of half the size, told how strong the noise is.

    Zhang et al., "FFDNet: Toward a Fast and Flexible Solution for CNN-Based Image
    Denoising", Section III.

    The authors' colour network has the default options and serves every level from 0 to
    75. 852,108 parameters, 212,760 multiply-adds per pixel, receptive field 50x50 on a
    grid of 2 px.

    Weights start orthogonal, as in the authors' training, with biases of 0.

    Args:
        sigma: Standard deviation of the noise in 8-bit units (25 means 25/255), where
            no level is handed over. A higher level than the true one smooths more, a
            lower one keeps more noise.
        depth: Number of convs 3x3, at least 2.
        channels: Width of all but the last.
        norm_cfg: Normalisation of the inner convs, an MMCV config: ``dict(type='BN')``
            to train as published, None where it is merged or absent.

    Raises:
        ValueError: If an option is out of range.
    """

    stride = 2
    takes_sigma = True

    def __init__(
        self,
        sigma: float | None = None,
        depth: int = 12,
        channels: int = 96,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.sigma = sigma
        # Named as in the authors' PyTorch files, which load as they are.
        self.model = conv_stack(13, channels, 12, depth, norm_cfg)
        self.reach = 2 * depth + 1
        for module in self.model:
            if isinstance(module, nn.Conv2d):
                nn.init.orthogonal_(module.weight)
                nn.init.zeros_(module.bias)

    def estimate(self, noisy: Tensor, level: Tensor) -> Tensor:
        """Denoise (N, 3, H, W), of levels that broadcast to (N, 1, H, W)."""
        height, width = noisy.shape[-2:]
        pads = (0, width % 2, 0, height % 2)
        # The last line again, and no mirror image, as in the published measurements.
        subimages = F.pixel_unshuffle(F.pad(noisy, pads, mode="replicate"), 2)
        if level.shape[-2:] != (1, 1):
            level = level.expand(*level.shape[:2], height, width)
            level = F.avg_pool2d(F.pad(level, pads, mode="replicate"), 2)
        level = (level / 255).expand_as(subimages[:, :1])
        denoised = self.model(torch.cat([subimages, level], dim=1))
        return F.pixel_shuffle(denoised, 2)[..., :height, :width]

    def for_inference(self) -> nn.Module:
        """Copy the network, its BN folded into its convs, laid out for speed."""
        return channels_last(folded(self))
