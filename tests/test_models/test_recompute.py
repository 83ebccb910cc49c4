"""Activation checkpointing: the same gradients and statistics, less kept in memory."""

import copy

import pytest
import torch
from mmengine.runner import turn_on_activation_checkpointing
from torch import nn

from mmdenoise.models.recompute import recompute_in_backward

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

WEIGHTS = dict(perceptual=0.5, task=0.5)
TAP = "backbone.layer2.0"
WHOLE = ("denoiser", "head")
PARTS = ("denoiser.encoders.0", "denoiser.decoders.0", "head.backbone.layer2")


class Dropout(nn.Module):
    """A denoiser that draws random numbers, and normalises."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.Dropout(0.5),
            nn.Conv2d(4, 3, 3, padding=1),
        )

    def forward(self, noisy):
        return noisy + self.layers(noisy)


def step(model, data):
    """One training step: the losses, the gradients, and the weights' state after it."""
    torch.manual_seed(0)
    terms = model(**copy.deepcopy(data), mode="loss")
    total, _ = model.parse_losses(terms)
    total.backward()
    gradients = {name: p.grad for name, p in model.denoiser.named_parameters()}
    return total, gradients, model.denoiser.state_dict()


def assert_equal(one, other):
    assert torch.equal(one[0], other[0])
    for ours, theirs in zip(one[1:], other[1:]):
        assert set(ours) == set(theirs)
        for name, value in ours.items():
            assert torch.equal(value, theirs[name]), name


@pytest.fixture
def build(seg_head, make_cascade):
    def build(*names, **more):
        more.setdefault("tap", TAP)
        return make_cascade(
            seg_head, "small", 30, WEIGHTS, activation_checkpointing=names, **more
        )

    return build


@pytest.mark.parametrize("names", [WHOLE, PARTS, ("head.backbone.layer2.0",)])
def test_a_step_is_the_same_to_the_bit(build, seg_batch, names):
    plain, recomputing = build(), build(*names)
    data = plain.data_preprocessor(seg_batch((33, 45), (40, 29)), True)
    expected = step(plain, data)
    assert all(gradient.abs().max() > 0 for gradient in expected[1].values())
    assert_equal(step(recomputing, data), expected)
    assert (
        recomputing.denoiser.state_dict()[
            "encoders.0.entry.1.num_batches_tracked"
        ].item()
        == 1
    )


def test_the_taps_share_of_the_gradient_arrives(seg_head, seg_batch, make_cascade):
    loss = dict(perceptual=1, task=0, reconstruction=0)
    build = [
        make_cascade(
            seg_head, "small", 30, loss, tap=TAP, activation_checkpointing=names
        )
        for names in ((), WHOLE)
    ]
    data = build[0].data_preprocessor(seg_batch((33, 45)), True)
    expected = step(build[0], data)
    assert expected[1]["stem.weight"].abs().max() > 0
    assert_equal(step(build[1], data), expected)


def test_random_numbers_are_drawn_once(make_cascade, plain_batch):
    models = []
    for _ in range(2):
        model = make_cascade(None, "small", 30)
        torch.manual_seed(1)
        model.denoiser = Dropout()
        models.append(model)
    recompute_in_backward(models[1], ("denoiser",))
    data = models[0].data_preprocessor(plain_batch((9, 13)), True)
    assert_equal(step(models[1], data), step(models[0], data))


def test_activations_are_dropped(build, seg_batch):
    """What the graph keeps alive between the forward and the backward pass."""

    def kept(model):
        sizes = {}

        def pack(tensor):
            sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        data = model.data_preprocessor(seg_batch((33, 45)), True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            terms = model(**data, mode="loss")
        del terms
        return sum(sizes.values())

    assert kept(build("denoiser", "head.backbone")) < 0.5 * kept(build())


def test_the_head_stays_frozen_and_checkpoints_are_the_same(build, seg_batch):
    model = build(*WHOLE)
    before = {k: v.clone() for k, v in model.head.state_dict().items()}
    data = model.data_preprocessor(seg_batch((33, 45)), True)
    step(model, data)
    after = model.head.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert set(model.state_dict()) == set(build().state_dict())


def test_a_copy_recomputes_itself(build, seg_batch):
    """EMA copies the model: the copy must not run the original's layers."""
    model = build(*WHOLE)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.denoiser.parameters():
            parameter.zero_()
    data = twin.data_preprocessor(seg_batch((33, 45)), True)
    expected = step(build(), data)
    assert_equal(step(twin, data), expected)


def test_evaluation_does_not_pass_through_it(build, seg_batch, monkeypatch):
    model = build(*WHOLE).eval()
    monkeypatch.setattr("mmdenoise.models.recompute.checkpoint", None)
    with torch.no_grad():
        model.test_step(seg_batch((33, 45)))


@pytest.mark.parametrize(
    "names, message",
    [
        (("denoiser.decoder",), "the cascade has no module 'denoiser.decoder'"),
        (("",), "the cascade has no module ''"),
        (("backbone",), "names begin with 'denoiser' or 'head.'"),
        (("head", "head.backbone"), "'head.backbone' lies in 'head'"),
        (("denoiser", "denoiser"), "'denoiser' lies in 'denoiser'"),
        (("denoiser.encoders",), "name its members, denoiser.encoders.0"),
    ],
)
def test_wrong_names(build, names, message):
    with pytest.raises(ValueError, match=f"activation_checkpointing: .*{message}"):
        build(*names)


@pytest.mark.parametrize("name", ["denoiser", "head.backbone", "head"])
def test_the_hosts_own_is_refused(build, seg_batch, name):
    model = build()
    turn_on_activation_checkpointing(model, [name])
    data = model.data_preprocessor(seg_batch((33, 45)), True)
    with pytest.raises(RuntimeError, match=f"'{name}' is reentrant.*model.activation"):
        model(**data, mode="loss")
