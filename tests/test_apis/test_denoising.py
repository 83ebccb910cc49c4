"""One image in memory: what goes in comes out in its own form."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mmdenoise.apis import denoise, load_denoiser
from mmdenoise.evaluation import psnr
from mmdenoise.models import IdentityDenoiser


class Record(nn.Module):
    """Gives back what it gets, and keeps it."""

    def forward(self, noisy):
        self.seen = noisy
        return noisy


def array(shape, kind, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(kind).kind == "f":
        return rng.random(shape).astype(kind)
    return rng.integers(0, np.iinfo(kind).max, shape, endpoint=True, dtype=kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_an_array_comes_back_as_it_was(kind, channels):
    shape = (13, 17) if channels is None else (13, 17, channels)
    image = array(shape, kind)
    before = image.copy()
    result = denoise(IdentityDenoiser(), image)
    assert (result.dtype, result.shape) == (image.dtype, image.shape)
    if np.dtype(kind).kind == "u":
        assert np.array_equal(result, image)
    else:
        assert np.allclose(result, image, atol=1e-6)
    assert np.array_equal(image, before) and result is not image


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 5, 6), (2, 3, 5, 6), (2, 1, 5, 6)])
def test_a_tensor_comes_back_as_it_was(shape):
    image = torch.rand(shape)
    result = denoise(IdentityDenoiser(), image)
    assert result.shape == image.shape
    assert torch.allclose(result, image, atol=1e-6)


def test_the_network_sees_rgb_in_01():
    network, image = Record(), array((4, 5, 3), "uint8")
    denoise(network, image)
    expected = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    assert torch.allclose(network.seen, expected)
    wide = np.full((4, 5, 4), 65535, "uint16")
    denoise(network, wide)
    assert network.seen.shape == (1, 3, 4, 5) and (network.seen == 1).all()


def test_grey_noise_has_the_level_that_the_mean_of_colours_has():
    """sigma / sqrt(3), as independent noise in three channels leaves of its mean."""
    network = Record()
    grey = array((6, 7), "uint8")
    denoise(network, grey)
    expected = (torch.from_numpy(grey) / 255 - 0.5) / math.sqrt(3) + 0.5
    assert torch.allclose(network.seen, expected.expand(1, 3, 6, 7))


def test_grey_images_gain_as_colour_images_do():
    """A slope and a disc, sigma 25: copied to three channels it gained 4 dB."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    clean = 0.3 + 0.4 * x / 96 * ((x - 48) ** 2 + (y - 48) ** 2 < 900)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    noisy = (clean + noise * 25 / 255)[None]
    denoised = denoise(load_denoiser("multiscale_sigma25"), noisy)
    assert psnr(denoised, clean[None]) > psnr(noisy, clean[None]) + 11


def test_unclipped_floats_and_clipped_integers():
    class Beyond(nn.Module):
        def forward(self, noisy):
            return noisy * 3 - 1

    floats = denoise(Beyond(), np.array([[[0.0, 0.5, 1.0]]], "float32"))
    assert np.allclose(floats, [[[-1, 0.5, 2]]])
    integers = denoise(Beyond(), np.array([[[0, 100, 255]]], "uint8"))
    assert integers.tolist() == [[[0, 45, 255]]]


def test_alpha_is_left_alone():
    image = array((6, 7, 4), "uint8")
    result = denoise(lambda_denoiser(0.5), image)
    assert np.array_equal(result[..., 3], image[..., 3])
    assert not np.array_equal(result[..., :3], image[..., :3])


def lambda_denoiser(factor):
    class Scale(nn.Module):
        def forward(self, noisy):
            return noisy * factor

    return Scale()


def test_training_mode_comes_back():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5)).train()
    network[1].eval()
    denoise(network, torch.rand(3, 8, 8))
    assert [m.training for m in network.modules()] == [True, True, False]


@pytest.mark.parametrize(
    "image, error, words",
    [
        ([[1]], TypeError, "NumPy array or a tensor, got list"),
        (np.zeros((4, 4), "int32"), TypeError, "uint8, uint16 or float"),
        (np.zeros((4, 4, 5), "uint8"), ValueError, "1 to 4 channels"),
        (np.zeros((0, 4), "uint8"), ValueError, "not empty"),
        (np.full((4, 4), 200.0), ValueError, "reach from 200 to 200"),
        (np.full((4, 4), np.nan), ValueError, "NaN or infinite"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), TypeError, "must be float"),
        (torch.zeros(4, 4), ValueError, r"\(C, H, W\)"),
        (torch.full((3, 4, 4), torch.inf), ValueError, "NaN or infinite"),
        (torch.zeros(3, 0, 4), ValueError, "not be empty"),
    ],
)
def test_what_is_no_image(image, error, words):
    with pytest.raises(error, match=words):
        denoise(IdentityDenoiser(), image)
