"""Weights go where they belong, every one of them, or nowhere."""

import pytest
import torch
from torch import nn

from mmdenoise.weights.strict_loading import (
    load_strictly,
    mismatch,
    refuse_not_finite,
    refuse_not_numbers,
)


@pytest.fixture
def weights():
    return {"conv.weight": torch.rand(2, 3), "conv.bias": torch.rand(2)}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


@pytest.mark.parametrize("prefix", ["model.", "net.", "netG."])
def test_a_network_a_level_deeper_fits(prefix):
    module = nn.Linear(3, 2)
    state = {prefix + k: torch.rand_like(v) for k, v in module.state_dict().items()}
    load_strictly(module, state, "it")
    assert torch.equal(module.weight, state[f"{prefix}weight"])
    state["loss.weight"] = torch.ones(1)
    with pytest.raises(RuntimeError, match="it holds .*loss"):
        load_strictly(module, state, "it")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers(weights, value):
    state = dict(weights, count=torch.tensor(3), half=torch.ones(2).half())
    assert refuse_not_finite(state, "it") is None
    state["conv.bias"][1] = value
    with pytest.raises(ValueError, match="it holds NaN or infinite .* conv.bias$"):
        refuse_not_finite(state, "it")


def test_mismatch_names_the_keys():
    expected = {f"k{i}": torch.zeros(2, 3) for i in range(6)}
    given = {"k0": torch.zeros(3, 2), "k1": torch.zeros(2, 3), "other": torch.zeros(1)}
    assert mismatch(expected, given) == (
        "missing: k2, k3, k4 and 1 more; unknown: other; "
        "wrong shape: k0 (3, 2) instead of (2, 3)"
    )
    assert mismatch(expected, expected) == ""
    assert mismatch({"bn.num_batches_tracked": torch.zeros(())}, {}) == ""


def test_load_strictly():
    module = nn.Linear(3, 2)
    state = {k: torch.rand_like(v) for k, v in module.state_dict().items()}
    load_strictly(module, state, "it")
    assert same(module.state_dict(), state)
    for change, words in (
        (lambda s: s.pop("bias"), "it does not fit: missing: bias"),
        (lambda s: s.update(scale=torch.ones(1)), "it does not fit: unknown: scale"),
        (
            lambda s: s.update(bias=torch.ones(3)),
            r"it does not fit: wrong shape: bias \(3,\) instead of \(2,\)",
        ),
    ):
        wrong = dict(state)
        change(wrong)
        with pytest.raises(RuntimeError, match=words) as error:
            load_strictly(module, wrong, "it")
        assert "\n" not in str(error.value)


def test_weights_of_something_else_are_called_by_name():
    module = nn.Linear(3, 2)
    network = {"backbone.a": torch.ones(1), "backbone.b": torch.ones(1)}
    network["decode_head.c"] = torch.ones(1)
    with pytest.raises(RuntimeError) as error:
        load_strictly(module, network, "it")
    found = "it does not fit: it holds backbone.*, decode_head.*, not weight.*, bias.*"
    assert str(error.value) == found
    with pytest.raises(RuntimeError, match="it holds a cascade's denoiser, not weight"):
        load_strictly(module, {"denoiser.a": torch.ones(1)}, "it")


def test_load_strictly_passes_over_buffers_that_are_not_kept():
    module = nn.Linear(3, 2)
    module.register_buffer("mean", torch.zeros(3), persistent=False)
    state = dict(module.state_dict(), mean=torch.ones(3))
    load_strictly(module, state, "it")
    assert torch.equal(module.mean, torch.zeros(3))


def test_weights_of_which_nobody_says_how_to_read_them():
    state = dict(a=torch.ones(2), n=torch.tensor(3), half=torch.ones(1).bfloat16())
    refuse_not_numbers(state, "it")
    state["a"] = torch.ones(2, dtype=torch.int8)
    with pytest.raises(ValueError, match="it holds other numbers than floats: a int8"):
        refuse_not_numbers(state, "it")
