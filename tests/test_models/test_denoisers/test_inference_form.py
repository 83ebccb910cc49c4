"""Chains of convs, faster: the same results, by pixel, without batch norm."""

import pytest
import torch
from torch import nn

from mmdenoise.models import DnCNN, FFDNet
from mmdenoise.registry import MODELS


@pytest.mark.parametrize("norm_cfg", [None, dict(type="BN")], ids=["plain", "BN"])
@pytest.mark.parametrize("kind", [DnCNN, FFDNet])
def test_the_same_results(kind, norm_cfg):
    torch.manual_seed(0)
    network = kind(depth=4, channels=8, norm_cfg=norm_cfg).double().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -1, 1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -1, 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    faster = network.for_inference()
    noisy = torch.rand(2, 3, 13, 18, dtype=torch.float64)
    level = (30,) if network.takes_sigma else ()
    with torch.no_grad():
        expected = network(noisy, *level)
        torch.testing.assert_close(faster(noisy, *level), expected, rtol=0, atol=1e-12)
    assert (faster.reach, faster.stride) == (network.reach, network.stride)
    # A copy was changed.
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in faster.modules())


@pytest.mark.parametrize("build", ["DnCNN", "FFDNet", "MultiScaleDenoiser"])
def test_maps_lie_by_pixel(build):
    network = MODELS.build(dict(type=f"mmdenoise.{build}")).eval().for_inference()
    level = (30,) if network.takes_sigma else ()
    laid_out = []

    def look(module, inputs, output):
        last = torch.channels_last
        laid_out.append(output.is_contiguous(memory_format=last))

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(look)
    with torch.no_grad():
        network(torch.rand(1, 3, 64, 64), *level)
    assert len(laid_out) > 3 and all(laid_out)
