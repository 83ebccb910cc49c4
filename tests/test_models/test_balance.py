"""Weights by pull: measured, used, saved, and resumed to the bit."""

import copy

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmdenoise.models.balance import Balance, weights_of
from mmdenoise.models.joint_loss import JointLoss
from mmdenoise.models.loss_terms import pull

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")
BALANCED = dict(perceptual=2.0, task=0.5, balance=2)


def test_weights_by_hand():
    pulls = dict(reconstruction=2.0, perceptual=50.0, task=8.0)
    multiples = dict(reconstruction=3.0, perceptual=5.0, task=0.5)
    expected = dict(reconstruction=3.0, perceptual=0.6, task=0.375)
    assert weights_of(pulls, multiples) == pytest.approx(expected)
    for bad in (0.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="the task loss pulls .* with .*balance=0"):
            weights_of(dict(pulls, task=bad), multiples)


def test_pull_of_a_mean_over_images_by_hand():
    denoised = torch.zeros(2, 3, 1, 1, requires_grad=True)
    slopes = torch.tensor([[3.0, 4, 0], [0, 0, 1]]).view(2, 3, 1, 1)
    term = (denoised * slopes).sum() / 2
    assert pull(term, denoised) == pytest.approx((5 + 1) / 2)


def gradients(terms, denoised):
    return {
        name: pull(terms[f"loss_{name}"], denoised).item()
        for name in ("reconstruction", "perceptual", "task")
    }


def test_terms_pull_as_they_are_told(seg_head, seg_batch, make_cascade):
    model = make_cascade(seg_head, "pointwise", loss=BALANCED, tap="backbone.layer2")
    measured = []
    for seed in range(4):
        data = model.data_preprocessor(seg_batch((48, 56), (40, 44), seed=seed), True)
        denoised = model.denoise(data.pop("inputs"), data.pop("sigma"))
        terms = model.loss(denoised, **data)
        raw = {
            n: terms[f"loss_{n}"] / terms[f"weight_{n}"]
            for n in ("reconstruction", "perceptual", "task")
        }
        measured.append({n: pull(raw[n], denoised).item() for n in raw})
        seen = measured[: min(seed + 1, 2)]
        mean = {n: sum(one[n] for one in seen) / len(seen) for n in raw}
        for name, multiple in (("perceptual", 2.0), ("task", 0.5)):
            expected = multiple * mean["reconstruction"] / mean[name]
            found = terms[f"weight_{name}"].item()
            assert found == pytest.approx(expected, rel=1e-4)
        assert terms["weight_reconstruction"] == 1
        if seed == 0:
            found = gradients(terms, denoised)
            unit = found["reconstruction"]
            assert found["perceptual"] == pytest.approx(2 * unit, rel=1e-4)
            assert found["task"] == pytest.approx(unit / 2, rel=1e-4)
    assert model.joint_loss.balance.count == 2


def test_it_is_measured_in_training_alone(seg_head, seg_batch, make_cascade):
    model = make_cascade(seg_head, "pointwise", loss=BALANCED, tap="backbone.layer2")
    data = model.data_preprocessor(seg_batch((48, 56)), True)
    with pytest.raises(ValueError, match="measured in the first batches of a training"):
        model.eval()(**data, mode="loss")
    with torch.no_grad(), pytest.raises(ValueError, match="there was none yet"):
        model.train()(**data, mode="loss")


def test_a_flat_term_stands_beside_measured_weights(seg_head, seg_batch, make_cascade):
    """It has no pull; MMEngine logs every weight, and takes tensors alone."""
    loss = dict(BALANCED, flat=3.0)
    model = make_cascade(seg_head, "pointwise", loss=loss, tap="backbone.layer2")
    data = model.data_preprocessor(seg_batch((48, 56), (40, 44)), True)
    terms = model(**data, mode="loss")
    total, logged = model.parse_losses(terms)
    assert logged["weight_flat"] == 3
    parts = [v for name, v in terms.items() if name.startswith("loss_")]
    torch.testing.assert_close(total, sum(parts))
    torch.testing.assert_close(terms["loss_flat"], 3 * terms["flat"])


def test_without_balance_there_is_nothing_to_save(seg_head, make_cascade):
    plain = make_cascade(seg_head, loss=dict(perceptual=0, task=0.5))
    assert not any(key.startswith("joint_loss") for key in plain.state_dict())
    loss = dict(perceptual=0, task=0.5, balance=3)
    balanced = make_cascade(seg_head, loss=loss)
    state = balanced.state_dict()
    assert {"joint_loss.balance.pulls", "joint_loss.balance.count"} <= set(state)
    # Either opens the other's checkpoint, strictly.
    balanced.joint_loss.balance.count += 3
    plain.load_state_dict(copy.deepcopy(balanced.state_dict()))
    balanced.load_state_dict(plain.state_dict())
    assert balanced.joint_loss.balance.count == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(balance=-1), "balance must be a number of batches, got -1"),
        (dict(balance=True), "balance must be a number"),
        (dict(balance=2.0), "balance must be a number"),
        (dict(balance=2, reconstruction=0), "reconstruction must be above 0"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ValueError, match=words):
        JointLoss(**options)


def test_a_term_of_weight_0_is_not_measured():
    balance = Balance(1)
    denoised = torch.ones(1, 3, 2, 2, requires_grad=True)
    raw = dict(reconstruction=denoised.square().sum(), task=denoised.sum())
    weights = balance(raw, denoised, dict(reconstruction=1.0, task=1.0))
    assert set(weights) == {"reconstruction", "task"} and weights["task"] == 2
    assert balance.pulls[1] == 0


def trained(world, folder, iterations, resume=False, **loss):
    cfg = world.config()
    cfg.model.loss = dict(type="mmdenoise.JointLoss", **loss)
    cfg.work_dir, cfg.resume = str(folder), resume
    cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=iterations)
    cfg.optim_wrapper = dict(
        optimizer=dict(type="Adam", lr=1e-2),
        paramwise_cfg=dict(custom_keys={"denoiser.bias": dict(lr_mult=1.0)}),
    )
    cfg.default_hooks = dict(
        checkpoint=dict(type="CheckpointHook", interval=2, by_epoch=False)
    )
    cfg.custom_hooks = [dict(type="mmdenoise.RandomStateHook")]
    cfg.randomness = dict(seed=3)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner.model


@pytest.mark.parametrize("batches", [1, 3])
def test_a_resumed_training_has_the_same_weights(world, tmp_path, batches):
    """Killed after it was measured, and in the middle of it."""
    loss = dict(perceptual=1.0, task=1.0, balance=batches)
    whole = trained(world, tmp_path / "whole", 4, **loss)
    trained(world, tmp_path / "half", 2, **loss)
    resumed = trained(world, tmp_path / "half", 4, resume=True, **loss)
    expected, found = whole.state_dict(), resumed.state_dict()
    assert expected["joint_loss.balance.count"] == batches
    assert set(expected) == set(found)
    assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_batch_norm_of_the_denoiser_may_stay(
    seg_head, seg_batch, make_cascade, forward
):
    loss = dict(perceptual=0, task=0.5)
    for fixed in (True, False):
        model = make_cascade(seg_head, "small", loss=loss, denoiser_norm_eval=fixed)
        norms = [m for m in model.denoiser.modules() if isinstance(m, nn.BatchNorm2d)]
        before = [(m.running_mean.clone(), m.running_var.clone()) for m in norms]
        terms = forward(model.train(), seg_batch((48, 56)), "loss", training=True)
        terms["loss_task"].backward()
        same = [
            torch.equal(m.running_mean, mean) and torch.equal(m.running_var, var)
            for m, (mean, var) in zip(norms, before)
        ]
        assert len(norms) == 12 and all(same) if fixed else not any(same)
        assert model.denoiser.training and not model.head.training
        assert all(m.weight.grad is not None for m in norms), "they are trained"
        assert norms[0].training is not fixed
