"""The terms of the joint loss, Eq. (1), Eq. (2) and L_H, as pure functions.

Shapes: images (N, 3, H, W); features (N, C, h, w) maps, (N, L, C) tokens or (N, C)
vectors; areas (N, 1, H, W) booleans, True where a position belongs to an image rather
than to padding, or None where every position does.
"""

from typing import Optional, Union

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["divergence", "pull", "squared_error", "task_loss"]

HeadLosses = dict[str, Union[Tensor, list[Tensor]]]


def squared_error(
    prediction: Tensor, target: Tensor, area: Optional[Tensor] = None
) -> Tensor:
    """Squared difference: summed over channels, averaged over positions, then images.

    This is Eq. (1) for images and Eq. (2) for features. Half precision is raised to
    float32 first: the square of a feature of 300 is beyond float16.

    Args:
        prediction: Image, map, tokens or vectors (see the module's legend).
        target: The same shape.
        area: Positions to count. For maps coarser than the area, a position counts if
            the area holds its upper left corner. Ignored for tokens and vectors, which
            keep no positions.

    Returns:
        Scalar, in squared units of the input.

    Example:
        >>> squared_error(torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))
        tensor(3.)
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"prediction {tuple(prediction.shape)} and target {tuple(target.shape)} "
            "must have one shape"
        )
    if prediction.dtype in (torch.float16, torch.bfloat16):
        prediction, target = prediction.float(), target.float()
    error = (prediction - target.to(prediction)).square()
    if error.dim() != 4:
        return error.sum(dim=-1).mean()
    return _mean_over(error.sum(dim=1, keepdim=True), area)


def divergence(
    prediction: Tensor,
    target: Tensor,
    temperature: float,
    area: Optional[Tensor] = None,
) -> Tensor:
    """KL divergence of two softmax distributions over classes, softened.

    ``T^2 * KL(softmax(target / T) || softmax(prediction / T))``, averaged over
    positions, then images: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural
    Network" (2015), Section 2, whose factor T^2 keeps gradients of one size.

    Args:
        prediction: Logits (N, C, ...), C >= 2 classes.
        target: The same shape.
        temperature: T, above 0.
        area: As in :func:`squared_error`, for (N, C, h, w).

    Returns:
        Scalar, in nats times T^2.

    Example:
        >>> logits = torch.tensor([[3.0, 1.0]]).log()
        >>> divergence(torch.zeros(1, 2), logits, temperature=1.0)
        tensor(0.1308)
    """
    if prediction.shape != target.shape or prediction.dim() < 2:
        raise ValueError(
            f"logits {tuple(prediction.shape)} and {tuple(target.shape)} must have one "
            "shape (N, C, ...)"
        )
    if prediction.shape[1] < 2:
        raise ValueError(
            f"logits {tuple(prediction.shape)} have one channel, of which softmax "
            "makes no distribution over classes: set temperature=None"
        )
    ours, theirs = (
        F.log_softmax(logits.float() / temperature, dim=1)
        if logits.dtype in (torch.float16, torch.bfloat16)
        else F.log_softmax(logits / temperature, dim=1)
        for logits in (prediction, target)
    )
    error = (theirs.exp() * (theirs - ours)).sum(dim=1, keepdim=True)
    error = error * temperature**2
    return _mean_over(error, area) if error.dim() == 4 else error.mean()


def _mean_over(error: Tensor, area: Optional[Tensor]) -> Tensor:
    """Average (N, 1, h, w) over each image's positions, then over images."""
    if area is None:
        return error.mean()
    weight = area.to(error)
    if weight.shape[-2:] != error.shape[-2:]:
        weight = F.interpolate(weight, size=error.shape[-2:], mode="nearest")
    per_image = (error * weight).flatten(1).sum(1) / weight.flatten(1).sum(1)
    return per_image.mean()


def task_loss(losses: HeadLosses) -> Tensor:
    """L_H: the sum of all losses of a head, auxiliary heads included.

    As in MMEngine, a loss is an entry whose key contains ``loss``; a list of tensors
    counts as the sum of its members.

    Example:
        >>> task_loss(dict(loss_ce=torch.tensor(2.0), acc=torch.tensor(0.5)))
        tensor(2.)
    """
    terms = [
        value.mean() if isinstance(value, Tensor) else sum(v.mean() for v in value)
        for key, value in losses.items()
        if "loss" in key
    ]
    if not terms:
        raise ValueError(f"the head returns no loss, only {sorted(losses)}")
    return sum(terms)


def pull(term: Tensor, denoised: Tensor) -> Tensor:
    """How hard a term pulls at the denoised images, which all terms share.

    Args:
        term: Scalar, a mean over images.
        denoised: (N, 3, H, W), that the term was computed of.

    Returns:
        The mean Euclidean norm of its gradient at one image: the loss is a mean over
        images, which is undone.
    """
    (gradient,) = torch.autograd.grad(term, denoised, retain_graph=True)
    return len(denoised) * gradient.flatten(1).float().norm(dim=1).mean()
