"""PSNR and SSIM against scikit-image, and against numbers worked out by hand."""

import math
import warnings

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from mmdenoise.evaluation import psnr, quantize, ssim
from mmdenoise.evaluation import psnr_ssim as functional

SIZES = [(11, 11), (11, 40), (12, 13), (37, 53), (64, 11), (101, 75)]


def image_pair(height, width, sigma=25.0, seed=0):
    """A clean image with structure and an unclipped noisy one, (3, H, W) float32."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.linspace(0, 3, height)[:, None]
    x = torch.linspace(0, 5, width)[None, :]
    waves = [torch.sin(y * (c + 1) + x * (3 - c)) * 0.5 + 0.5 for c in range(3)]
    clean = torch.stack(waves).mul(255).round().div(255)
    noise = torch.randn(clean.shape, generator=generator) * (sigma / 255)
    return clean + noise, clean


def as_file(image):
    """(3, H, W) float to (H, W, 3) uint8, by NumPy alone."""
    array = np.round(np.clip(image.numpy(), 0, 1) * np.float32(255))
    return array.astype(np.uint8).transpose(1, 2, 0)


def skimage_ssim(image, reference):
    return structural_similarity(
        as_file(reference),
        as_file(image),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
    )


@pytest.mark.parametrize("sigma", [5.0, 60.0])
@pytest.mark.parametrize("size", SIZES)
def test_psnr_is_that_of_scikit_image(size, sigma):
    image, clean = image_pair(*size, sigma)
    expected = peak_signal_noise_ratio(as_file(clean), as_file(image), data_range=255)
    assert psnr(image, clean) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sigma", [5.0, 60.0])
@pytest.mark.parametrize("size", SIZES)
def test_ssim_is_that_of_scikit_image(size, sigma):
    image, clean = image_pair(*size, sigma)
    assert ssim(image, clean) == pytest.approx(skimage_ssim(image, clean), abs=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 42, 43, 44])
def test_ssim_does_not_depend_on_its_strips(rows, monkeypatch):
    # 53 rows have 43 valid positions: less than, exactly and more than one strip.
    image, clean = image_pair(53, 21)
    whole = ssim(image, clean)
    monkeypatch.setattr(functional, "STRIP_ROWS", rows)
    assert ssim(image, clean) == pytest.approx(whole, abs=1e-12)


def test_psnr_by_hand():
    # 1 of 4 values off by 2 steps: mean square 1, so 10 log10(255^2).
    clean = torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]) / 255
    image = torch.tensor([[[10.0, 20.0], [32.0, 40.0]]]) / 255
    assert psnr(image, clean) == pytest.approx(48.13080360867910, abs=1e-10)


def test_ssim_by_hand_of_two_constant_images():
    # No variance: what is left is (2ab + C1) / (a^2 + b^2 + C1), C1 = 2.55^2.
    clean = torch.full((3, 15, 12), 100 / 255)
    image = torch.full((3, 15, 12), 50 / 255)
    expected = (2 * 100 * 50 + 6.5025) / (100**2 + 50**2 + 6.5025)
    assert ssim(image, clean) == pytest.approx(expected, abs=1e-12)


def test_ssim_by_hand_of_inverted_texture():
    # The window weighs +1 and -1 of a checkerboard to nearly 0 mean, variance d^2 and
    # covariance -d^2, so SSIM is close to (C2 - 2 d^2) / (C2 + 2 d^2), below 0.
    rows, columns = torch.arange(20)[:, None], torch.arange(20)[None, :]
    signs = ((rows + columns) % 2 * 2 - 1).float().expand(3, 20, 20)
    clean, image = (128 + 40 * signs) / 255, (128 - 40 * signs) / 255
    c2 = 7.65**2
    expected = (c2 - 2 * 40**2) / (c2 + 2 * 40**2)
    assert ssim(image, clean) == pytest.approx(expected, abs=1e-3)
    assert expected < -0.9


@pytest.mark.parametrize("score", [psnr, ssim])
def test_values_beyond_the_range_are_clipped(score):
    image, clean = image_pair(16, 16, sigma=60)
    assert image.min() < 0 and image.max() > 1, "the test needs values to clip"
    assert score(image, clean) == score(image.clamp(0, 1), clean)
    assert score(image, clean) != score(image * 0.5 + 0.25, clean)


def test_values_are_rounded():
    clean = torch.full((3, 11, 11), 100 / 255)
    assert psnr(clean + 0.49 / 255, clean) == math.inf
    assert ssim(clean + 0.49 / 255, clean) == pytest.approx(1, abs=1e-12)
    assert psnr(clean + 0.51 / 255, clean) == pytest.approx(48.1308036086791)


def test_halves_are_rounded_to_even():
    values = torch.tensor([0.5, 1.5, 2.5, 3.5], dtype=torch.float64) / 255
    assert quantize(values).tolist() == [0, 2, 2, 4]


def test_quantize_keeps_every_8_bit_value():
    levels = torch.arange(256)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(quantize(levels.to(dtype) / 255), levels.to(torch.uint8))


def test_half_precision_is_widened_before_it_is_scaled():
    image = torch.rand(3, 40, 40, generator=torch.Generator().manual_seed(0))
    for dtype in (torch.float16, torch.bfloat16):
        low = image.to(dtype)
        assert torch.equal(quantize(low), quantize(low.float()))


def test_exact_image():
    _, clean = image_pair(20, 31)
    assert psnr(clean, clean) == math.inf
    assert ssim(clean, clean) == pytest.approx(1, abs=1e-12)


def test_arguments_are_left_as_they_were():
    image, clean = image_pair(14, 15)
    image.requires_grad_()
    before = image.detach().clone(), clean.clone()
    psnr(image, clean), ssim(image, clean)
    assert torch.equal(image, before[0]) and torch.equal(clean, before[1])


def test_one_channel_is_that_channel_alone():
    image, clean = image_pair(15, 19)
    each = [ssim(image[c : c + 1], clean[c : c + 1]) for c in range(3)]
    assert ssim(image, clean) == pytest.approx(sum(each) / 3, abs=1e-12)
    assert len({round(value, 6) for value in each}) == 3


@pytest.mark.parametrize("size", [(10, 30), (30, 10), (1, 1)])
def test_ssim_names_the_size_of_a_small_image(size):
    image, clean = image_pair(*size)
    with pytest.raises(ValueError, match=rf"at least 11x11 .* {size[0]}x{size[1]} "):
        ssim(image, clean)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isfinite(psnr(image, clean))


@pytest.mark.parametrize("score", [psnr, ssim])
@pytest.mark.parametrize(
    ("image", "clean", "message"),
    [
        (torch.rand(3, 12, 12), torch.rand(3, 12, 13), r"\(3, 12, 12\).*\(3, 12, 13\)"),
        # Would broadcast silently.
        (torch.rand(3, 12, 12), torch.rand(1, 12, 12), r"one shape \(C, H, W\)"),
        (torch.rand(1, 3, 12, 12), torch.rand(1, 3, 12, 12), r"one shape \(C, H, W\)"),
        (torch.rand(3, 0, 12), torch.rand(3, 0, 12), r"one shape \(C, H, W\)"),
        (
            torch.zeros(3, 12, 12, dtype=torch.uint8),
            torch.rand(3, 12, 12),
            r"the image as a float tensor in \[0, 1\], got torch.uint8",
        ),
        (
            torch.full((3, 12, 12), math.nan),
            torch.rand(3, 12, 12),
            "the image has 432 values that are not finite, of 432",
        ),
        (
            torch.rand(3, 12, 12),
            torch.rand(3, 12, 12).index_fill(2, torch.tensor([0]), math.inf),
            "the clean reference has 36 values that are not finite, of 432",
        ),
        (
            torch.rand(3, 12, 12),
            torch.full((3, 12, 12), 200.0),
            r"the clean reference in \[0, 1\], got \[200, 200\]",
        ),
    ],
)
def test_what_can_not_be_compared_is_an_error(score, image, clean, message):
    with pytest.raises(ValueError, match=message):
        score(image, clean)


def test_quantize_refuses_whole_numbers():
    with pytest.raises(ValueError, match="got torch.uint8"):
        quantize(torch.zeros(3, 2, 2, dtype=torch.uint8))
