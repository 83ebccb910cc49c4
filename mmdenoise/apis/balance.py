"""How hard each term of the joint loss pulls at the denoised image."""

from __future__ import annotations

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmdenoise.registry import MODELS
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = ["loss_balance"]

TERMS = ("reconstruction", "perceptual", "task")


@safe_loading()
def loss_balance(cfg: Config, batches: int) -> dict[str, tuple[float, float]]:
    """Measure each raw term and the size of its gradient at the denoised image.

    A weight says nothing by itself: L_D is counted in squared intensities, L_P in
    whatever the head's features are. What can be compared is the gradient that arrives
    at the denoised image, which all the terms share.

    Args:
        cfg: Config of a cascade with a head; its loss weights play no part.
        batches: Number of training batches to average over.

    Returns:
        For each term: its mean value and the mean Euclidean norm of its gradient per
        image, both unweighted.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    has_tap = cfg.model.get("tap") is not None
    loss = dict(type="mmdenoise.JointLoss", perceptual=int(has_tap), task=1)
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
            (gradient,) = torch.autograd.grad(value, denoised, retain_graph=True)
            # The loss is a mean over images: undo it to speak of one image.
            size = len(denoised) * gradient.flatten(1).norm(dim=1).mean()
            total = totals.setdefault(name, [0.0, 0.0])
            total[0] += value.item() / batches
            total[1] += size.item() / batches
    return {name: (value, size) for name, (value, size) in totals.items()}
