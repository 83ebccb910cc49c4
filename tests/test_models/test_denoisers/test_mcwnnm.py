"""MCWNNM: it denoises, keeps what has no noise, and refuses what it can not do."""

import math

import pytest
import torch

from mmdenoise.apis import load_denoiser
from mmdenoise.evaluation import psnr
from mmdenoise.models import MCWNNM, GaussianNoise
from mmdenoise.models.denoisers import mcwnnm
from mmdenoise.registry import MODELS

SMALL = dict(radius=6, group_size=40, passes=4)


def texture(height=36, width=40):
    """Stripes of two colours on a slope: (3, H, W) in [0, 1]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    wave = torch.sin(2 * math.pi * (x + 2 * y) / 12)
    colour = torch.tensor([0.25, 0.15, -0.2])[:, None, None]
    return 0.5 + colour * wave + 0.1 * (y / height - 0.5)


def noisy_texture(sigma, seed=0, **size):
    clean = texture(**size)
    level = torch.as_tensor(sigma, dtype=torch.float32).expand(3)[:, None, None] / 255
    generator = torch.Generator().manual_seed(seed)
    return clean, clean + level * torch.randn(clean.shape, generator=generator)


def run(noisy, sigma, **kwargs):
    with torch.no_grad():
        return MCWNNM(sigma, **{**SMALL, **kwargs})(noisy)


@pytest.mark.parametrize("sigma", [25, (40, 20, 30)])
def test_a_texture_gains_many_decibels(sigma):
    clean, noisy = noisy_texture(sigma)
    denoised = run(noisy[None], sigma)[0]
    assert psnr(denoised, clean) > psnr(noisy, clean) + 6


def test_knowing_the_channels_levels_helps():
    clean, noisy = noisy_texture((50, 5, 30))
    mean = math.sqrt((50**2 + 5**2 + 30**2) / 3)
    separate = run(noisy[None], (50, 5, 30))[0]
    assert psnr(separate, clean) > psnr(run(noisy[None], mean)[0], clean) + 1


def test_unchanged_patches_give_the_image_back(monkeypatch):
    monkeypatch.setattr(mcwnnm, "low_rank", lambda data, *others: data)
    image = torch.randint(0, 256, (1, 3, 23, 31)).float() / 256
    # The mean patch is taken off and put back: exact where the mean is.
    flat = torch.full((1, 3, 13, 17), 0.5)
    assert torch.equal(run(flat, 25), flat)
    assert torch.allclose(run(image, 25), image, atol=1e-6)


def test_little_noise_changes_little():
    image = texture()[None]
    assert 0 < (run(image, 1) - image).abs().max() < 1 / 255


def test_each_image_of_a_batch_is_by_itself_and_repeatable():
    batch = torch.stack([noisy_texture(25, seed)[1] for seed in (0, 1)])
    together = run(batch, 25, passes=2)
    assert torch.equal(together, run(batch, 25, passes=2))
    assert torch.equal(together[1:], run(batch[1:], 25, passes=2))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (5, 9), (6, 6), (7, 50), (13, 12)])
def test_any_size(size):
    _, noisy = noisy_texture(25, height=size[0], width=size[1])
    denoised = run(noisy[None], 25, passes=2)
    assert denoised.shape == (1, 3, *size)
    assert denoised.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_type_is_kept_and_autocast_changes_nothing(dtype):
    _, noisy = noisy_texture(25, height=16, width=18)
    noisy = noisy[None].to(dtype)
    plain = run(noisy, 25, passes=2)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(run(noisy, 25, passes=2), plain)
    assert plain.dtype == dtype


def test_registered_loaded_by_name_and_without_a_finite_field():
    denoiser = MODELS.build(dict(type="mmdenoise.MCWNNM", sigma=[40, 20, 30]))
    assert denoiser.sigma == (40.0, 20.0, 30.0)
    assert load_denoiser("MCWNNM", sigma=15).sigma == 15.0
    assert denoiser.stride == 1 and denoiser.reach is None
    assert not denoiser.state_dict()
    denoiser.sigma = 10
    assert denoiser.sigma == 10.0


def test_noise_model_and_denoiser_share_their_unit():
    clean = texture()
    noisy = GaussianNoise(25).add(clean, torch.Generator().manual_seed(3))
    right, wrong = (psnr(run(noisy[None], s)[0], clean) for s in (25, 25 / 255))
    assert right > wrong + 6


@pytest.mark.parametrize(
    ("sigma", "words"),
    [
        (-1, "positive"),
        (math.nan, "finite"),
        (math.inf, "finite"),
        (0, "positive"),
        ((25, 0, 25), "positive"),
        ((25, -3, 25), "positive"),
        ((25, math.nan, 25), "finite"),
        ((25, 25), "each of R, G and B; got 2"),
        ((1, 2, 3, 4), "each of R, G and B; got 4"),
        ("25", "number"),
        (True, "number"),
    ],
)
def test_bad_levels_are_refused(sigma, words):
    with pytest.raises(ValueError, match=f"sigma.*{words}"):
        MCWNNM(sigma)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (dict(patch_size=0), "patch_size"),
        (dict(step=7), "step=7 leaves gaps"),
        (dict(passes=2.5), "passes"),
        (dict(rho=-1.0), "rho"),
        (dict(mu=math.nan), "mu"),
        (dict(delta=1.5), "delta"),
    ],
)
def test_bad_options_are_refused(option, words):
    with pytest.raises(ValueError, match=words):
        MCWNNM(25, **option)


def test_training_through_it_is_refused():
    denoiser, image = MCWNNM(25), texture(12, 12)[None]
    with pytest.raises(RuntimeError, match="no gradient"):
        denoiser(image.requires_grad_())
    with pytest.raises(RuntimeError, match="no gradient"):
        denoiser.train()(image.detach())


def test_bad_images_are_refused():
    with torch.no_grad():
        with pytest.raises(ValueError, match="RGB"):
            MCWNNM(25)(torch.zeros(1, 1, 12, 12))
        with pytest.raises(ValueError, match="NaN"):
            MCWNNM(25)(torch.full((1, 3, 12, 12), math.nan))
