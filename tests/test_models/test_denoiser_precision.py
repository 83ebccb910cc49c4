"""A cascade's denoiser in bfloat16, outside training; its head never."""

import math

import pytest
import torch
from torch import nn

from mmdenoise import precision
from mmdenoise.registry import MODELS

NETWORK = dict(type="mmdenoise.MultiScaleDenoiser")
ZOO = dict(denoiser=NETWORK, denoiser_checkpoint="multiscale_sigma25", sigma=25)


@pytest.fixture
def instructions(monkeypatch):
    """Say what the CPU has; PyTorch computes in bfloat16 on any, if slowly."""

    def instructions(there):
        monkeypatch.setattr(precision, "_cpu_has_it", lambda: there)

    instructions(True)
    return instructions


@MODELS.register_module(force=True)
class ShowsPrecision(nn.Module):
    """Keeps the type that convs compute in."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, noisy):
        output = self.conv(noisy)
        self.seen = output.dtype
        return output


@MODELS.register_module(force=True)
class MultipliesMatrices(nn.Module):
    """Without weights, as the classical methods; autocast would round it."""

    def forward(self, noisy):
        self.seen = (noisy @ noisy.mT).dtype
        return noisy


def images():
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    clean = [0.4 + 0.25 * torch.sin(x / 9 + c) * torch.cos(y / 13) for c in range(3)]
    noise = torch.randn(3, 48, 64, generator=torch.Generator().manual_seed(0))
    return (torch.stack(clean) + noise * 25 / 255)[None]


def test_float32_is_unchanged_to_the_bit(make_cascade, instructions):
    cascade, noisy = make_cascade(**ZOO).eval(), images()
    with torch.no_grad():
        assert cascade.denoise(noisy).equal(cascade.denoiser(noisy))


def test_bfloat16_is_within_a_grey_level(make_cascade, instructions):
    cascade, noisy = make_cascade(**ZOO).eval(), images()
    faster = make_cascade(**ZOO, denoiser_precision="bfloat16").eval()
    with torch.no_grad():
        expected, found = cascade.denoise(noisy), faster.denoise(noisy)
    assert found.dtype == torch.float32
    rms = 255 * math.sqrt((found - expected).square().mean().item())
    assert 0 < rms < 0.6


@pytest.mark.parametrize("mode", ["predict", "tensor"])
def test_the_head_stays_in_float32(
    make_cascade, seg_head, seg_batch, forward, instructions, mode
):
    """All of its convs, while the denoiser's is in bfloat16."""
    denoiser = dict(type="mmdenoise.ShowsPrecision")
    given = dict(denoiser=denoiser, denoiser_precision="bfloat16")
    cascade = make_cascade(seg_head, **given).eval()
    seen = []
    for module in cascade.head.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *given: seen.append(given[2].dtype))
    with torch.no_grad():
        forward(cascade, seg_batch((33, 45)), mode)
    assert cascade.denoiser.seen == torch.bfloat16
    assert seen and set(seen) == {torch.float32}


def test_training_is_not_touched(
    make_cascade, seg_head, seg_batch, forward, instructions
):
    denoiser = dict(type="mmdenoise.ShowsPrecision")
    cascade = make_cascade(seg_head, denoiser, denoiser_precision="bfloat16")
    forward(cascade, seg_batch((33, 45), (40, 29)), "loss", training=True)
    assert cascade.denoiser.seen == torch.float32
    cascade.double().eval()
    with torch.no_grad():
        cascade.denoise(images().double())
    assert cascade.denoiser.seen == torch.float64


def test_methods_without_weights_keep_their_own(make_cascade, instructions):
    denoiser = dict(type="mmdenoise.MultipliesMatrices")
    cascade = make_cascade(denoiser=denoiser, denoiser_precision="bfloat16").eval()
    cascade.denoise(torch.rand(1, 3, 8, 8))
    assert cascade.denoiser.seen == torch.float32


def test_the_hosts_tools_are_refused_too(make_cascade, instructions):
    """In one line, where the config asks for what the machine has not."""
    instructions(False)
    cascade = make_cascade(denoiser_precision="bfloat16").eval()
    with pytest.raises(ValueError, match="no instructions for it") as error:
        cascade.denoise(images())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["auto", "half"])
def test_a_config_says_which(make_cascade, name):
    with pytest.raises(ValueError, match=f"one of float32, bfloat16, got '{name}'"):
        make_cascade(denoiser_precision=name)
