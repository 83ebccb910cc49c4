"""The optimiser holds the denoiser, and nothing of the head."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper

from mmdenoise.engine import DenoiserOptimWrapperConstructor

CONSTRUCTOR = "mmdenoise.DenoiserOptimWrapperConstructor"


def build(model, **options):
    config = dict(type="OptimWrapper", optimizer=dict(type="Adam", lr=0.5), **options)
    return build_optim_wrapper(model, config).optimizer


def test_the_heads_parameters_stay_out(seg_head, make_cascade):
    model = make_cascade(seg_head)
    held = [
        parameter
        for group in build(model, constructor=CONSTRUCTOR).param_groups
        for parameter in group["params"]
    ]
    assert set(map(id, held)) == set(map(id, model.denoiser.parameters()))
    assert len(held) == len(set(map(id, held)))


def test_groups_are_those_of_a_schedule_with_paramwise_settings(seg_head, make_cascade):
    """So that the optimiser of an older checkpoint is taken up."""
    model = make_cascade(seg_head)
    ours = build(model, constructor=CONSTRUCTOR)
    theirs = build(
        model, paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=1.0)})
    )
    assert len(ours.param_groups) == len(theirs.param_groups)
    for one, other in zip(ours.param_groups, theirs.param_groups):
        assert one["params"][0] is other["params"][0] and one["lr"] == other["lr"]
    ours.load_state_dict(theirs.state_dict())


def test_paramwise_settings_count(seg_head, make_cascade):
    model = make_cascade(seg_head)
    keys = dict(custom_keys={"denoiser.output": dict(lr_mult=0.1)}, bias_lr_mult=2)
    optimiser = build(model, constructor=CONSTRUCTOR, paramwise_cfg=keys)
    rates = {id(g["params"][0]): g["lr"] for g in optimiser.param_groups}
    assert rates[id(model.denoiser.output.weight)] == pytest.approx(0.05)
    assert rates[id(model.denoiser.stem.weight)] == 0.5
    assert rates[id(model.denoiser.stem.bias)] == 1.0


def test_a_denoiser_without_weights(seg_head, make_cascade):
    model = make_cascade(seg_head, "identity")
    for wrapped in (model, torch.nn.Sequential(model)):
        with pytest.raises(ValueError, match="there is nothing to train"):
            build(wrapped, constructor=CONSTRUCTOR)
    constructor = DenoiserOptimWrapperConstructor(dict(optimizer=dict(type="Adam")))
    with pytest.raises(ValueError, match="^IdentityDenoiser has no weights"):
        constructor(model)
