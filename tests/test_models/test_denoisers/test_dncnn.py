"""DnCNN: its published numbers, its arithmetic, and its training."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmdenoise.models import DnCNN

BN = dict(type="BN")


def test_parameters_and_multiply_adds():
    model = DnCNN()
    assert sum(p.numel() for p in model.parameters()) == 668_227
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 8, 6))
    assert counter.get_total_flops() / 2 / (8 * 6) == 667_008


def test_it_is_a_chain_of_convs_taken_off_the_input():
    model = DnCNN(depth=4, channels=5).eval()
    noisy = torch.rand(2, 3, 7, 9)
    weights = list(model.parameters())
    features = noisy
    for index in range(0, 8, 2):
        features = F.conv2d(features, weights[index], weights[index + 1], padding=1)
        features = features if index == 6 else features.clamp(min=0)
    torch.testing.assert_close(model(noisy), noisy - features)


def test_the_authors_names_with_and_without_batch_norm():
    """KAIR, models/network_dncnn.py: flat numbers, ReLUs and batch norms counted."""
    convs = {key.rpartition(".")[0] for key in DnCNN(depth=4).state_dict()}
    assert convs == {"model.0", "model.2", "model.4", "model.6"}
    state = DnCNN(depth=4, norm_cfg=BN).state_dict()
    norms = [key for key in state if key.endswith("running_mean")]
    assert norms == ["model.3.running_mean", "model.6.running_mean"]
    assert [key for key in state if state[key].dim() == 4] == [
        f"model.{index}.weight" for index in (0, 2, 5, 8)
    ]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 2), (17, 23)])
@pytest.mark.parametrize("norm_cfg", [None, BN])
def test_any_size(size, norm_cfg):
    model = DnCNN(depth=5, channels=4, norm_cfg=norm_cfg).eval()
    noisy = torch.rand(2, 3, *size)
    kept = noisy.clone()
    assert model(noisy).shape == noisy.shape
    assert torch.equal(noisy, kept)


def test_weights_start_as_he_et_al_say():
    model = DnCNN()
    for conv in (m for m in model.model if isinstance(m, nn.Conv2d)):
        assert not conv.bias.any()
        deviation = (2 / conv.weight[0].numel()) ** 0.5
        assert conv.weight.std().item() == pytest.approx(deviation, rel=0.1)


def test_it_learns_in_a_cascade(make_cascade, plain_batch, forward):
    denoiser = dict(type="mmdenoise.DnCNN", depth=4, channels=8, norm_cfg=BN)
    cascade = make_cascade(denoiser=denoiser, sigma=50)
    optimiser = torch.optim.Adam(cascade.denoiser.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        found = forward(cascade, plain_batch((32, 32), (32, 32)), "loss", training=True)
        loss = sum(value for key, value in found.items() if "loss" in key)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert all(p.grad is not None for p in cascade.denoiser.parameters())


@pytest.mark.parametrize(
    "options, message",
    [(dict(depth=1), "depth must be at least 2, got 1"), (dict(channels=0), "got 0")],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        DnCNN(**options)
