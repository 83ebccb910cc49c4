"""What makes a network of convs faster once it is trained."""

from __future__ import annotations

import copy

import torch
from mmcv.cnn import fuse_conv_bn
from torch import nn

__all__ = ["channels_last", "folded"]


def folded(network: nn.Module) -> nn.Module:
    """Copy a network for evaluation, its batch norm folded into its convs."""
    return fuse_conv_bn(copy.deepcopy(network).eval())


def channels_last(network: nn.Module) -> nn.Module:
    """Lay out a network's convs by pixel, in place; return it.

    A conv of such weights makes maps of the same layout, which oneDNN need not reorder
    for the next one: docs/benchmarks.md has the times before and after.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            module.to(memory_format=torch.channels_last)
    return network
