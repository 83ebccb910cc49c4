"""Level, kind and growth of noise, measured in images of which they are known."""

import numpy as np
import pytest
from noisy_scenes import noisy, scene

from mmdenoise.evaluation.noise_curve import (
    NoiseCurve,
    PoissonGaussian,
    fit_poisson_gaussian,
    noise_curve,
)
from mmdenoise.evaluation.noise_kind import (
    coarse_level,
    jpeg_grid,
    neighbour_correlation,
    smooth_level,
)
from mmdenoise.evaluation.noise_level import (
    clipped_share,
    noise_directions,
    noise_level,
    patches_of,
)
from mmdenoise.models.noise import (
    CorrelatedNoise,
    GaussianNoise,
    PoissonGaussianNoise,
)


@pytest.mark.parametrize("sigma", [0, 5, 25, 50])
def test_level_of_float_noise(sigma):
    image = noisy(scene(), GaussianNoise(sigma))
    assert noise_level(image) == pytest.approx(sigma, abs=0.1 + 0.01 * sigma)
    assert coarse_level(image) == pytest.approx(sigma, abs=0.3 + 0.02 * sigma)


@pytest.mark.parametrize("sigma", [10, 40])
def test_level_of_a_grey_image(sigma):
    image = noisy(scene(), GaussianNoise(sigma))[..., 0]
    assert noise_level(image) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("sigma", [25, 50])
def test_clipped_noise_is_measured_as_what_it_was(sigma):
    clean = scene(low=0, high=1)
    image = noisy(clean, GaussianNoise(sigma, clip=True, quantise=True))
    assert clipped_share(image) > 0.01
    assert clipped_share(noisy(clean, GaussianNoise(sigma))) == 0
    assert noise_level(image) == pytest.approx(sigma, rel=0.05)
    # Without giving back what clipping took it would be less.
    raw = 255 * np.sqrt(noise_directions(patches_of(image))[0])
    assert raw < 0.985 * sigma
    assert abs(noise_level(image) - sigma) < abs(raw - sigma)


def test_an_image_of_one_value_has_no_noise():
    for value in (0.0, 0.5, 1.0):
        image = np.full((64, 64, 3), value)
        assert noise_level(image) == 0
        assert jpeg_grid(image) is None


def test_directions_of_noise_hold_noise_alone():
    image = noisy(scene(), GaussianNoise(20))
    patches = patches_of(image)
    variance, directions = noise_directions(patches)
    # Orthonormal, and most of the 192: the scene is smooth.
    assert directions.shape[0] == 192 and directions.shape[1] > 150
    unit = directions.T @ directions
    np.testing.assert_allclose(unit, np.eye(len(unit)), atol=1e-8)
    energy = np.square((patches - patches.mean(0)) @ directions).mean()
    assert energy == pytest.approx(variance, rel=1e-3)


def test_small_images():
    image = noisy(scene(height=40, width=40), GaussianNoise(20))
    assert noise_level(image) == pytest.approx(20, rel=0.15)
    with pytest.raises(ValueError, match="an image of 20x24 is too small to measure"):
        noise_level(image[:20, :24])
    # Of a large image no more patches are cut than are asked for.
    assert len(patches_of(scene(height=300, width=300), most=1000)) <= 1000


@pytest.mark.parametrize("blur", [0.5, 1.0])
def test_correlated_noise_is_told_from_white(blur):
    white = noisy(scene(), GaussianNoise(15))
    blurred = noisy(scene(), CorrelatedNoise(15, blur=blur))
    assert abs(neighbour_correlation(white)) < 0.06
    assert neighbour_correlation(blurred) > 0.13
    assert noise_level(white) > 0.97 * coarse_level(white)
    assert noise_level(blurred) < 0.9 * coarse_level(blurred)
    # Never more than there is; a slow wave is taken for a slope.
    assert 12 < smooth_level(white) < 15
    assert 7 < smooth_level(blurred) < 15


@pytest.mark.parametrize("quality", [60, 90, 97])
@pytest.mark.parametrize("corner", [(0, 0), (3, 5)])
def test_grid_of_jpeg(quality, corner):
    image = noisy(scene(), GaussianNoise(10, jpeg=quality))
    row, column = corner
    found = jpeg_grid(image[row:, column:])
    assert found == ((8 - row) % 8, (8 - column) % 8)
    assert jpeg_grid(image[row:, column:, 0]) is not None


@pytest.mark.parametrize(
    "model",
    [
        GaussianNoise(0, quantise=True),
        GaussianNoise(3, quantise=True),
        GaussianNoise(30, clip=True, quantise=True),
        CorrelatedNoise(10, blur=1),
    ],
    ids=repr,
)
def test_no_grid_without_jpeg(model):
    assert jpeg_grid(noisy(scene(low=0, high=1), model)) is None


@pytest.mark.parametrize(("peak", "sigma"), [(100, 10), (400, 5)])
def test_poisson_gaussian_fit(peak, sigma):
    model = PoissonGaussianNoise(peak, sigma, clip=True, quantise=True)
    images = [noisy(scene(seed, low=0, high=1), model, seed) for seed in range(4)]
    fit = fit_poisson_gaussian(noise_curve(images, most=15_000))
    assert fit.peak == pytest.approx(peak, rel=0.1)
    assert fit.sigma == pytest.approx(sigma, rel=0.1)


def test_fit_of_exact_lines():
    value = np.linspace(0.1, 0.9, 20)
    count = np.full(20, 500.0)
    for peak, sigma in ((50.0, 12.0), (1000.0, 0.0)):
        variance = PoissonGaussian(peak, sigma).variance(value)
        fit = fit_poisson_gaussian(NoiseCurve(value, variance, count))
        assert fit == pytest.approx((peak, sigma), rel=1e-4, abs=1e-3)
    # Less noise where it is bright is no photon noise.
    fit = fit_poisson_gaussian(NoiseCurve(value, 0.01 - 0.001 * value, count))
    assert np.isinf(fit.peak) and fit.sigma == pytest.approx(25, abs=1)
    # Nor is a negative variance in the dark any.
    fit = fit_poisson_gaussian(NoiseCurve(value, value / 50 - 0.001, count))
    assert fit.sigma == 0 and 45 < fit.peak < 70


def test_images_that_do_not_go_together():
    image = noisy(scene(), GaussianNoise(10))
    with pytest.raises(ValueError, match="all are grey or all are RGB"):
        noise_curve([image, image[..., 0]])
    with pytest.raises(ValueError, match="no part of the images is fit"):
        fit_poisson_gaussian(NoiseCurve(*np.zeros((3, 0))))
