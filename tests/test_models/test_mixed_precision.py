"""Automatic mixed precision: what stays in float32, and that nothing overflows."""

import copy

import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

WEIGHTS = dict(perceptual=0.5, task=0.5)
TAP = "backbone.layer1"
DTYPES = [torch.bfloat16, torch.float16]


def autocast(dtype):
    if dtype == torch.float16 and not hasattr(torch.amp, "GradScaler"):
        pytest.skip("this PyTorch has no float16 autocast on a CPU")
    return torch.autocast("cpu", dtype=dtype)


def terms_of(model, data, dtype=None):
    with autocast(dtype) if dtype else torch.enable_grad():
        return model(**copy.deepcopy(data), mode="loss")


@pytest.fixture
def build(seg_head, make_cascade):
    def build(**more):
        return make_cascade(seg_head, "small", 30, WEIGHTS, tap=TAP, **more)

    return build


@pytest.fixture
def data(build, seg_batch):
    return build().data_preprocessor(seg_batch((33, 45), (40, 29)), True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_losses_are_float32_and_near_those_of_full_precision(build, data, dtype):
    expected = terms_of(build(), data)
    found = terms_of(build(), data, dtype)
    for name in ("loss_reconstruction", "loss_perceptual", "loss_task"):
        assert found[name].dtype == torch.float32, name
        torch.testing.assert_close(found[name], expected[name], rtol=0.05, atol=0)


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_beyond_float16_do_not_overflow(build, data, dtype):
    """Features of a thousand fit into float16; their squares do not."""
    model = build()
    with torch.no_grad():
        norm = model.head.backbone.layer1[-1].bn2
        norm.weight.mul_(300)
        norm.bias.mul_(300)
    expected = terms_of(model, data)["perceptual"]
    assert expected > 65504
    found = terms_of(model, data, dtype)["perceptual"]
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0)


def test_a_head_beyond_float16_is_kept_out(build, data):
    """A head whose features overflow float16 trains with head_autocast=False."""

    def enlarged(**more):
        model = build(**more)
        with torch.no_grad():
            norm = model.head.backbone.layer1[-1].bn2
            norm.weight.mul_(1e5)
            norm.bias.mul_(1e5)
        return model

    expected = terms_of(enlarged(), data)["perceptual"]
    assert not terms_of(enlarged(), data, torch.float16)["perceptual"].isfinite()
    found = terms_of(enlarged(head_autocast=False), data, torch.float16)["perceptual"]
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0)


def test_the_head_can_be_kept_in_float32(build, data):
    seen = {}

    def watch(model, name):
        module = model.get_submodule(name)
        module.register_forward_hook(
            lambda module, args, output: seen.update({name: output.dtype})
        )

    for head_autocast, expected in ((True, torch.bfloat16), (False, torch.float32)):
        model = build(head_autocast=head_autocast)
        watch(model, "head.backbone.conv1")
        watch(model, "denoiser.stem")
        terms_of(model, data, torch.bfloat16)
        assert seen["head.backbone.conv1"] == expected
        assert seen["denoiser.stem"] == torch.bfloat16
        with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
            model.eval()(data["inputs"])
        assert seen["head.backbone.conv1"] == expected


@pytest.mark.skipif(
    not hasattr(torch.amp, "GradScaler"), reason="no gradient scaling on a CPU here"
)
def test_float16_with_gradient_scaling_trains(build, seg_batch):
    """As MMEngine's AmpOptimWrapper does on a GPU, against the same in float32."""

    def train(dtype):
        model = build()
        before = {k: v.clone() for k, v in model.head.state_dict().items()}
        optimizer = torch.optim.SGD(model.denoiser.parameters(), lr=1e-5)
        scaler = torch.amp.GradScaler("cpu", enabled=dtype is not None)
        losses = []
        data = model.data_preprocessor(seg_batch((33, 45), (40, 29)), True)
        for _ in range(24):
            total, _ = model.parse_losses(terms_of(model, data, dtype))
            optimizer.zero_grad()
            scaler.scale(total).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(float(total.detach()))
        after = model.head.state_dict()
        assert all(torch.equal(before[name], after[name]) for name in before)
        assert all(p.dtype == torch.float32 for p in model.denoiser.parameters())
        return losses

    full, half = train(None), train(torch.float16)
    assert full[-1] < 0.95 * full[0]
    # The scale begins at 2^16, and the first steps are skipped until it fits.
    assert half[-1] < 0.97 * half[0]
