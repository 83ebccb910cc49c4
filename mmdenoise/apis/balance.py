"""How hard each term of the joint loss pulls at the denoised image."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmdenoise.models.balance import TERMS, weights_of
from mmdenoise.models.loss_terms import pull
from mmdenoise.registry import MODELS
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = ["balanced_weights", "loss_balance"]


@safe_loading()
def loss_balance(cfg: Config, batches: int) -> dict[str, tuple[float, float]]:
    """Measure each raw term and the size of its gradient at the denoised image.

    A weight says nothing by itself: L_D is counted in squared intensities, L_P in
    whatever the head's features are. What can be compared is the gradient that arrives
    at the denoised image, which all the terms share.

    Args:
        cfg: Config of a cascade with a head; its loss weights play no part, what they
            are weights of does.
        batches: Number of training batches to average over.

    Returns:
        For each term: its mean value and the mean Euclidean norm of its gradient per
        image, both unweighted.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    has_tap = cfg.model.get("tap") is not None
    loss = dict(cfg.model.get("loss") or dict(type="mmdenoise.JointLoss"))
    loss.update(perceptual=int(has_tap), task=1, reconstruction=1, balance=0)
    model = MODELS.build(dict(cfg.model, loss=loss))
    # Not model.eval(): head_train_branches give their form of output in training only.
    model.train().denoiser.eval()
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    totals: dict[str, list[float]] = {}
    for _, data in zip(range(batches), loader):
        batch = model.data_preprocessor(data, True)
        with torch.no_grad():
            denoised = model.denoise(batch.pop("inputs"), batch.pop("sigma"))
        denoised.requires_grad_()
        terms = model.loss(denoised, **batch)
        for name in TERMS:
            if f"loss_{name}" not in terms:
                continue
            value = terms[f"loss_{name}"]
            size = pull(value, denoised)
            total = totals.setdefault(name, [0.0, 0.0])
            total[0] += value.item() / batches
            total[1] += size.item() / batches
    return {name: (value, size) for name, (value, size) in totals.items()}


def balanced_weights(
    found: Mapping[str, tuple[float, float]], perceptual: float, task: float
) -> dict[str, float]:
    """The weights by which L_P and L_H pull a multiple of what L_D does.

    Args:
        found: From :func:`loss_balance`.
        perceptual: Multiple for L_P.
        task: Multiple for L_H.

    Returns:
        Arguments of ``JointLoss``.

    Raises:
        ValueError: If a term has no gradient.
    """
    multiples = dict(reconstruction=1.0, perceptual=perceptual, task=task)
    pulls = {name: size for name, (_, size) in found.items()}
    weights = weights_of(pulls, {name: multiples[name] for name in pulls})
    return {name: weights.get(name, 0.0) for name in ("perceptual", "task")}
