"""What a network costs and sees: parameters, multiply-adds, receptive field."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["conv_parameters", "multiply_adds", "receptive_field"]

CONVS = (nn.Conv2d, nn.ConvTranspose2d)


def conv_parameters(network: nn.Module) -> int:
    """Number of weights and biases in convs and deconvs, as papers count them.

    Those of normalisation layers, which are merged into the convs for use, are left
    out.
    """
    return sum(
        parameter.numel()
        for module in network.modules()
        if isinstance(module, CONVS)
        for parameter in module.parameters(recurse=False)
    )


def multiply_adds(network: nn.Module, side: int = 64) -> float:
    """Multiply-adds per input pixel, in convs, deconvs and matrix products.

    Args:
        network: Maps (N, 3, H, W) to the same.
        side: Of the image on which they are counted; a multiple of the network's
            ``stride``, or padding counts, too.
    """
    image = torch.zeros(1, 3, side, side)
    training = network.training
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(image)
    network.train(training)
    # The counter counts a multiplication and an addition as two.
    return counter.get_total_flops() / 2 / side**2


def receptive_field(network: nn.Module) -> tuple[int, int]:
    """Measure by gradients what an output pixel depends on.

    On a copy of the network whose weights are all positive, so that no rectifier is
    off and nothing cancels, at each position on the network's grid.

    Args:
        network: Maps (N, 3, H, W) to the same, and has the attributes ``stride`` and
            ``reach`` (:mod:`mmdenoise.models.denoisers`).

    Returns:
        Side in pixels of the square that an output pixel sees, the largest over the
        positions; and the farthest that one sees to any one side.

    Raises:
        ValueError: If the network's field is not finite, or it says so of itself and
            sees farther.
    """
    stride, reach = getattr(network, "stride", 1), getattr(network, "reach", None)
    if reach is None:
        raise ValueError(f"{type(network).__name__} has no finite receptive field")
    network = copy.deepcopy(network).double().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
        # Kept to a size, or deep networks lose the far pixels in rounding.
        inputs = parameter[0].numel() if parameter.dim() > 1 else 1
        parameter.data = (draw + 0.5) / max(inputs, 1)
        parameter.requires_grad_(False)
    margin = -(-(reach + 2) // stride) * stride
    side = 2 * margin + stride
    image = torch.rand(1, 3, side, side, generator=generator, dtype=torch.float64)
    images = image.repeat(stride, 1, 1, 1).requires_grad_()
    positions = range(margin, margin + stride)
    outputs = network(images)
    sum(outputs[i, :, p, p].sum() for i, p in enumerate(positions)).backward()
    sides, reaches = [], []
    for gradient, position in zip(images.grad, positions):
        seen = gradient.abs().sum(0)
        for lines in (seen.sum(1), seen.sum(0)):
            indices = lines.nonzero()
            first, last = int(indices.min()), int(indices.max())
            sides.append(last - first + 1)
            reaches += [position - first, last - position]
    if max(reaches) > reach:
        raise ValueError(
            f"{type(network).__name__} says that it reaches {reach} px, and sees "
            f"{max(reaches)} px to one side"
        )
    return max(sides), max(reaches)
