"""Eq. (1) to (3), computed by hand."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel

from mmdenoise.models.joint_loss import JointLoss
from mmdenoise.models.loss_terms import squared_error, task_loss
from mmdenoise.registry import MODELS


def build(**weights):
    return MODELS.build(dict(type="mmdenoise.JointLoss", **weights))


def test_image_error_by_hand():
    """Summed over channels, averaged over positions, then over images."""
    prediction = torch.zeros(2, 3, 1, 2)
    target = torch.zeros(2, 3, 1, 2)
    prediction[0, :, 0, 0] = torch.tensor([1.0, 2.0, 3.0])  # 14 at one of two positions
    prediction[1, 1] = 2.0  # 4 at both
    assert squared_error(prediction, target) == pytest.approx((14 / 2 + 4) / 2)


def test_area_by_hand():
    """What is outside is not seen; a small image counts as much as a large one."""
    prediction = torch.full((2, 3, 2, 2), 100.0)
    target = torch.zeros(2, 3, 2, 2)
    area = torch.zeros(2, 1, 2, 2, dtype=torch.bool)
    area[0, 0, 0, 0] = True
    area[1, 0, :, 0] = True
    prediction[0, :, 0, 0] = 1.0  # 3 at the only position
    prediction[1, :, 0, 0] = 0.0
    prediction[1, :, 1, 0] = 2.0  # 12 at one of two
    assert squared_error(prediction, target, area) == pytest.approx((3 + 6) / 2)


def test_area_of_coarse_maps_by_hand():
    """A coarse position counts if the area holds its upper left corner."""
    prediction = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    area = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
    area[..., :4, :2] = True
    assert squared_error(prediction, torch.zeros_like(prediction), area) == 5.0
    area[..., :2, :3] = True
    area[..., 2:, :] = False
    assert squared_error(prediction, torch.zeros_like(prediction), area) == 2.5


def test_whole_area_is_no_area():
    prediction, target = torch.rand(2, 2, 3, 4, 5)
    area = torch.ones(2, 1, 4, 5, dtype=torch.bool)
    torch.testing.assert_close(
        squared_error(prediction, target, area), squared_error(prediction, target)
    )


def test_vectors_and_tokens():
    vectors = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    assert squared_error(vectors, torch.zeros(2, 2)) == (25 + 1) / 2
    tokens = vectors.view(1, 2, 2)
    assert squared_error(tokens, torch.zeros(1, 2, 2), torch.zeros(1, 1, 9, 9)) == 13


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(dtype):
    features = torch.full((1, 2, 2, 2), 320.0, dtype=dtype)
    # As a Python number: in half precision the right one is infinite, too.
    error = squared_error(features, torch.zeros_like(features))
    assert error.item() == 2 * 320**2


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must have one shape"):
        squared_error(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 1))


def test_task_loss_sums_what_mmengine_sums():
    losses = {
        "decode.loss_ce": torch.tensor([1.0, 3.0]),
        "aux.loss_ce": [torch.tensor(0.5), torch.tensor([0.25, 0.75])],
        "decode.acc_seg": torch.tensor(80.0),
    }
    assert task_loss(losses) == 2 + 0.5 + 0.5
    total, _ = BaseModel.parse_losses(None, losses)
    assert task_loss(losses) == total


def test_a_head_without_a_loss():
    with pytest.raises(ValueError, match=r"returns no loss, only \['acc'\]"):
        task_loss({"acc": torch.tensor(1.0)})


def given():
    torch.manual_seed(0)
    denoised = torch.rand(2, 3, 4, 4, requires_grad=True)
    clean = torch.rand(2, 3, 4, 4)
    features = [denoised * 3, denoised.flatten(1) ** 2]
    clean_features = [clean * 3, clean.flatten(1) ** 2]
    head_losses = {
        "loss_a": denoised.sin().mean(),
        "loss_b": [denoised.mean(), denoised.square().mean()],
        "acc": torch.tensor(12.0),
    }
    return dict(
        denoised=denoised,
        clean=clean,
        features=features,
        clean_features=clean_features,
        head_losses=head_losses,
    )


def test_terms_and_their_names():
    inputs = given()
    terms = build(perceptual=0.25, task=2.0, reconstruction=3.0)(**inputs)
    denoised, clean = inputs["denoised"].detach(), inputs["clean"]
    raw_d = ((denoised - clean) ** 2).sum(1).mean()
    raw_p = ((denoised - clean) ** 2).sum(1).mean() * 9
    raw_p = raw_p + ((denoised**2 - clean**2) ** 2).sum((1, 2, 3)).mean()
    raw_h = denoised.sin().mean() + denoised.mean() + denoised.square().mean()
    expected = dict(
        loss_reconstruction=3 * raw_d,
        loss_perceptual=0.25 * raw_p,
        loss_task=2 * raw_h,
        reconstruction=raw_d,
        perceptual=raw_p,
        task=raw_h,
        acc=torch.tensor(12.0),
    )
    assert set(terms) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(terms[name].detach(), value, msg=name)
    total, _ = BaseModel.parse_losses(None, terms)
    torch.testing.assert_close(
        total.detach(), 3 * raw_d + 0.25 * raw_p + 2 * raw_h, rtol=1e-6, atol=0
    )
    # Only the weighted terms can be differentiated: none is counted twice.
    assert {k for k, v in terms.items() if v.requires_grad} == {
        k for k in terms if k.startswith("loss_")
    }


@pytest.mark.parametrize(
    "weights", [(0.5, 0.5, 1.0), (0.0, 0.3, 1.0), (0.7, 0.0, 0.0), (0.0, 2.0, 0.0)]
)
def test_each_weight_reaches_the_gradient_once(weights):
    perceptual, task, reconstruction = weights
    inputs = given()
    loss = build(perceptual=perceptual, task=task, reconstruction=reconstruction)
    total, _ = BaseModel.parse_losses(None, loss(**inputs))
    (gradient,) = torch.autograd.grad(total, inputs["denoised"])

    def of(which):
        inputs = given()
        x, clean = inputs["denoised"], inputs["clean"]
        terms = dict(
            reconstruction=(x - clean).square().sum(1).mean(),
            perceptual=(3 * x - 3 * clean).square().sum(1).mean()
            + (x**2 - clean**2).square().sum((1, 2, 3)).mean(),
            task=x.sin().mean() + x.mean() + x.square().mean(),
        )
        return torch.autograd.grad(terms[which], x)[0]

    expected = (
        reconstruction * of("reconstruction")
        + perceptual * of("perceptual")
        + task * of("task")
    )
    torch.testing.assert_close(gradient, expected)


def test_a_term_of_weight_zero_needs_nothing():
    denoised = torch.rand(1, 3, 2, 2, requires_grad=True)
    loss = build(perceptual=0, task=0)
    assert not loss.needs_head and loss.needs_clean
    terms = loss(denoised=denoised, clean=denoised.detach() + 0.1)
    assert set(terms) == {"loss_reconstruction", "reconstruction"}
    task_only = build(perceptual=0, task=1, reconstruction=0)
    assert task_only.needs_head and not task_only.needs_clean
    terms = task_only(denoised=denoised, head_losses=dict(loss=denoised.sum()))
    assert set(terms) == {"loss_task", "task"}


def test_the_default_weights_are_those_of_the_results():
    loss = JointLoss()
    assert (loss.perceptual, loss.task, loss.reconstruction) == (2.5e-4, 0.01, 1.0)
    results = (Path(__file__).parents[2] / "docs" / "results.md").read_text()
    assert "perceptual=2.5e-4, task=0.01" in results


@pytest.mark.parametrize("name", ["perceptual", "task", "reconstruction"])
@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf])
def test_bad_weights(name, value):
    with pytest.raises(
        ValueError, match=f"loss weight {name} must be finite and not negative"
    ) as error:
        build(**{name: value})
    assert "\n" not in str(error.value)


def test_all_weights_zero():
    with pytest.raises(ValueError, match="nothing would be trained"):
        build(perceptual=0, task=0, reconstruction=0)
