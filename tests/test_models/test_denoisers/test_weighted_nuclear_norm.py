"""The shrinkage against its definition, and ADMM against its textbook form."""

import math

import pytest
import torch

from mmdenoise.models.denoisers.weighted_nuclear_norm import (
    low_rank,
    shrink,
    shrink_singular_values,
)


def matrices(*shape, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)


def reference_admm(data, levels, steps, rho, mu):
    """One group (D, M) by the updates of X, Z and A as the release writes them."""
    least = levels.min()
    weight = (least / levels).repeat_interleave(len(data) // len(levels))[:, None] ** 2
    constant = 2 * math.sqrt(2) * math.sqrt(data.shape[1]) * least**2
    z = a = torch.zeros_like(data)
    for _ in range(steps):
        x = (weight * data + rho / 2 * z - a / 2) / (weight + rho / 2)
        u, s, v = torch.linalg.svd(x + a / rho, full_matrices=False)
        root = s.square() - 4 * (2 / rho * constant)
        s = torch.where(root > 0, (s + root.clamp(min=0).sqrt()) / 2, 0)
        z = u @ s.diag() @ v
        a = a + rho * (x - z)
        rho = rho * mu
    return z


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
def test_shrinkage_is_the_limit_of_reweighting(epsilon):
    values = torch.linspace(0, 6, 61, dtype=torch.float64) + 0.013
    constant = 1.7
    limit = values
    for _ in range(3000):
        limit = (values - constant / (limit + epsilon)).clamp(min=0)
        limit = torch.where(limit > 0, limit, torch.zeros_like(limit))
    found = shrink(values, constant, epsilon)
    if epsilon == 0:
        # From 0 the weight would be infinite; a value that falls there stays.
        found = torch.where(values.square() > 4 * constant, found, torch.zeros(()))
    assert torch.allclose(found, limit, atol=1e-9)
    assert (found == 0).any() and (found > 0).any()


def test_shrinkage_solves_the_weighted_problem():
    """No nearby matrix is better, with the weights that belong to the result."""
    data, constant = matrices(1, 4, 6, scale=3), torch.full((1, 1), 0.8).double()
    best = shrink_singular_values(data, constant)
    values = torch.linalg.svdvals(best)
    # Where the result is 0 any weight above the value keeps it there.
    weights = torch.where(values > 1e-9, constant / values, torch.inf)
    kept = int((values > 1e-9).sum())
    assert 0 < kept

    def cost(x):
        s = torch.linalg.svdvals(x)[..., :kept]
        return (x - data).square().sum((1, 2)) / 2 + (weights[..., :kept] * s).sum(-1)

    around = best + 1e-3 * matrices(500, 4, 6, seed=1)
    # Only changes that keep the rank are free of the infinite weights.
    u, s, v = torch.linalg.svd(around, full_matrices=False)
    s[:, kept:] = 0
    around = (u * s[:, None]) @ v
    assert (cost(around) > cost(best)).all()


def test_shrinkage_by_eigenvectors_is_that_by_singular_vectors():
    data = matrices(3, 5, 12, scale=4)
    constant = torch.tensor([[0.5], [3.0], [20.0]]).double()
    u, s, v = torch.linalg.svd(data, full_matrices=False)
    expected = (u * shrink(s, constant)[:, None]) @ v
    assert torch.allclose(shrink_singular_values(data, constant), expected, atol=1e-10)


@pytest.mark.parametrize("levels", [(2.0, 2.0, 2.0), (2.0, 1.5, 3.0)])
@pytest.mark.parametrize("steps", [1, 10, 200])
def test_steps_are_those_of_admm(levels, steps):
    data = matrices(2, 7, 18, scale=6) + 8 * matrices(2, 7, 1) @ matrices(2, 1, 18)
    levels = torch.tensor([levels] * 2).double()
    found = low_rank(data, levels, steps=steps)
    for one, group in zip(found, data):
        expected = reference_admm(group.t(), levels[0], steps, rho=3.0, mu=1.001).t()
        assert torch.allclose(one, expected, atol=1e-8)
    rank = torch.linalg.matrix_rank(found, atol=1e-6)
    assert (rank > 0).all() and (rank < 7).all()


def test_groups_of_equal_and_other_levels_do_not_mix():
    data = matrices(3, 6, 12, scale=9)
    levels = torch.tensor([[1.0, 1, 1], [1, 2, 1], [2, 2, 2]]).double()
    together = low_rank(data, levels)
    for index in range(3):
        alone = low_rank(data[index : index + 1], levels[index : index + 1])
        assert torch.allclose(together[index], alone[0], atol=1e-12)


def test_levels_of_zero():
    data = matrices(2, 5, 12, scale=9).float()
    found = low_rank(data, torch.tensor([[0.0, 0, 0], [0, 2, 2]]), steps=200)
    assert torch.allclose(found[0], data[0], atol=1e-3)
    assert torch.allclose(found[1, :, :4], data[1, :, :4], atol=1e-3)
    assert found[1, :, 4:].abs().max() < 1e-20


def test_float32_is_close_to_float64():
    data = matrices(4, 40, 108, scale=8)
    data = data + 40 * matrices(4, 40, 1) @ matrices(4, 1, 108)
    levels = torch.tensor([[8.0, 7, 9]] * 4).double()
    difference = low_rank(data.float(), levels.float()) - low_rank(data, levels)
    assert difference.square().mean().sqrt() < 0.05
