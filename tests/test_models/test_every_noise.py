"""Noise after the sensor: statistics against theory, JPEG, ImageNet-C, errors."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.models.noise import (
    IMAGENET_C,
    CameraNoise,
    CorrelatedNoise,
    GaussianNoise,
    ImpulseNoise,
    NoiseChoice,
    PoissonGaussianNoise,
    SpeckleNoise,
    camera_noise,
    correlated_noise,
    impulse_noise,
    jpeg_compressed,
    poisson_gaussian_noise,
    speckle_noise,
)
from mmdenoise.models.noise.camera import demosaiced, linear_of_srgb, srgb_of_linear
from mmdenoise.registry import MODELS

MODELS_OF_ALL_KINDS = [
    CorrelatedNoise((5, 30), blur=0.7),
    CameraNoise(peak=(50, 500), sigma=(0, 5), jpeg=(50, 90)),
    ImpulseNoise((0.05, 0.2)),
    SpeckleNoise(40, clip=True, quantise=True),
    GaussianNoise((0, 60), jpeg=(30, 95)),
    NoiseChoice(
        [
            dict(type="mmdenoise.GaussianNoise", sigma=(5, 60), clip=True),
            dict(type="mmdenoise.ImpulseNoise", amount=0.1),
        ]
    ),
]
TWO = [dict(type="mmdenoise.GaussianNoise", sigma=5)] * 2


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def correlation(noise, down, right):
    height, width = noise.shape[-2:]
    one = noise[..., down:, right:]
    other = noise[..., : height - down, : width - right]
    return float((one * other).mean() / noise.square().mean())


@pytest.mark.parametrize("sigma", [5, 40])
@pytest.mark.parametrize("blur", [0, 0.6, 1.5])
def test_correlated_noise_has_its_level_and_its_correlation(sigma, blur):
    noise = correlated_noise(torch.zeros(3, 400, 300), sigma, blur, seeded())
    assert noise.std() * 255 == pytest.approx(sigma, rel=0.02)
    # The border is like the middle.
    assert noise[..., :4].std() * 255 == pytest.approx(sigma, rel=0.1)
    reach = np.arange(-60, 61)
    window = np.exp(-(reach**2) / (2 * max(blur, 1e-9) ** 2))
    of_window = np.correlate(window, window, "full") / (window**2).sum()
    for down, right in ((0, 1), (1, 0), (1, 1), (0, 3)):
        expected = of_window[120 + down] * of_window[120 + right]
        assert correlation(noise, down, right) == pytest.approx(expected, abs=0.03)
    # Channels are independent.
    between = (noise[0] * noise[1]).mean() / noise.square().mean()
    assert abs(between) < 0.03


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 40)])
def test_any_size_will_do(size):
    for model in MODELS_OF_ALL_KINDS:
        assert model.add(torch.full((3, *size), 0.5), seeded()).shape == (3, *size)


def test_srgb_curve_and_its_inverse():
    values = torch.tensor([0, 0.04045, 0.5, 1], dtype=torch.float64)
    light = linear_of_srgb(values)
    # IEC 61966-2-1.
    expected = torch.tensor([0, 0.0031308, 0.2140411, 1], dtype=torch.float64)
    torch.testing.assert_close(light, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(srgb_of_linear(light), values, atol=1e-6, rtol=0)
    # Below black the line goes on, and nothing is NaN.
    assert srgb_of_linear(torch.tensor(-0.1)) == pytest.approx(-1.292)


def test_demosaicing_keeps_planes_and_weighs_as_computed_by_hand():
    rows, columns = torch.meshgrid(
        torch.arange(10.0), torch.arange(12.0), indexing="ij"
    )
    plane = (2 * rows + 3 * columns).expand(3, -1, -1)
    # Linear interpolation gives linear functions back, at every phase of the pattern.
    torch.testing.assert_close(demosaiced(plane), plane[:, 1:-1, 1:-1])
    noise = demosaiced(torch.randn(3, 802, 802, generator=seeded()))
    # Green: 1 at half of the sites, 1/4 at the others; red: 1, 1/2, 1/2, 1/4.
    assert noise[1].var() == pytest.approx(0.625, rel=0.02)
    for colour in (0, 2):
        assert noise[colour].var() == pytest.approx(0.5625, rel=0.02)
    # The first pixel is red, the one to its right green, and diagonally comes blue.
    for channel, row, column in ((0, 0, 0), (1, 0, 1), (1, 1, 0), (2, 1, 1)):
        measured = noise[channel, row::2, column::2]
        assert measured.var() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("value", [0.2, 0.5, 0.9])
def test_camera_noise_is_the_sensors_through_the_curve(value):
    image = torch.full((3, 300, 300), value)
    noise = camera_noise(image, 2000, 1, seeded())
    light = linear_of_srgb(image)
    slope = (srgb_of_linear(light + 1e-3) - srgb_of_linear(light - 1e-3)) / 2e-3
    raw = light[0, 0, 0] / 2000 + (1 / 255) ** 2
    share = torch.tensor([0.5625, 0.625, 0.5625])
    expected = (raw * share).sqrt() * slope[:, 0, 0]
    torch.testing.assert_close(noise.std((1, 2)), expected, rtol=0.03, atol=0)
    # Red and blue lie further apart: more of them is interpolated.
    assert correlation(noise[:1], 0, 1) > correlation(noise[1:2], 0, 1) > 0.2


@pytest.mark.parametrize("amount", [0.0, 0.1, 1.0])
def test_impulse_noise(amount):
    image = torch.full((3, 300, 300), 0.25)
    noisy = image + impulse_noise(image, amount, seeded())
    salt, pepper = (noisy == 1).float(), (noisy == 0).float()
    assert ((noisy == 0.25) | (noisy == 1) | (noisy == 0)).all()
    for share in (salt.mean(), pepper.mean()):
        assert share == pytest.approx(amount / 2, abs=0.004)
    if amount == 0.1:
        lost = salt + pepper
        together = (lost[0] * lost[1]).mean()
        assert together == pytest.approx(amount**2, abs=0.002)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_speckle_is_in_proportion_to_brightness(value):
    noise = speckle_noise(torch.full((3, 200, 200), value), 40, seeded())
    assert noise.std() * 255 == pytest.approx(40 * value, rel=0.02)


@pytest.mark.parametrize("model", MODELS_OF_ALL_KINDS, ids=repr)
def test_an_images_noise_is_its_generators_and_the_level_is_told(model):
    image = torch.rand(3, 48, 40, generator=seeded(1))
    noisy, sigma = model.add_and_tell(image, seeded(5))
    again, _ = model.add_and_tell(image, seeded(5))
    other, _ = model.add_and_tell(image, seeded(6))
    assert torch.equal(noisy, again) and not torch.equal(noisy, other)
    assert sigma.shape == (1, 1, 1)
    if not (model.clip or model.jpeg):
        spread = (noisy - image).square().mean().sqrt() * 255
        assert float(sigma) == pytest.approx(float(spread), rel=0.08)
    batch = torch.rand(4, 3, 16, 16, generator=seeded(2))
    noisy, sigma = model.add_and_tell(batch, seeded(5))
    assert noisy.shape == batch.shape and sigma.shape == (4, 1, 1, 1)


def test_jpeg_is_what_a_file_holds():
    image = torch.rand(2, 3, 21, 30, generator=seeded()) * 1.4 - 0.2
    got = jpeg_compressed(image, [20, 90])
    for one, quality, result in zip(image, (20, 90), got):
        pixels = (one.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        expected = np.asarray(Image.open(file))
        assert np.array_equal((result * 255).round().permute(1, 2, 0), expected)
    assert got.min() >= 0 and got.max() <= 1
    double = jpeg_compressed(image.double(), 90)
    assert double.dtype == torch.float64 and double.shape == image.shape


def test_jpeg_follows_the_noise():
    image = torch.rand(3, 32, 32, generator=seeded(1))
    plain = GaussianNoise(30).add(image, seeded())
    stored = GaussianNoise(30, jpeg=60).add(image, seeded())
    assert torch.equal(stored, jpeg_compressed(plain, 60))


def test_choice_draws_each_model_as_often_and_keeps_what_follows_it():
    model = NoiseChoice(
        [
            dict(type="mmdenoise.GaussianNoise", sigma=60, clip=True),
            dict(type="mmdenoise.ImpulseNoise", amount=1.0),
            dict(type="mmdenoise.GaussianNoise", sigma=0),
        ]
    )
    image = torch.full((600, 3, 8, 8), 0.5)
    noisy, sigma = model.add_and_tell(image, seeded())
    same = (noisy == 0.5).flatten(1).all(1)
    impulses = ((noisy == 0) | (noisy == 1)).flatten(1).all(1)
    gaussian = ~same & ~impulses
    assert torch.equal(sigma.flatten() == 60, gaussian)
    assert noisy.min() == 0 and noisy.max() == 1
    for kind in (same, impulses, gaussian):
        # Within 5 standard deviations of 600 draws.
        assert abs(int(kind.sum()) - 200) < 58


def test_a_choice_by_shares():
    models = [dict(type="mmdenoise.GaussianNoise", sigma=s) for s in (10, 20, 30, 40)]
    model = NoiseChoice(models, shares=(0, 3, 1, 0))
    _, sigma = model.add_and_tell(torch.full((800, 3, 2, 2), 0.5), seeded())
    count = {level: int((sigma == level).sum()) for level in (10, 20, 30, 40)}
    assert count[10] == count[40] == 0 and count[20] + count[30] == 800
    # Within 5 standard deviations.
    assert abs(count[20] - 600) < 62


def test_a_level_that_is_told_in_place_of_the_true_one():
    image = torch.full((400, 3, 4, 4), 0.5)
    noisy, sigma = GaussianNoise(0, told=(10, 50)).add_and_tell(image, seeded())
    assert torch.equal(noisy, image)
    assert sigma.shape == (400, 1, 1, 1)
    assert 10 <= sigma.min() < 12 and 48 < sigma.max() <= 50
    noisy, sigma = GaussianNoise(20, told=5).add_and_tell(image, seeded())
    assert (noisy - image).std() * 255 == pytest.approx(20, rel=0.03)
    assert (sigma == 5).all()
    # The noise is that of the model which tells the truth.
    assert torch.equal(noisy, GaussianNoise(20).add(image, seeded()))
    assert repr(GaussianNoise(20, told=5)) == "GaussianNoise(sigma=20.0, told=5.0)"


def test_imagenet_c_as_published():
    """Numbers of Hendrycks and Dietterich's make_imagenet_c.py, in our units."""
    build = MODELS.build
    kinds = dict(type="mmdenoise.ImageNetCNoise")
    first = build(dict(kinds, kind="gaussian", severity=1))
    assert isinstance(first, GaussianNoise) and first.sigma == pytest.approx(20.4)
    shot = build(dict(kinds, kind="shot", severity=5))
    assert isinstance(shot, PoissonGaussianNoise)
    assert (shot.peak, shot.sigma) == (3, 0)
    impulse = build(dict(kinds, kind="impulse", severity=4))
    assert isinstance(impulse, ImpulseNoise) and impulse.amount == 0.17
    speckle = build(dict(kinds, kind="speckle", severity=3, seed=7, jpeg=85))
    assert isinstance(speckle, SpeckleNoise)
    assert speckle.sigma == pytest.approx(0.35 * 255)
    assert speckle.seed == 7 and speckle.jpeg == (85, 85)
    image = torch.rand(3, 64, 64, generator=seeded(3))
    for kind in IMAGENET_C:
        errors = []
        for severity in range(1, 6):
            model = build(dict(kinds, kind=kind, severity=severity))
            assert model.clip and model.quantise
            noisy = model.add(image, seeded())
            assert torch.equal((noisy * 255).round() / 255, noisy)
            errors.append(float((noisy - image).square().mean()))
        assert errors == sorted(errors)


def test_shot_noise_has_the_variance_of_photons():
    noise = poisson_gaussian_noise(torch.full((3, 200, 200), 0.5), 60, 0, seeded())
    assert noise.std() == pytest.approx(math.sqrt(0.5 / 60), rel=0.02)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (dict(type="CorrelatedNoise", sigma=5, blur=-1), "blur must not be negative"),
        (dict(type="CorrelatedNoise", sigma=5, blur=(0, 1)), "blur must be one number"),
        (dict(type="CameraNoise", peak=0), "peak must be positive, got 0"),
        (dict(type="ImpulseNoise", amount=1.2), r"amount is a share, in \[0, 1\]"),
        (dict(type="ImpulseNoise", amount=-0.1), "amount must not be negative"),
        (dict(type="SpeckleNoise", sigma="1"), "sigma must be a finite number"),
        (dict(type="GaussianNoise", sigma=5, jpeg=0), "jpeg must be a quality from 1"),
        (dict(type="GaussianNoise", sigma=5, jpeg=(90, 50)), "jpeg must be a quality"),
        (dict(type="GaussianNoise", sigma=5, jpeg=90.5), "jpeg must be .* got 90.5"),
        (dict(type="GaussianNoise", sigma=5, jpeg=True), "jpeg must be .* got True"),
        (dict(type="NoiseChoice", models=[]), "needs a noise model or more"),
        (dict(type="NoiseChoice", models=TWO, shares=[1]), "must be 2 finite numbers"),
        (dict(type="NoiseChoice", models=TWO, shares=[0, 0]), "not all 0"),
        (dict(type="NoiseChoice", models=TWO, shares=[1, -1]), "not negative"),
        (dict(type="GaussianNoise", sigma=5, told=-1), "told must not be negative"),
        (dict(type="ImageNetCNoise", kind="blur", severity=1), "gaussian, shot, imp"),
        (dict(type="ImageNetCNoise", kind="shot", severity=6), "severities 1 to 5"),
        (dict(type="ImageNetCNoise", kind="shot", severity=0), "severities 1 to 5"),
    ],
)
def test_bad_options(config, words):
    with pytest.raises(ValueError, match=words) as error:
        MODELS.build(dict(config, type=f"mmdenoise.{config['type']}"))
    assert "\n" not in str(error.value)


def test_names_say_what_follows_the_noise():
    assert repr(ImpulseNoise(0.1, seed=3)) == "ImpulseNoise(amount=0.1, seed=3)"
    model = GaussianNoise(5, clip=True, jpeg=(50, 90))
    assert repr(model) == "GaussianNoise(sigma=5.0, clip=True, jpeg=(50, 90))"
