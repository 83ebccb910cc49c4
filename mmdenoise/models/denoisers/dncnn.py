"""DnCNN (Zhang et al., IEEE Transactions on Image Processing 26, 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from mmdenoise.registry import MODELS

from .base import Denoiser
from .conv_stack import conv_stack
from .inference_form import channels_last, folded

__all__ = ["DnCNN"]


@MODELS.register_module()
class DnCNN(Denoiser):
    """Predict the noise with a chain of convs, and take it away.

    Zhang et al., "Beyond a Gaussian Denoiser: Residual Learning of Deep CNN for Image
    Denoising", Section III.

    The authors' colour networks, one for each noise level, have the default options:
    their batch norms were merged into the convs after training. 668,227 parameters,
    667,008 multiply-adds per pixel, receptive field 41x41.

    Weights start as the paper's do (Section IV-A): He et al.'s normal distribution for
    rectifiers, biases of 0.

    Args:
        depth: Number of convs 3x3, at least 2.
        channels: Width of all but the last.
        norm_cfg: Normalisation of the inner convs, an MMCV config: ``dict(type='BN')``
            to train as published, None where it is merged or absent.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self, depth: int = 20, channels: int = 64, norm_cfg: dict | None = None
    ) -> None:
        super().__init__()
        # Named as in the authors' PyTorch files, which load as they are.
        self.model = conv_stack(3, channels, 3, depth, norm_cfg)
        self.reach = depth
        for module in self.model:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def estimate(self, noisy: Tensor, level: None = None) -> Tensor:
        """Take the predicted noise from (N, 3, H, W)."""
        return noisy - self.model(noisy)

    def for_inference(self) -> nn.Module:
        """Copy the network, its BN folded into its convs, laid out for speed."""
        return channels_last(folded(self))
