"""What is no batch of RGB images is refused by every baseline in one line."""

import importlib.util
import math

import pytest
import torch

from mmdenoise.models import CBM3D, MCWNNM, DnCNN, FFDNet, SpandrelDenoiser


def restoration_network(folder):
    drunet = pytest.importorskip("spandrel.architectures.DRUNet")
    path = str(folder / "drunet.pth")
    network = drunet.DRUNet(in_nc=4, out_nc=3, nc=[8] * 4, nb=2)
    torch.save(network.state_dict(), path)
    return SpandrelDenoiser(path, sigma=25)


BUILD = {
    "DnCNN": lambda folder: DnCNN(depth=2, channels=1),
    "FFDNet": lambda folder: FFDNet(25, depth=2, channels=1),
    "CBM3D": lambda folder: CBM3D(25),
    "MCWNNM": lambda folder: MCWNNM(25),
    "SpandrelDenoiser": restoration_network,
}


def build(name, folder):
    if name == "CBM3D" and importlib.util.find_spec("bm3d") is None:
        pytest.skip("bm3d is not installed (make baselines)")
    return BUILD[name](folder).eval()


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("shape", [(1, 1, 16, 16), (1, 4, 16, 16), (3, 16, 16)])
@torch.no_grad()
def test_other_shapes(name, shape, tmp_path):
    message = rf"{name}: images must be RGB, \(N, 3, H, W\), got \({shape[0]}, "
    with pytest.raises(ValueError, match=message) as caught:
        build(name, tmp_path)(torch.zeros(shape))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["CBM3D", "MCWNNM"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@torch.no_grad()
def test_values_that_stop_a_search(name, value, tmp_path):
    images = torch.zeros(2, 3, 16, 16)
    images[1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=f"{name}: the image holds NaN or infinite"):
        build(name, tmp_path)(images)
