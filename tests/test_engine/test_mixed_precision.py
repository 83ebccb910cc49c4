"""Training under autocast: what runs in which precision, and what stays float32."""

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmdenoise import precision
from mmdenoise.engine import MixedPrecisionOptimWrapper


@pytest.fixture
def build(monkeypatch):
    """Build the wrapper of a linear layer, on a CPU with the instructions or not."""

    def build(there=True, **kwargs):
        monkeypatch.setattr(precision, "_cpu_has_it", lambda: there)
        torch.manual_seed(0)
        model = nn.Linear(8, 8)
        config = dict(
            type="mmdenoise.MixedPrecisionOptimWrapper",
            optimizer=dict(type="SGD", lr=0.5),
            **kwargs,
        )
        return model, build_optim_wrapper(model, config)

    return build


def step(model, wrapper, inputs):
    with wrapper.optim_context(model):
        outputs = model(inputs)
    wrapper.update_params(outputs.float().square().mean())
    return outputs


@pytest.mark.parametrize(
    "asked, there, dtype",
    [
        ("auto", True, torch.bfloat16),
        ("auto", False, torch.float32),
        ("bfloat16", True, torch.bfloat16),
        ("float32", True, torch.float32),
    ],
)
def test_what_a_step_computes_in(build, asked, there, dtype):
    model, wrapper = build(there, precision=asked)
    assert isinstance(wrapper, MixedPrecisionOptimWrapper)
    assert wrapper.precision == str(dtype).removeprefix("torch.")
    before = model.weight.detach().clone()
    inputs = torch.rand(4, 8)
    assert step(model, wrapper, inputs).dtype == dtype
    assert model.weight.dtype == torch.float32
    # The step that the same loss gives without autocast, but for bfloat16's 8 bits.
    torch.manual_seed(0)
    other = nn.Linear(8, 8)
    other(inputs).square().mean().backward()
    expected = before - 0.5 * other.weight.grad
    tolerance = (
        1e-7 if dtype == torch.float32 else 0.02 * float(other.weight.grad.abs().max())
    )
    assert (model.weight - expected).abs().max() <= tolerance
    assert not torch.equal(model.weight, before)


def test_the_default_looks(build):
    assert build(True)[1].precision == "bfloat16"
    assert build(False)[1].precision == "float32"


def test_bfloat16_without_instructions_is_one_line(build):
    with pytest.raises(ValueError, match="has no instructions for it") as error:
        build(False, precision="bfloat16")
    assert "\n" not in str(error.value)


def test_which_one_ran_is_said(build, caplog):
    logger = MMLogger.get_instance("precision")
    logger.addHandler(caplog.handler)
    build(False)
    assert "training in float32 (no instructions for bfloat16 on 'cpu')" in caplog.text
    build(True)
    assert "training in bfloat16" in caplog.text


def test_gradients_are_accumulated(build):
    """As MMEngine's own wrapper does."""
    model, wrapper = build(precision="float32", accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 4)
    before = model.weight.detach().clone()
    step(model, wrapper, torch.rand(4, 8))
    assert torch.equal(model.weight, before)
    step(model, wrapper, torch.rand(4, 8))
    assert not torch.equal(model.weight, before)
