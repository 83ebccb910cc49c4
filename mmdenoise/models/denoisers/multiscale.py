"""The paper's denoiser (Section III-A, Figure 1), as its released network has it.

Shapes, for ``scales=3`` and the default widths (E encoder, D decoder, S stem)::

    noisy      (N, 3, H, W)                      RGB in [0, 1]
    stem       (N, S=64, H, W)                   conv 5x5, neither BN nor ReLU
    encoding 1 (N, E=128, H/2, W/2)
    encoding 2 (N, E=128, H/4, W/4)
    up 2       (N, E/4=32, H/2, W/2)             deconv 4x4, neither BN nor ReLU
    decoding 1 (N, D=256, H/2, W/2)              of up 2 and encoding 1
    up 1       (N, D/4=64, H, W)
    output     (N, 3, H, W)                      conv 3x3 of up 1 and the stem

In a network that takes the level, sigma/255 is a fourth channel of the stem's input.
The output is the residual: the global skip adds the noisy image to it.
"""

from collections.abc import Mapping
from typing import Optional

import torch
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from mmdenoise.models.image_padding import pad_to_multiple
from mmdenoise.registry import MODELS

from .base import Denoiser
from .inference_form import channels_last, folded
from .multiscale_merged import MergedMultiScaleDenoiser, with_level

__all__ = ["MultiScaleDenoiser", "add_level_channel"]


class CodingModule(nn.Module):
    """One conv and one bottleneck residual block: Figure 1 (b) and (c).

    Kernels are 3x3, 1x1, 3x3, 1x1 with ``channels``, ``channels // 4``,
    ``channels // 4``, ``channels`` of them. BN and ReLU follow each conv, save the
    last, where the sum with the block's input stands between BN and ReLU.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, norm_cfg: dict
    ) -> None:
        super().__init__()
        narrow = channels // 4

        def conv(inputs: int, outputs: int, kernel: int, **kwargs) -> list:
            return [
                nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **kwargs),
                build_norm_layer(norm_cfg, outputs)[1],
            ]

        self.entry = nn.Sequential(
            *conv(in_channels, channels, 3, stride=stride), nn.ReLU(inplace=True)
        )
        self.residual = nn.Sequential(
            *conv(channels, narrow, 1, bias=False),
            nn.ReLU(inplace=True),
            *conv(narrow, narrow, 3, bias=False),
            nn.ReLU(inplace=True),
            *conv(narrow, channels, 1, bias=False),
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C_in, H, W) to (N, ``channels``, H / stride, W / stride)."""
        features = self.entry(features)
        # In place: a fresh map costs as much time as a small conv.
        return self.relu(self.residual(features).add_(features))


@MODELS.register_module()
class MultiScaleDenoiser(Denoiser):
    """Denoise at several scales at once; the options are those of Table I and text.

    Default: 1,030,883 parameters in convs and deconvs, 1,033,443 with BN's affine
    ones; 220,544 multiply-adds per pixel; receptive field 39x39, up to 22 px to one
    side (``reach``), on a grid of 4 px (``stride``).

    Args:
        scales: Number of resolutions, full resolution included; 2 to 10.
        encoder_channels: Width of the encoding modules, a multiple of 4.
        decoder_channels: Width of the decoding modules, a multiple of 4. There is
            one for each scale between the finest and the coarsest, so with two
            scales it plays no part.
        stem_channels: Width of the first conv.
        global_skip: Add the noisy image to the output, which is then a residual.
        downsample: ``'conv'`` (stride 2) or ``'pool'`` (max pooling before a conv).
        fusion: ``'concat'`` or ``'sum'`` of the two scales' features; with ``'sum'``
            each deconv has as many channels as what it is added to.
        norm_cfg: Normalisation layer, an MMCV config.
        takes_sigma: Whether the network is told the level of the noise.
        sigma: That level in 8-bit units (25 means 25/255), where none is handed over.

    Raises:
        ValueError: If an option is out of range.
    """

    def __init__(
        self,
        scales: int = 3,
        encoder_channels: int = 128,
        decoder_channels: int = 256,
        stem_channels: int = 64,
        global_skip: bool = True,
        downsample: str = "conv",
        fusion: str = "concat",
        norm_cfg: dict = dict(type="BN"),  # noqa: B006 - read only
        takes_sigma: bool = False,
        sigma: Optional[float] = None,
    ) -> None:
        super().__init__()
        self.takes_sigma = takes_sigma
        self.sigma = sigma
        _check_options(scales, encoder_channels, decoder_channels, downsample, fusion)
        self.stride = 2 ** (scales - 1)
        self.reach = _reach(scales, downsample)
        self.global_skip = global_skip
        self.fusion = fusion

        self.stem = nn.Conv2d(4 if takes_sigma else 3, stem_channels, 5, padding=2)
        self.encoders = nn.ModuleList()
        skips = [stem_channels] + [encoder_channels] * (scales - 1)
        for channels in skips[:-1]:
            if downsample == "pool":
                encoder = nn.Sequential(
                    nn.MaxPool2d(2),
                    CodingModule(channels, encoder_channels, 1, norm_cfg),
                )
            else:
                encoder = CodingModule(channels, encoder_channels, 2, norm_cfg)
            self.encoders.append(encoder)

        # From the coarsest scale up: each deconv meets the encoding (or the stem)
        # one scale finer; a decoder fuses them everywhere but at full resolution.
        self.upsamplers = nn.ModuleList()
        self.decoders = nn.ModuleList()
        channels = skips.pop()
        while skips:
            skip = skips.pop()
            up = skip if fusion == "sum" else channels // 4
            self.upsamplers.append(
                nn.ConvTranspose2d(channels, up, 4, stride=2, padding=1)
            )
            channels = skip if fusion == "sum" else skip + up
            if skips:
                self.decoders.append(
                    CodingModule(channels, decoder_channels, 1, norm_cfg)
                )
                channels = decoder_channels
        self.output = nn.Conv2d(channels, 3, 3, padding=1)

    def estimate(self, noisy: Tensor, level: Optional[Tensor] = None) -> Tensor:
        """Denoise (N, 3, H, W), of levels that broadcast to (N, 1, H, W)."""
        height, width = noisy.shape[-2:]
        image = pad_to_multiple(with_level(noisy, level), self.stride)
        # Convs then take less time: in half precision on a GPU, and on a CPU.
        image = image.contiguous(memory_format=torch.channels_last)
        features = self.stem(image)
        finer = []
        for encoder in self.encoders:
            finer.append(features)
            features = encoder(features)
        for index, upsampler in enumerate(self.upsamplers):
            features = self._fuse(upsampler(features), finer.pop())
            if index < len(self.decoders):
                features = self.decoders[index](features)
        denoised = self.output(features)
        if self.global_skip:
            denoised = denoised + image[:, :3]
        return denoised[..., :height, :width]

    def for_inference(self) -> nn.Module:
        """Copy the network to a faster one of the same results, not to be trained.

        BN is folded into the convs and, unless max pooling stands between them, convs
        without a ReLU between them are merged: :class:`MergedMultiScaleDenoiser`.
        """
        network = folded(self)
        if isinstance(self.encoders[0], CodingModule):
            network = MergedMultiScaleDenoiser(network).eval()
        return channels_last(network)

    def _fuse(self, coarse: Tensor, fine: Tensor) -> Tensor:
        if self.fusion == "sum":
            return coarse + fine
        return torch.cat([coarse, fine], dim=1)


def _check_options(
    scales: int, encoder: int, decoder: int, downsample: str, fusion: str
) -> None:
    if not isinstance(scales, int) or not 2 <= scales <= 10:
        raise ValueError(f"scales must be 2 to 10, got {scales!r}")
    for name, width in (
        ("encoder_channels", encoder),
        ("decoder_channels", decoder),
    ):
        if not isinstance(width, int) or width < 4 or width % 4:
            raise ValueError(f"{name} must be a multiple of 4, got {width!r}")
    if downsample not in ("conv", "pool"):
        raise ValueError(f"downsample must be 'conv' or 'pool', got {downsample!r}")
    if fusion not in ("concat", "sum"):
        raise ValueError(f"fusion must be 'concat' or 'sum', got {fusion!r}")


def _reach(scales: int, downsample: str) -> int:
    """How far an output pixel looks to any one side, in pixels.

    Follows the interval of an output pixel back through the layers of the coarsest
    scale, which see what those of finer ones see and more.
    """
    reach = 0
    for position in range(2 ** (scales - 1)):
        first, last = position - 1, position + 1  # the output's conv 3x3
        for scale in range(1, scales):
            # A deconv 4x4 of stride 2 and padding 1 spreads i over 2i - 1 to 2i + 2.
            first, last = -(-(first - 2) // 2), (last + 1) // 2
            if scale < scales - 1:
                first, last = first - 2, last + 2  # two convs 3x3 of the decoder
        for _ in range(1, scales):
            if downsample == "pool":
                first, last = 2 * (first - 2), 2 * (last + 2) + 1
            else:
                first, last = 2 * (first - 1) - 1, 2 * (last + 1) + 1
        reach = max(reach, position - (first - 2), last + 2 - position)  # the stem
    return reach


def add_level_channel(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn the weights of a network into those of one that takes the level.

    It gives the same results, whatever it is told: the weights of the fourth channel
    are 0. So a network that was trained blind is where training with levels starts.

    Args:
        state: A :class:`MultiScaleDenoiser`'s, with ``takes_sigma=False``.

    Returns:
        The state of the same network with ``takes_sigma=True``.

    Raises:
        ValueError: If it is no such network's, or takes the level already.

    Example:
        >>> state = add_level_channel(MultiScaleDenoiser().state_dict())
        >>> told = MultiScaleDenoiser(takes_sigma=True)
        >>> told.load_state_dict(state)
        <All keys matched successfully>
    """
    weight = state.get("stem.weight")
    if weight is None or weight.ndim != 4 or weight.shape[1] != 3:
        raise ValueError(
            "expected the weights of a MultiScaleDenoiser that takes no level: a "
            "'stem.weight' of (C, 3, 5, 5), got "
            f"{None if weight is None else tuple(weight.shape)}"
        )
    return {
        **state,
        "stem.weight": torch.cat([weight, torch.zeros_like(weight[:, :1])], dim=1),
    }
