"""torch.compile of the denoiser, and of nothing else."""

import copy

import pytest
import torch
from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

# Traces as the default does, and leaves out the C++ compiler.
TRACED = dict(backend="aot_eager")
WEIGHTS = dict(perceptual=0.5, task=0.5)


@pytest.fixture(autouse=True)
def _no_graphs_between_tests():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def build(seg_head, make_cascade):
    def build(compiled, **more):
        return make_cascade(
            seg_head,
            "small",
            30,
            WEIGHTS,
            tap="backbone.layer3",
            compile_denoiser=compiled,
            **more,
        )

    return build


def gradients(model, data):
    torch.manual_seed(0)
    total, _ = model.parse_losses(model(**copy.deepcopy(data), mode="loss"))
    total.backward()
    return total, {n: p.grad for n, p in model.denoiser.named_parameters()}


def test_only_the_denoiser_is_compiled(build):
    model = build(TRACED)
    compiled = [
        name
        for name, module in model.named_modules()
        if module._compiled_call_impl is not None
    ]
    assert compiled == ["denoiser"]
    assert not any(m._compiled_call_impl for m in build(False).modules())


def test_losses_and_gradients_are_the_same(build, seg_batch):
    plain, compiled = build(False), build(TRACED)
    data = plain.data_preprocessor(seg_batch((33, 45), (40, 29)), True)
    expected, found = gradients(plain, data), gradients(compiled, data)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=0)
    for name, gradient in expected[1].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(
            found[1][name], gradient, rtol=1e-3, atol=1e-4 * scale + 1e-9
        )


@pytest.mark.slow
def test_images_of_any_size_pass(build, seg_batch):
    plain, compiled = build(False).eval(), build(TRACED).eval()
    for seed, size in enumerate(((33, 45), (40, 29), (31, 31), (5, 7))):
        batch = seg_batch(size, seed=seed)
        expected = plain.test_step(copy.deepcopy(batch))[0].denoised
        found = compiled.test_step(batch)[0].denoised
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_names_of_weights_stay(build):
    assert set(build(TRACED).state_dict()) == set(build(False).state_dict())


def test_a_copy_as_of_ema_works(build, seg_batch):
    twin = copy.deepcopy(build(TRACED)).eval()
    expected = build(False).eval().test_step(seg_batch((33, 45)))[0].denoised
    found = twin.test_step(seg_batch((33, 45)))[0].denoised
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_with_activation_checkpointing_of_the_head(build, seg_batch):
    plain = build(False)
    both = build(TRACED, activation_checkpointing=["head.backbone"])
    data = plain.data_preprocessor(seg_batch((33, 45)), True)
    expected, found = gradients(plain, data), gradients(both, data)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=0)
    stem = expected[1]["stem.weight"]
    torch.testing.assert_close(
        found[1]["stem.weight"], stem, rtol=1e-3, atol=1e-4 * float(stem.abs().max())
    )


def test_a_compiled_denoiser_does_not_recompute(build):
    message = "compile_denoiser: 'denoiser.encoders.0' of activation_checkpointing"
    with pytest.raises(ValueError, match=message):
        build(TRACED, activation_checkpointing=["denoiser.encoders.0"])


def test_any_denoiser_can_be_compiled(make_cascade, plain_batch):
    models = [
        make_cascade(None, "pointwise", 30, compile_denoiser=c) for c in (False, TRACED)
    ]
    assert isinstance(models[1].denoiser, nn.Module)
    found, expected = (
        m.eval().test_step(plain_batch((9, 13)))[0].denoised for m in models
    )
    torch.testing.assert_close(found, expected)
