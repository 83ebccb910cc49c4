"""Parameters, multiply-adds and receptive fields, against hand-counted ones."""

import pytest
import torch
from torch import nn

from mmdenoise.benchmarks.complexity import (
    conv_parameters,
    multiply_adds,
    receptive_field,
)
from mmdenoise.models import DnCNN, FFDNet
from mmdenoise.registry import MODELS


class Convs(nn.Module):
    """3x3, stride 2 and 5x5 dilated by hand: 3 + 2 * 4 * 2 = 19 pixels."""

    stride, reach = 2, 10

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.wide = nn.Conv2d(4, 4, 5, padding=4, dilation=2, bias=False)
        self.up = nn.ConvTranspose2d(4, 3, 2, stride=2)

    def forward(self, noisy):
        return self.up(self.wide(self.norm(self.down(noisy)).relu()))


def test_counts_by_hand():
    network = Convs()
    assert conv_parameters(network) == (3 * 9 + 1) * 4 + 4 * 4 * 25 + (4 * 3 * 4 + 3)
    # A quarter of the positions, but for the deconv, which meets each pixel once.
    expected = (3 * 4 * 9 + 4 * 4 * 25 + 4 * 3 * 4) / 4
    assert multiply_adds(network, side=16) == expected
    assert network.training


def test_a_field_by_hand():
    field, reach = receptive_field(Convs())
    # Of pixel 2 p: the coarse ones p - 4 to p + 4 in steps of 2, a pixel around each.
    assert (field, reach) == (19, 10)
    too_modest = Convs()
    too_modest.reach = 8
    with pytest.raises(ValueError, match="says that it reaches 8 px, and sees 10 px"):
        receptive_field(too_modest)
    with pytest.raises(ValueError, match="Identity has no finite receptive field"):
        receptive_field(nn.Identity())


def test_the_papers_network():
    network = MODELS.build(dict(type="mmdenoise.MultiScaleDenoiser"))
    assert conv_parameters(network) == 1_030_883
    assert multiply_adds(network) == 220_544
    assert receptive_field(network) == (39, 22)
    merged = network.eval().for_inference()
    assert receptive_field(merged) == (39, 22)


def test_the_baselines():
    """DnCNN: 20 convs 3x3 of 64; FFDNet: 12 of 96 at a quarter of the pixels."""
    dncnn = 2 * 3 * 64 * 9 + 18 * 64 * 64 * 9
    assert multiply_adds(DnCNN()) == dncnn
    ffdnet = (13 * 96 + 10 * 96 * 96 + 96 * 12) * 9 / 4
    assert multiply_adds(FFDNet(sigma=25)) == pytest.approx(ffdnet, rel=0.01)


def test_nothing_is_changed():
    network = Convs()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    receptive_field(network)
    multiply_adds(network)
    after = network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
