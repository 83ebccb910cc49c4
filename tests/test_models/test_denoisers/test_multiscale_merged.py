"""The paper's denoiser for inference: the same results by fewer operations."""

import copy

import pytest
import torch
from torch import nn

from mmdenoise.models.denoisers.multiscale_merged import MergedMultiScaleDenoiser
from mmdenoise.registry import MODELS

SMALL = dict(encoder_channels=8, decoder_channels=12, stem_channels=6)
OPTIONS = [
    dict(),
    dict(scales=2),
    dict(scales=4),
    dict(global_skip=False),
    dict(fusion="sum"),
    dict(fusion="sum", scales=4, global_skip=False),
    dict(downsample="pool"),
    dict(encoder_channels=16, decoder_channels=8),
    dict(takes_sigma=True, sigma=25),
    dict(takes_sigma=True, sigma=25, downsample="pool"),
]


def trained(**options):
    """In float64, with BN statistics and affine terms as after a training."""
    torch.manual_seed(3)
    network = MODELS.build(
        dict(type="mmdenoise.MultiScaleDenoiser", **dict(SMALL, **options))
    ).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5)
            for tensor in (module.bias.data, module.running_mean):
                tensor.normal_()
    return network.eval()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (5, 7), (8, 3), (33, 46)])
def test_the_same_results(options, size):
    network = trained(**options)
    before = copy.deepcopy(network.state_dict())
    faster = network.for_inference()
    assert (faster.stride, faster.reach) == (network.stride, network.reach)
    assert (faster.takes_sigma, faster.sigma) == (network.takes_sigma, network.sigma)
    noisy = torch.rand(2, 3, *size, dtype=torch.float64)
    levels = [(), (60,), (torch.linspace(5, 75, size[1])[None],)]
    with torch.no_grad():
        for level in levels if network.takes_sigma else levels[:1]:
            expected = network(noisy, *level)
            assert expected.abs().max() > 0.1
            found = faster(noisy, *level)
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    # A copy was changed, and no BN is left in it.
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert not any(isinstance(m, nn.BatchNorm2d) for m in faster.modules())


def test_the_whole_network_in_float32():
    torch.manual_seed(0)
    network = MODELS.build(dict(type="mmdenoise.MultiScaleDenoiser")).eval()
    faster = network.for_inference()
    noisy = torch.rand(1, 3, 50, 61)
    with torch.no_grad():
        torch.testing.assert_close(faster(noisy), network(noisy), rtol=0, atol=2e-6)


def multiply_adds(network, height, width):
    counted = []

    def count(layer, inputs, output):
        taps = layer.weight[0, 0].numel()
        positions = output[0, 0].numel()
        if isinstance(layer, nn.ConvTranspose2d):
            positions = inputs[0][0, 0].numel()
        counted.append(layer.in_channels * layer.out_channels * taps * positions)

    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    with torch.no_grad():
        network(torch.rand(1, 3, height, width))
    return sum(counted)


def test_multiply_adds_of_a_pixel():
    """By two sizes, which differ in their pixels and hardly in their borders."""
    network = MODELS.build(dict(type="mmdenoise.MultiScaleDenoiser")).eval()
    for built, expected in ((network, 220_544), (network.for_inference(), 140_377)):
        assert isinstance(built, MergedMultiScaleDenoiser) == (expected == 140_377)
        corners = [
            multiply_adds(copy.deepcopy(built), *s)
            for s in ((64, 64), (128, 64), (64, 128), (128, 128))
        ]
        inside = corners[3] - corners[2] - corners[1] + corners[0]
        assert inside == expected * 64 * 64


def test_pooling_is_folded_alone():
    network = trained(downsample="pool").for_inference()
    assert type(network).__name__ == "MultiScaleDenoiser"
