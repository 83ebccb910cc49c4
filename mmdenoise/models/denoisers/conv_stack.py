"""A plain chain of 3x3 convolutions: the body of DnCNN and of FFDNet."""

from __future__ import annotations

from mmcv.cnn import build_norm_layer
from torch import nn

__all__ = ["conv_stack"]


def conv_stack(
    in_channels: int,
    channels: int,
    out_channels: int,
    depth: int,
    norm_cfg: dict | None,
) -> nn.Sequential:
    """Chain ``depth`` convs 3x3 with biases; zero padding keeps the size.

    ReLU follows each but the last, and a normalisation stands before it in all but the
    first and the last, where ``norm_cfg`` names one. Modules are numbered flatly, one
    by one, which is how the authors' PyTorch files name their weights.

    Raises:
        ValueError: If ``depth`` is below 2 or ``channels`` below 1.
    """
    if not isinstance(depth, int) or depth < 2:
        raise ValueError(f"depth must be at least 2, got {depth!r}")
    if not isinstance(channels, int) or channels < 1:
        raise ValueError(f"channels must be at least 1, got {channels!r}")
    layers = [nn.Conv2d(in_channels, channels, 3, padding=1), nn.ReLU(inplace=True)]
    for _ in range(depth - 2):
        layers.append(nn.Conv2d(channels, channels, 3, padding=1))
        if norm_cfg is not None:
            layers.append(build_norm_layer(norm_cfg, channels)[1])
        layers.append(nn.ReLU(inplace=True))
    layers.append(nn.Conv2d(channels, out_channels, 3, padding=1))
    return nn.Sequential(*layers)
