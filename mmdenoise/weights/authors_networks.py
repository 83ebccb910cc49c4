"""Tell by the weights alone which of its authors' networks a file holds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mmdenoise.registry import MODELS
from mmdenoise.weights.strict_loading import load_strictly

__all__ = ["recognise"]

NAME = re.compile(r"model\.(\d+)\.(\w+)")
# By the channels of the first conv's input and the last one's output.
NETWORKS = {(3, 3): "mmdenoise.DnCNN", (13, 12): "mmdenoise.FFDNet"}
# Of the batch norms in the authors' PyTorch code; no file says it.
EPSILON = 1e-4


def recognise(
    state: Mapping[str, Tensor], what: str
) -> tuple[dict, dict[str, Tensor]] | None:
    """Recognise DnCNN or FFDNet, for colour, in the authors' naming.

    Args:
        state: Weights named ``model.0.weight``, ``model.0.bias``, ``model.2.weight``
            and so on; numbers may be left out, as merging batch norms does.
        what: The file, for the error.

    Returns:
        The network's config, without the ``sigma`` of an FFDNet, which no file says,
        and its weights under its own names. None if the names are others.

    Raises:
        RuntimeError: If weights do not fit together.
        ValueError: If it is another network of that naming, for gray images perhaps.
    """
    modules: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        found = NAME.fullmatch(key)
        if found is None:
            return None
        modules.setdefault(int(found[1]), {})[found[2]] = value
    ordered = [modules[number] for number in sorted(modules)]
    convs = [m["weight"] for m in ordered if "weight" in m and m["weight"].dim() == 4]
    if not convs or any(conv.shape[2:] != (3, 3) for conv in convs):
        raise ValueError(f"{what} has not the 3x3 convs of DnCNN and FFDNet")
    ends = convs[0].shape[1], convs[-1].shape[0]
    if ends not in NETWORKS:
        raise ValueError(
            f"{what} is a network of {len(convs)} convs from {ends[0]} to {ends[1]} "
            "channels; for RGB images DnCNN leads from 3 to 3, FFDNet from 13 to 12"
        )
    normalised = any("running_mean" in module for module in ordered)
    config = dict(
        type=NETWORKS[ends],
        depth=len(convs),
        channels=convs[0].shape[0],
        norm_cfg=dict(type="BN", eps=EPSILON) if normalised else None,
    )
    takes_sigma = ends == (13, 12)
    network = MODELS.build(dict(config, **(dict(sigma=0) if takes_sigma else {})))
    names = list(dict.fromkeys(k.rpartition(".")[0] for k in network.state_dict()))
    if len(names) != len(ordered):
        raise ValueError(
            f"{what} has {len(ordered)} layers with weights, where "
            f"{config['type']}(depth={len(convs)}) has {len(names)}"
        )
    renamed = {
        f"{name}.{part}": value
        for name, module in zip(names, ordered)
        for part, value in module.items()
    }
    load_strictly(network, renamed, what)
    return config, renamed
