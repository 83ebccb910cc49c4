"""What a denoiser is told and given: checked once, for each of them."""

import importlib.util
import math

import pytest
import torch

from mmdenoise.models import (
    CBM3D,
    MCWNNM,
    Denoiser,
    DnCNN,
    FFDNet,
    IdentityDenoiser,
    MultiScaleDenoiser,
    SpandrelDenoiser,
)


def restoration_network(folder):
    drunet = pytest.importorskip("spandrel.architectures.DRUNet")
    path = str(folder / "drunet.pth")
    network = drunet.DRUNet(in_nc=4, out_nc=3, nc=[8] * 4, nb=2)
    torch.save(network.state_dict(), path)
    return SpandrelDenoiser(path, sigma=25)


def small(**options):
    narrow = dict(encoder_channels=4, decoder_channels=4, stem_channels=2)
    return MultiScaleDenoiser(**narrow, **options)


BUILD = {
    "IdentityDenoiser": lambda folder: IdentityDenoiser(),
    "MultiScaleDenoiser": lambda folder: small(),
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
    shown = name.replace("SpandrelDenoiser", "DRUNet")
    message = rf"{shown}: images must be RGB, \(N, 3, H, W\), got \({shape[0]}, "
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


class Told(Denoiser):
    """Gives the level that it is told, at each pixel."""

    takes_sigma = True

    def __init__(self, sigma=None):
        super().__init__()
        self.sigma = sigma

    def estimate(self, noisy, level):
        return level.expand_as(noisy)


LEVELS = torch.tensor([5.0, 60.0])


@pytest.mark.parametrize(
    "sigma, expected",
    [
        (25, torch.full((2, 1, 3, 4), 25.0)),
        (torch.tensor(7), torch.full((2, 1, 3, 4), 7.0)),
        (LEVELS, LEVELS.view(2, 1, 1, 1).expand(2, 1, 3, 4)),
        ([5, 60], LEVELS.view(2, 1, 1, 1).expand(2, 1, 3, 4)),
        (LEVELS.view(2, 1, 1, 1), LEVELS.view(2, 1, 1, 1).expand(2, 1, 3, 4)),
        (torch.arange(12.0).view(3, 4), torch.arange(12.0).view(3, 4)),
        (torch.arange(4.0).view(1, 1, 1, 4), torch.arange(4.0)),
        (torch.arange(24.0).view(2, 1, 3, 4), torch.arange(24.0).view(2, 1, 3, 4)),
        (None, torch.full((2, 1, 3, 4), 33.0)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forms_of_a_level(sigma, expected, dtype):
    found = Told(33)(torch.zeros(2, 3, 3, 4, dtype=dtype), sigma)
    assert found.dtype == dtype
    assert torch.equal(found, expected.to(dtype).expand(2, 3, 3, 4))


@pytest.mark.parametrize(
    "sigma, message",
    [
        (-1, "not negative, in 8-bit units; got -1"),
        (math.nan, "must be finite"),
        ("25", "must be a number in 8-bit units, got '25'"),
        (True, "must be a number"),
        ([5, -60], "must be finite and not negative, in 8-bit units; got -60"),
        (torch.tensor([5.0, math.inf]), "must be finite"),
        (torch.ones(3), r"sigma of shape \(3,.*does not fit images \(2, 3, 3, 4\)"),
        (torch.ones(2, 3, 3, 4), "give a number, .2,., or what broadcasts to"),
        (torch.ones(2, 1, 4, 3), "does not fit images"),
        (torch.ones(1, 2, 1, 1, 1), "does not fit images"),
    ],
)
def test_what_is_no_level(sigma, message):
    with pytest.raises(ValueError, match=message) as caught:
        Told(33)(torch.zeros(2, 3, 3, 4), sigma)
    assert "\n" not in str(caught.value)


def test_a_level_that_is_missing_or_has_no_use():
    with pytest.raises(ValueError, match="Told is told the level.*give sigma"):
        Told()(torch.zeros(1, 3, 2, 2))
    for denoiser in (IdentityDenoiser(), DnCNN(2, 1), small()):
        with pytest.raises(ValueError, match="takes no sigma, it has its level from"):
            denoiser(torch.zeros(1, 3, 2, 2), 25)
        with pytest.raises(ValueError, match="takes no sigma.*leave it out; got 25"):
            denoiser.sigma = 25
    with pytest.raises(ValueError, match="takes no sigma"):
        small(sigma=25)


@pytest.mark.parametrize("name", ["CBM3D", "MCWNNM"])
@torch.no_grad()
def test_methods_of_one_level_an_image(name, tmp_path):
    denoiser = build(name, tmp_path)
    images = torch.rand(2, 3, 16, 16)
    found = denoiser(images, [10, 40])
    for level, image, result in zip((10, 40), images, found):
        denoiser.sigma = level
        assert torch.equal(denoiser(image[None])[0], result)
    constant = torch.tensor([10.0, 40]).view(2, 1, 1, 1).expand(2, 1, 16, 16)
    assert torch.equal(denoiser(images, constant), found)
    with pytest.raises(ValueError, match=f"{name} takes one level an image"):
        denoiser(images, torch.arange(1.0, 17).view(1, 16))
    with pytest.raises(ValueError, match="must be finite and positive"):
        denoiser(images, 0)


def test_what_a_denoiser_says_of_itself_by_default():
    denoiser = Denoiser()
    assert (denoiser.stride, denoiser.reach) == (1, None)
    assert (denoiser.takes_sigma, denoiser.trainable) == (False, True)
    assert denoiser.for_inference() is denoiser and denoiser.sigma is None
