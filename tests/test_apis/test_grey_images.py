"""Grey images: the noise that a colour denoiser gets is the noise it knows."""

import numpy as np
import pytest
import torch

from mmdenoise.apis import denoise, load_denoiser
from mmdenoise.apis.grey_images import as_colour, as_grey, estimated_level, is_grey


def scene(size=128):
    """Edges, texture and flat parts, 0 to 255."""
    y, x = np.mgrid[:size, :size]
    image = 90 + 60 * np.sin(x / 9) * np.cos(y / 13)
    image[(y - size / 2) ** 2 + (x - size / 2) ** 2 < 900] = 200
    image[: size // 4] = 60 + 80 * (x[: size // 4] > size / 2)
    return image


def with_noise(clean, sigma, seed=0):
    return clean + np.random.default_rng(seed).normal(0, sigma, clean.shape)


def as_8_bit(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def psnr(found, clean):
    return 20 * np.log10(255 / np.sqrt(np.mean((found.astype(float) - clean) ** 2)))


@pytest.mark.parametrize("sigma", [0, 5, 15, 25, 50])
@pytest.mark.parametrize("eight_bits", [False, True])
def test_the_level_is_found(sigma, eight_bits):
    image = with_noise(scene(), sigma)
    image = as_8_bit(image) if eight_bits else image
    found = estimated_level(image, 255.0)
    assert found == pytest.approx(sigma, rel=0.1, abs=1)
    assert estimated_level(image * 257.0, 65535.0) == pytest.approx(found, rel=1e-4)


def test_clipped_and_hidden_pixels_do_not_count():
    image = with_noise(scene(), 20)
    black = image.copy()
    black[:100] = 0
    assert estimated_level(black, 255.0) == pytest.approx(20, rel=0.1)
    flat = image.copy()
    flat[:100] = 100
    counted = np.zeros(image.shape, bool)
    counted[100:] = True
    assert estimated_level(flat, 255.0) < 1
    assert estimated_level(flat, 255.0, counted) == pytest.approx(20, rel=0.1)
    assert estimated_level(image[:2], 255.0) == 0
    assert estimated_level(image, 255.0, np.zeros(image.shape, bool)) == 0


def test_the_noise_is_independent_in_three_channels():
    """Covariance sigma^2 I, where the grey image's own noise alone has sigma^2 / 3."""
    sigma = 30.0
    noise = torch.randn(1, 1, 600, 600, generator=torch.Generator().manual_seed(1))
    grey = 0.5 + noise * sigma / 255
    level = torch.tensor(sigma).view(1, 1, 1, 1)
    colours = as_colour(grey, level, slice(0, 600), slice(0, 600))
    covariance = torch.cov(colours[0].flatten(1)) * 255**2
    assert torch.allclose(covariance, sigma**2 * torch.eye(3), atol=0.01 * sigma**2)
    assert torch.allclose(as_grey(colours), grey, atol=1e-6)


def test_parts_fit_to_each_other():
    grey, level = torch.rand(2, 1, 700, 600), torch.rand(2, 1, 1, 1) * 50
    whole = as_colour(grey, level, slice(0, 700), slice(0, 600))
    rows, columns = slice(490, 640), slice(30, 570)
    part = as_colour(grey[..., rows, columns], level, rows, columns)
    assert torch.equal(part, whole[..., rows, columns])


def test_is_grey():
    image = np.random.default_rng(0).integers(0, 255, (5, 6, 1), dtype=np.uint8)
    assert is_grey(image) and is_grey(np.repeat(image, 3, axis=2))
    other = np.repeat(image, 3, axis=2)
    other[4, 5, 2] += 1
    assert not is_grey(other)


@pytest.mark.parametrize("sigma, blind", [(15, True), (50, True), (25, False)])
def test_grey_images_gain_nearly_what_colour_images_gain(sigma, blind):
    """Within 4 dB of three independent views, which know three times as much."""
    denoiser = load_denoiser(
        "multiscale_blind" if blind else f"multiscale_sigma{sigma}"
    )
    clean = scene()
    grey = as_8_bit(with_noise(clean, sigma))
    colour = as_8_bit(with_noise(np.stack([clean] * 3, -1), sigma))
    found = denoise(denoiser, grey)
    gain = psnr(found, clean) - psnr(grey, clean)
    views = denoise(denoiser, colour).mean(axis=2)
    assert gain > 7 + sigma / 25
    assert psnr(found, clean) > psnr(views, clean) - 4
