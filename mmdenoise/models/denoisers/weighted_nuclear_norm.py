"""Groups of similar patches brought to low rank: the problem of MCWNNM, and its steps.

Shapes: G groups of M patches of D values; a group is a matrix (M, D)::

    data       (G, M, D)   channel by channel in D, the group's mean patch taken off
    levels     (G, C)      standard deviation of the noise in each channel
"""

from __future__ import annotations

import math
from typing import Callable

import torch
from torch import Tensor

__all__ = ["low_rank", "shrink", "shrink_singular_values"]

# Twice the constant 2 sqrt(2) of WNNM (Gu et al., CVPR 2014): so in its code and here.
WEIGHT = 4 * math.sqrt(2)
# Makes 0 / 0 one where all levels of a group are 0; no level is changed by it.
TINY = 1e-30

Shrinkage = Callable[[Tensor, Tensor], Tensor]


def low_rank(
    data: Tensor, levels: Tensor, steps: int = 10, rho: float = 3.0, mu: float = 1.001
) -> Tensor:
    """Look for groups of low rank near noisy ones, by a number of ADMM's steps.

    The problem, for each group Y::

        argmin over X:  |W (Y - X)|^2 + sum_i w_i s_i(X),
        W = least level / level of the value's channel,
        w_i = c / s_i(X),  c = 4 sqrt(2) sqrt(M) least level^2

    Where a group's levels are equal, W is the identity and all steps share the singular
    vectors of Y: X, Z and the multipliers begin as multiples of Y, sums of them keep
    its vectors, and so does the shrinkage, since it acts on singular values that stay
    non-negative. So the singular values take the same steps by themselves, and one
    decomposition gives the same result. (The direct solution does not take the steps'
    place: the problem is not convex. ADMM, from zero, ends at zero for singular values
    of Y up to ``sqrt(rho c)``, the direct solution up to ``sqrt(2 c)``.)

    A channel whose level is 0 in a group is taken as it is, and the others, which have
    no weight beside it, as their mean: so does the authors' release.

    Args:
        data: (G, M, D) float.
        levels: (G, C), not negative; C divides D.
        steps: Number of ADMM's steps.
        rho: Penalty at the first step.
        mu: Factor on the penalty from step to step.

    Returns:
        (G, M, D), ADMM's Z.
    """
    least = levels.amin(1, keepdim=True).square()
    constant = WEIGHT * math.sqrt(data.shape[1]) * least
    ratio = (levels.square() + TINY) / (least + TINY)
    result = torch.empty_like(data)
    equal = (levels == levels[:, :1]).all(1)
    if equal.any():
        values, vectors = _left_vectors(data[equal])
        low = _admm(values, ratio[equal, :1], constant[equal], shrink, steps, rho, mu)
        result[equal] = _replace(data[equal], vectors, values, low)
    if not equal.all():
        other = ~equal
        width = data.shape[2] // levels.shape[1]
        ratio = ratio[other].repeat_interleave(width, 1)[:, None]
        shrunk = shrink_singular_values
        result[other] = _admm(
            data[other], ratio, constant[other], shrunk, steps, rho, mu
        )
    return result


def _admm(
    data: Tensor,
    ratio: Tensor,
    constant: Tensor,
    shrunk: Shrinkage,
    steps: int,
    rho: float,
    mu: float,
) -> Tensor:
    """Update X, Z and the multipliers in turn, from zero, and return Z.

    With B the multipliers over rho, X = lerp(Y, Z - B, share), and Z is X + B shrunk;
    X + B is ``mixed`` here, and (X + B - Z) / mu the next B.

    Args:
        data: Y: matrices (G, M, D), or their singular values (G, M).
        ratio: (level / least level)^2, broadcast to ``data``.
        constant: (G, 1), numerator of the weights.
        shrunk: The shrinkage of matrices, or of their singular values.
        steps: Number of steps.
        rho: See :func:`low_rank`.
        mu: See :func:`low_rank`.
    """
    mixed = data * (2 / (2 + rho * ratio))
    low = shrunk(mixed, constant / rho)
    for _ in range(steps - 1):
        rho = rho * mu
        share = rho * ratio / (2 + rho * ratio)
        pulled = torch.add(data, mixed - low, alpha=1 / mu)
        mixed = torch.lerp(pulled, low, share)
        low = shrunk(mixed, constant / rho)
    return low


def shrink(values: Tensor, constant: Tensor | float, epsilon: float = 0.0) -> Tensor:
    """Shrink singular values by weights that depend on the result.

    Where ``x = max(values - constant / (x + epsilon), 0)`` leads to from
    ``x = values``, in closed form (Gu et al., IJCV 2017, Corollary 1): 0 where
    ``(values + epsilon)^2 <= 4 constant``, else the larger root.

    Args:
        values: Not negative, any shape.
        constant: Numerator of the weights, not negative, broadcast to ``values``.
        epsilon: Added to the denominator of the weights, not negative.
    """
    square = (values + epsilon).square() - 4 * constant
    root = (values - epsilon + square.clamp(min=0).sqrt()) / 2
    return torch.where(square > 0, root.clamp(min=0), torch.zeros_like(root))


def shrink_singular_values(data: Tensor, constant: Tensor) -> Tensor:
    """Apply :func:`shrink` to the singular values of matrices.

    By way of ``data @ data.mT``: a symmetric eigenproblem of side M costs far less than
    a decomposition of (M, D). Its price in float32, singular values below 3e-4 of the
    largest are lost in rounding, is about a hundredth of an 8-bit step in a pixel.

    Args:
        data: (G, M, D).
        constant: (G, 1), see :func:`shrink`.
    """
    values, vectors = _left_vectors(data)
    return _replace(data, vectors, values, shrink(values, constant))


def _left_vectors(data: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values (G, M) and left singular vectors (G, M, M) of (G, M, D)."""
    squares, vectors = torch.linalg.eigh(data @ data.mT)
    return squares.clamp(min=0).sqrt(), vectors


def _replace(data: Tensor, vectors: Tensor, values: Tensor, others: Tensor) -> Tensor:
    """The matrices with other singular values in place of theirs."""
    factors = others / values.clamp(min=TINY)
    return (vectors * factors[:, None]) @ vectors.mT @ data
