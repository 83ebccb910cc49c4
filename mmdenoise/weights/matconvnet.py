"""Read the authors' networks: MatConvNet's ``SimpleNN`` in MATLAB files.

Such a file holds ``net.layers``, a cell array of structs with a ``type`` and, in convs,
``weights``: kernels (H, W, in, out) and biases. Versions 5 and 7.3 (which is HDF5, with
all dimensions reversed) hold the same.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mmdenoise.weights.matlab_file import Layer, read_layers

__all__ = ["read_matconvnet"]

# MATLAB counts a pixel's four neighbours column by column, PyTorch row by row; the
# exchange is its own inverse.
COLUMNS_FIRST = (0, 2, 1, 3)
# What a layer's options have to be; a file need not say them.
OPTIONS = {"conv": dict(pad=1, stride=1, dilate=1), "relu": dict(leak=0)}


def read_matconvnet(path: str) -> dict[str, Tensor]:
    """Read a network of convs 3x3, ReLUs, batch norms and sub-pixel layers.

    Args:
        path: A MATLAB file of version 5 or 7.3.

    Returns:
        Weights of the convs by the names that the authors' PyTorch code gives them:
        ``model.0.weight`` (out, in, 3, 3), ``model.0.bias``, ``model.2.weight``, ...
        Batch norms are merged into them, sub-pixels in PyTorch's order.

    Raises:
        ImportError: If the package that reads such a file is missing.
        ValueError: If the file holds no such network.
    """
    convs: list[list[np.ndarray]] = []
    shuffled = []
    rectifiers = 0
    for number, layer in enumerate(read_layers(path), start=1):
        _check_options(layer, number)
        if layer.kind == "conv":
            convs.append(_conv(layer, number))
        elif layer.kind == "bnorm":
            if not convs:
                raise ValueError(f"layer {number} is a 'bnorm' with no conv before it")
            convs[-1] = _merged(*convs[-1], layer, number)
        elif layer.kind == "SubP":
            shuffled.append(len(convs))
        elif layer.kind == "relu":
            rectifiers += 1
        elif layer.kind not in ("concat", "loss"):
            raise ValueError(
                f"layer {number} is a {layer.kind!r}, which neither DnCNN nor FFDNet "
                "has"
            )
    if not convs or rectifiers != len(convs) - 1:
        raise ValueError(
            f"its network has {len(convs)} convs and {rectifiers} ReLUs, where one "
            "stands between each two in DnCNN and FFDNet"
        )
    if shuffled:
        if shuffled != [0, len(convs)]:
            raise ValueError("sub-pixel layers stand elsewhere than first and last")
        first, last = convs[0], convs[-1]
        first[0] = first[0][:, _rows_first(first[0].shape[1])]
        order = _rows_first(last[0].shape[0])
        last[:] = last[0][order], last[1][order]
    state = {}
    for index, (kernel, bias) in enumerate(convs):
        # A conv and its ReLU take a number each.
        state[f"model.{2 * index}.weight"] = _tensor(kernel)
        state[f"model.{2 * index}.bias"] = _tensor(bias)
    return state


def _tensor(array: np.ndarray) -> Tensor:
    """Convert, from the byte order of any machine."""
    return torch.tensor(np.ascontiguousarray(array, np.float32))


def _rows_first(channels: int) -> list[int]:
    """Order of channels that puts MATLAB's sub-pixels of each colour as PyTorch's."""
    inside = channels // 4 * 4
    order = [4 * (i // 4) + COLUMNS_FIRST[i % 4] for i in range(inside)]
    return order + list(range(inside, channels))  # the map of noise levels


def _check_options(layer: Layer, number: int) -> None:
    for name, expected in OPTIONS.get(layer.kind, {}).items():
        value = layer.options.get(name)
        if value is not None and value.size and (value != expected).any():
            found = ", ".join(f"{item:g}" for item in value.ravel())
            raise ValueError(
                f"layer {number}, a {layer.kind!r}, has {name} {found} where DnCNN and "
                f"FFDNet have {expected}"
            )


def _conv(layer: Layer, number: int) -> list[np.ndarray]:
    """Kernel (out, in, 3, 3) and bias (out,)."""
    arrays = layer.weights
    if len(arrays) == 2:
        # MATLAB drops trailing dimensions of 1.
        kernel = arrays[0].reshape(arrays[0].shape + (1,) * (4 - arrays[0].ndim))
        kernel, bias = kernel.transpose(3, 2, 0, 1), arrays[1].ravel()
        if kernel.shape[2:] == (3, 3) and bias.size == kernel.shape[0]:
            return [kernel, bias]
    shapes = " and ".join(str(array.shape) for array in arrays) or "none"
    raise ValueError(
        f"layer {number}, a 'conv', has weights {shapes} where (3, 3, in, out) and "
        "(out) are expected"
    )


def _merged(
    kernel: np.ndarray, bias: np.ndarray, norm: Layer, number: int
) -> list[np.ndarray]:
    """Merge a batch norm into the conv before it.

    Its third array holds the mean and the standard deviation, epsilon included.
    """
    channels = bias.size
    if [array.size for array in norm.weights] != [channels, channels, 2 * channels]:
        raise ValueError(
            f"layer {number}, a 'bnorm', has not the scale, the shift and the moments "
            f"of {channels} channels"
        )
    scale, shift, moments = (array.astype(np.float64) for array in norm.weights)
    mean, deviation = moments.reshape(channels, 2).T
    factor = scale.ravel() / deviation
    return [
        kernel * factor[:, None, None, None],
        (bias - mean) * factor + shift.ravel(),
    ]
