"""The paper's denoiser for inference, without its layers at full resolution.

Neither the stem nor a deconv is followed by BN or ReLU. So what stands between them and
the next conv is linear, and is one conv:

* stem 5x5, then the first encoder's conv 3x3 of stride 2: a conv 7x7 of stride 2;
* the last deconv 4x4, then the output's conv 3x3: a conv 3x3 at half resolution with an
  output channel for each of a 2x2 block's pixels, then a pixel shuffle;
* stem 5x5, then the output's conv 3x3, and the global skip: a conv 7x7.

By default 140,377 multiply-adds a pixel instead of 220,544, and no map of 64 or 128
channels at full resolution. The convs above pad what the stem and the deconv give with
zeros, where the merged ones would see those continued, so the pixels at the border are
computed by the layers as they were.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmdenoise.models.image_padding import pad_to_multiple

from .base import Denoiser

__all__ = ["MergedMultiScaleDenoiser", "with_level"]


class MergedMultiScaleDenoiser(Denoiser):
    """A :class:`MultiScaleDenoiser` of the same results, to be run and not trained.

    Args:
        source: The denoiser, its BN folded into its convs, with ``downsample='conv'``.
            Its layers are taken over, not copied.
    """

    def __init__(self, source: nn.Module) -> None:
        super().__init__()
        self.source = source
        self.stride, self.reach = source.stride, source.reach
        self.takes_sigma, self.sigma = source.takes_sigma, source.sigma
        with torch.no_grad():
            self._merge()

    def _merge(self) -> None:
        source = self.source
        wide = dict(dtype=torch.float64)
        stem, entry = source.stem, source.encoders[0].entry[0]
        deconv, output = source.upsamplers[-1], source.output
        stem_weight, of_output = stem.weight.to(**wide), output.weight.to(**wide)
        of_entry = entry.weight.to(**wide)
        of_deconv, of_stem = of_output, of_output
        if source.fusion == "concat":
            of_deconv = of_output[:, : deconv.out_channels]
            of_stem = of_output[:, deconv.out_channels :]

        like = dict(dtype=stem.weight.dtype, device=stem.weight.device)
        inputs = stem.in_channels
        self.entry = nn.Conv2d(
            inputs, entry.out_channels, 7, stride=2, padding=3, **like
        )
        self.entry.weight.copy_(_compose(of_entry, stem_weight))
        self.entry.bias.copy_(entry.bias + of_entry.sum((2, 3)) @ stem.bias.to(**wide))

        self.coarse = nn.Conv2d(deconv.in_channels, 12, 3, padding=1, **like)
        # An impulse in each channel shows the kernel: in the middle of 5x5 positions it
        # spreads over the nine around it.
        channels = deconv.in_channels
        impulses = torch.zeros(channels, channels, 5, 5, **wide)
        impulses[range(channels), range(channels), 2, 2] = 1
        spread = F.conv_transpose2d(
            impulses.to(of_output.device), deconv.weight.to(**wide), stride=2, padding=1
        )
        spread = F.pixel_unshuffle(F.conv2d(spread, of_deconv, padding=1), 2)
        kernel = spread[..., 1:4, 1:4].flip((2, 3)).transpose(0, 1)
        self.coarse.weight.copy_(kernel)
        self.coarse.bias.zero_()

        self.fine = nn.Conv2d(inputs, 3, 7, padding=3, **like)
        self.fine.weight.copy_(_compose(of_stem, stem_weight))
        if source.global_skip:
            for channel in range(3):
                self.fine.weight[channel, channel, 3, 3] += 1
        bias = of_deconv.sum((2, 3)) @ deconv.bias.to(**wide)
        bias = bias + of_stem.sum((2, 3)) @ stem.bias.to(**wide)
        self.fine.bias.copy_(output.bias + bias)

    def estimate(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """Denoise (N, 3, H, W), as the source does."""
        height, width = noisy.shape[-2:]
        image = pad_to_multiple(with_level(noisy, level), self.source.stride)
        features = self._first_encoder(image)
        finer = []
        for encoder in self.source.encoders[1:]:
            finer.append(features)
            features = encoder(features)
        for upsampler, decoder in zip(self.source.upsamplers, self.source.decoders):
            features = decoder(self.source._fuse(upsampler(features), finer.pop()))
        denoised = F.pixel_shuffle(self.coarse(features), 2) + self.fine(image)
        # Four rows or columns of pixels and two of features determine the outermost.
        denoised[..., :1, :] = self._last(image[..., :4, :], features[..., :2, :])[
            ..., :1, :
        ]
        denoised[..., -1:, :] = self._last(image[..., -4:, :], features[..., -2:, :])[
            ..., -1:, :
        ]
        denoised[..., :1] = self._last(image[..., :4], features[..., :2])[..., :1]
        denoised[..., -1:] = self._last(image[..., -4:], features[..., -2:])[..., -1:]
        return denoised[..., :height, :width]

    def _first_encoder(self, image: Tensor) -> Tensor:
        encoder = self.source.encoders[0]
        conv, *rest = encoder.entry
        features = self.entry(image)
        features[..., :1, :] = conv(self.source.stem(image[..., :4, :]))[..., :1, :]
        features[..., :1] = conv(self.source.stem(image[..., :4]))[..., :1]
        for layer in rest:
            features = layer(features)
        return encoder.relu(encoder.residual(features).add_(features))

    def _last(self, image: Tensor, features: Tensor) -> Tensor:
        """The end of the network as it was."""
        source = self.source
        fused = source._fuse(source.upsamplers[-1](features), source.stem(image))
        denoised = source.output(fused)
        return denoised + image[:, :3] if source.global_skip else denoised


def with_level(noisy: Tensor, level: Tensor | None) -> Tensor:
    """Append sigma/255 as a fourth channel to (N, 3, H, W), where there is a level."""
    if level is None:
        return noisy
    return torch.cat([noisy, (level / 255).expand_as(noisy[:, :1])], dim=1)


def _compose(second: Tensor, first: Tensor) -> Tensor:
    """The kernel of two convs, one after the other.

    Args:
        second: (C_out, C_mid, K, K).
        first: (C_mid, C_in, L, L).

    Returns:
        (C_out, C_in, K + L - 1, K + L - 1).
    """
    pad = second.shape[-1] - 1
    turned = F.conv2d(first.transpose(0, 1), second.flip((2, 3)), padding=pad)
    return turned.transpose(0, 1)
