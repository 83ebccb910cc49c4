"""Weights by pull: how hard each term of the joint loss is to pull at the image."""

from collections.abc import Mapping

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from .loss_terms import pull

__all__ = ["Balance", "weights_of"]

TERMS = ("reconstruction", "perceptual", "task")


def weights_of(
    pulls: Mapping[str, float], multiples: Mapping[str, float]
) -> dict[str, float]:
    """The weights by which each term pulls a multiple of what L_D does.

    Args:
        pulls: Of each term unweighted (:func:`~.loss_terms.pull`).
        multiples: What each is to pull with; for ``reconstruction`` its weight.

    Raises:
        ValueError: If a term that is to pull has no gradient.

    Example:
        >>> weights_of(dict(reconstruction=2.0, task=8.0),
        ...            dict(reconstruction=1.0, task=0.5))
        {'reconstruction': 1.0, 'task': 0.125}
    """
    unit = multiples["reconstruction"] * pulls["reconstruction"]
    weights = {}
    for name, multiple in multiples.items():
        if name == "reconstruction":
            weights[name] = multiple
            continue
        if not 0 < pulls[name] < float("inf"):
            raise ValueError(
                f"the {name} loss pulls at the denoised image with {pulls[name]:g}: it "
                "cannot be balanced; give its weight, and balance=0"
            )
        weights[name] = multiple * unit / pulls[name]
    return weights


class Balance(nn.Module):
    """Measure pulls in the first batches of a training; afterwards keep the weights.

    What was measured is saved in checkpoints, so a resumed training goes on with it.

    Args:
        batches: How many to average over. While it is measured, each batch is weighted
            by the average so far.
    """

    def __init__(self, batches: int) -> None:
        super().__init__()
        self.batches = batches
        self.register_buffer("pulls", torch.zeros(len(TERMS)))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(
        self,
        raw: Mapping[str, Tensor],
        denoised: Tensor,
        multiples: Mapping[str, float],
    ) -> dict[str, Tensor]:
        """Weights of the raw terms, those of the denoised images (N, 3, H, W).

        Raises:
            ValueError: If nothing was measured and nothing can be.
        """
        if self.count < self.batches and denoised.requires_grad and self.training:
            self._measure(raw, denoised)
        if not self.count:
            raise ValueError(
                "balance: the weights are measured in the first batches of a training, "
                "and there was none yet"
            )
        pulls = dict(zip(TERMS, self.pulls.tolist()))
        weights = weights_of(pulls, multiples)
        return {name: denoised.new_tensor(weight) for name, weight in weights.items()}

    def _measure(self, raw: Mapping[str, Tensor], denoised: Tensor) -> None:
        found = torch.zeros_like(self.pulls)
        for index, name in enumerate(TERMS):
            if name in raw:
                found[index] = pull(raw[name], denoised)
        all_reduce(found, "mean")
        self.count += 1
        self.pulls += (found - self.pulls) / self.count
