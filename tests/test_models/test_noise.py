"""Noise models: units, statistics against theory, what a config may not say."""

import math

import pytest
import torch

from mmdenoise.models.noise import (
    GaussianNoise,
    NoiseModel,
    PoissonGaussianNoise,
    gaussian_noise,
    poisson_gaussian_noise,
)
from mmdenoise.registry import MODELS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("sigma", [1, 25, 60])
def test_gaussian_statistics_in_8_bit_units(sigma):
    noise = gaussian_noise(torch.full((3, 256, 256), 0.5), sigma, seeded()) * 255
    pixels = noise.numel()
    assert abs(noise.mean()) < 5 * sigma / math.sqrt(pixels)
    assert noise.std() == pytest.approx(sigma, rel=5 / math.sqrt(2 * pixels))
    # Kurtosis 3: Gaussian, and not only of the right width.
    assert (noise / sigma).pow(4).mean() == pytest.approx(3, abs=0.1)
    # Channels and neighbours are independent.
    for one, other in (
        (noise[0], noise[1]),
        (noise[:, 1:], noise[:, :-1]),
        (noise[..., 1:], noise[..., :-1]),
    ):
        assert abs((one * other).mean()) / sigma**2 < 5 / math.sqrt(one.numel())


def test_sigma_255_is_a_standard_deviation_of_1():
    image = torch.zeros(3, 5, 5)
    unit = torch.randn(3, 5, 5, generator=seeded())
    torch.testing.assert_close(gaussian_noise(image, 255, seeded()), unit)
    level = torch.tensor(25.5)
    torch.testing.assert_close(gaussian_noise(image, level, seeded()), unit / 10)


def test_sigma_zero_adds_nothing():
    image = torch.rand(3, 9, 9)
    assert torch.equal(GaussianNoise(0).add(image, seeded()), image)


def test_blind_level_is_uniform_per_image():
    model = GaussianNoise(sigma=(10, 60))
    image = torch.full((3, 40, 40), 0.5)
    generator = seeded()
    levels = [(model.add(image, generator) - image).std() * 255 for _ in range(300)]
    levels = torch.stack(levels).sort().values
    assert 9 < levels[0] < 12 and 58 < levels[-1] < 62
    # Kolmogorov-Smirnov distance from the uniform distribution, 1% level.
    expected = 10 + 50 * (torch.arange(300) + 0.5) / 300
    assert (levels - expected).abs().max() / 50 < 1.63 / math.sqrt(300)


@pytest.mark.parametrize(("peak", "sigma"), [(30, 0), (30, 10), (200, 5)])
@pytest.mark.parametrize("value", [0.1, 0.5, 1.0])
def test_poisson_gaussian_mean_and_variance(peak, sigma, value):
    image = torch.full((3, 200, 200), value)
    noise = poisson_gaussian_noise(image, peak, sigma, seeded())
    variance = value / peak + (sigma / 255) ** 2
    pixels = noise.numel()
    assert abs(noise.mean()) < 5 * math.sqrt(variance / pixels)
    assert noise.var() == pytest.approx(variance, rel=0.03)


def test_poisson_of_dark_and_of_negative_values():
    image = torch.tensor([-0.2, 0.0]).view(1, 1, 2).expand(3, 1, 2)
    noisy = image + poisson_gaussian_noise(image, 50, 0, seeded())
    assert torch.equal(noisy, torch.zeros(3, 1, 2))


def test_noise_is_neither_clipped_nor_quantised_by_default():
    image = torch.rand(3, 50, 50, generator=seeded(1))
    noisy = GaussianNoise(60).add(image, seeded())
    assert noisy.min() < 0 and noisy.max() > 1
    levels = noisy * 255
    assert ((levels - levels.round()).abs() > 0.01).float().mean() > 0.9


def test_clip_and_quantise():
    image = torch.rand(3, 50, 50, generator=seeded(1))
    plain = GaussianNoise(60).add(image, seeded())
    clipped = GaussianNoise(60, clip=True).add(image, seeded())
    assert torch.equal(clipped, plain.clamp(0, 1))
    quantised = GaussianNoise(60, quantise=True).add(image, seeded())
    assert torch.equal(quantised, (plain * 255).round() / 255)
    both = GaussianNoise(60, clip=True, quantise=True).add(image, seeded())
    assert torch.equal((both * 255).round().unique() / 255, both.unique())
    assert both.min() == 0 and both.max() == 1


@pytest.mark.parametrize(
    "model", [GaussianNoise(40), GaussianNoise((0, 60)), PoissonGaussianNoise(50, 10)]
)
def test_drawn_in_float32_whatever_the_images_type(model):
    # Multiples of 1/256 are exact in every type.
    image = torch.randint(0, 257, (3, 20, 20), generator=seeded(2)) / 256
    single = model.add(image, seeded()) - image
    double = model.add(image.double(), seeded())
    assert double.dtype == torch.float64
    torch.testing.assert_close(
        double - image.double(), single.double(), atol=2e-7, rtol=0
    )


def test_poisson_noise_ignores_the_last_bits_of_an_image():
    """Undoing a normalisation leaves them different for each head, type and device."""
    model = PoissonGaussianNoise(20, 5)
    image = torch.randint(0, 256, (3, 60, 60), generator=seeded(3)) / 255
    noise = model.add(image, seeded()) - image
    for error in (-2e-7, 2e-7):
        shifted = image + error
        other = model.add(shifted, seeded()) - shifted
        assert (other - noise).abs().max() < 1e-5


def test_poisson_levels_may_be_pairs():
    model = PoissonGaussianNoise(peak=(10, 1000), sigma=(0, 0))
    image = torch.full((3, 40, 40), 0.5)
    generator = seeded()
    spread = [float((model.add(image, generator) - image).std()) for _ in range(40)]
    assert max(spread) > 3 * min(spread)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (dict(sigma=-1), "sigma must not be negative, got -1"),
        (dict(sigma=(-5, 60)), "sigma must not be negative"),
        (dict(sigma=float("nan")), "sigma must be a finite number"),
        (dict(sigma=float("inf")), "sigma must be a finite number"),
        (dict(sigma=(0, float("inf"))), "sigma must be a finite number"),
        (dict(sigma="60"), "sigma must be a finite number .* got '60'"),
        (dict(sigma=None), "sigma must be a finite number"),
        (dict(sigma=True), "sigma must be a finite number"),
        (dict(sigma=(1, 2, 3)), "a pair"),
        (dict(sigma=()), "a pair"),
        (dict(sigma=(60, 0)), r"needs low <= high, got \(60, 0\)"),
        (dict(sigma=30, seed=-1), "seed must be a non-negative integer, got -1"),
        (dict(sigma=30, seed=0.5), "seed must be a non-negative integer, got 0.5"),
    ],
)
def test_bad_gaussian(config, words):
    with pytest.raises(ValueError, match=words) as error:
        MODELS.build(dict(type="mmdenoise.GaussianNoise", **config))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (dict(peak=0), "peak must be positive, got 0"),
        (dict(peak=(0, 10)), "peak must be positive"),
        (dict(peak=-3), "peak must not be negative"),
        (dict(peak=float("nan")), "peak must be a finite number"),
        (dict(peak=10, sigma=-1), "sigma must not be negative"),
    ],
)
def test_bad_poisson_gaussian(config, words):
    with pytest.raises(ValueError, match=words):
        MODELS.build(dict(type="mmdenoise.PoissonGaussianNoise", **config))


def test_names_say_what_they_are():
    assert repr(GaussianNoise(60)) == "GaussianNoise(sigma=60.0)"
    assert repr(GaussianNoise((0, 60))) == "GaussianNoise(sigma=(0.0, 60.0))"
    assert "peak=50.0, sigma=10.0" in repr(PoissonGaussianNoise(50, 10))


def test_a_noise_model_without_draw_is_none():
    class Silent(NoiseModel):
        """It says nothing of its noise."""

    with pytest.raises(TypeError, match="abstract.*draw"):
        Silent()
