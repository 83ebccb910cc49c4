"""CBM3D: the package's own result, any image, and nothing trained through it."""

import importlib.util
import math
import sys

import numpy as np
import pytest
import torch

from mmdenoise.apis import load_denoiser
from mmdenoise.evaluation import psnr
from mmdenoise.models import CBM3D

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("bm3d") is None,
    reason="bm3d is not installed (make baselines)",
)


def picture(height, width, sigma=25, seed=0):
    """A clean image of ramps and a disc, and its noisy version."""
    y = torch.linspace(0.2, 0.8, height)[:, None].expand(height, width)
    x = torch.linspace(0.3, 0.7, width).expand(height, width)
    disc = ((y - 0.5) ** 2 + (x - 0.5) ** 2 < 0.01).float() * 0.25
    clean = torch.stack([y - disc, x + disc, 0.5 * (x + y)])
    generator = torch.Generator().manual_seed(seed)
    return clean, clean + torch.randn(clean.shape, generator=generator) * sigma / 255


@needs_package
def test_it_is_the_package_with_the_parameters_of_2007():
    import bm3d

    _, noisy = picture(24, 40)
    profile = bm3d.BM3DProfile()
    profile.nf = profile.gamma = 0
    profile.lambda_thr3d, profile.mu2, profile.num_threads = 2.7, 1, 1
    image = noisy.permute(1, 2, 0).double().numpy()
    expected = bm3d.bm3d_rgb(image, 25 / 255, profile)
    result = CBM3D(sigma=25)(noisy[None])[0].permute(1, 2, 0)
    np.testing.assert_allclose(result, expected, atol=1e-4)


@needs_package
def test_it_is_the_package_with_the_parameters_of_2020():
    import bm3d

    _, noisy = picture(17, 20)
    image = noisy.permute(1, 2, 0).double().numpy()
    expected = bm3d.bm3d_rgb(image, 25 / 255, "np")
    result = CBM3D(sigma=25, profile="np")(noisy[None])[0].permute(1, 2, 0)
    np.testing.assert_allclose(result, expected, atol=1e-4)
    classic = CBM3D(sigma=25)(noisy[None])[0].permute(1, 2, 0)
    assert (classic - result).abs().max() > 1e-3


@needs_package
def test_it_denoises_and_sigma_is_in_8_bit_units():
    clean, noisy = picture(48, 48)
    right = psnr(CBM3D(sigma=25)(noisy[None])[0], clean)
    assert right > psnr(noisy, clean) + 9
    for wrong in (2.5, 250):
        assert psnr(CBM3D(sigma=wrong)(noisy[None])[0], clean) < right - 1
    denoiser = load_denoiser("CBM3D", sigma=2.5)
    denoiser.sigma = 25
    assert psnr(denoiser(noisy[None])[0], clean) == right


@needs_package
def test_each_image_by_itself_and_the_same_each_time():
    images = torch.stack([picture(16, 18, seed=seed)[1] for seed in range(3)])
    denoiser = CBM3D(sigma=25)
    result = denoiser(images)
    assert result.shape == images.shape
    for image, expected in zip(images, result):
        assert torch.equal(denoiser(image[None])[0], expected)
    assert denoiser(images[:0]).shape == (0, 3, 16, 18)


@needs_package
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (3, 7), (7, 30), (8, 8), (9, 9), (16, 16), (33, 8)]
)
def test_any_size_any_content(size):
    """The package alone refuses sides under 8, and the process dies at 8x8."""
    torch.manual_seed(1)
    denoiser = CBM3D(sigma=25)
    result = denoiser(torch.rand(1, 3, *size))
    assert result.shape == (1, 3, *size) and result.isfinite().all()
    flat = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, *size)
    torch.testing.assert_close(denoiser(flat), flat.contiguous(), atol=1e-3, rtol=0)
    grey = torch.rand(1, 1, *size).expand(1, 3, *size)
    result = denoiser(grey)
    torch.testing.assert_close(result[:, 0], result[:, 2], atol=1e-3, rtol=0)


@needs_package
def test_nothing_is_clipped_and_the_type_is_kept():
    flat = torch.tensor([-0.3, 0.5, 1.4]).view(1, 3, 1, 1).expand(1, 3, 16, 16)
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        result = CBM3D(sigma=25)(flat.to(dtype))
        assert result.dtype == dtype
        torch.testing.assert_close(result, flat.to(dtype), atol=5e-3, rtol=0)


@needs_package
def test_no_gradient_is_promised():
    denoiser = CBM3D(sigma=25)
    image = torch.rand(1, 3, 16, 16)
    with pytest.raises(RuntimeError, match="not differentiable"):
        denoiser(image.requires_grad_())
    with torch.no_grad():
        assert denoiser(image).isfinite().all()
    with pytest.raises(RuntimeError, match="nothing is trained with it"):
        denoiser.train()(image.detach())
    with pytest.raises(ValueError, match="NaN"):
        denoiser.eval()(torch.full((1, 3, 16, 16), math.nan))


@needs_package
def test_in_a_cascade(make_cascade, seg_head, seg_batch, forward):
    config = dict(type="mmdenoise.CBM3D", sigma=30)
    model = make_cascade(seg_head, config, sigma=30)
    batch = seg_batch((20, 24), (20, 24))
    with pytest.raises(RuntimeError, match="CBM3D .* not differentiable"):
        forward(model, batch, "loss", training=True)
    model.eval()
    with torch.no_grad():
        predictions = forward(model, batch, "predict")
    for sample in predictions:
        assert psnr(sample.noisy, sample.clean) > 18
        assert not torch.equal(sample.denoised, sample.noisy)
        assert sample.pred_sem_seg.data.shape[-2:] == sample.clean.shape[-2:]
    alone = CBM3D(sigma=30)(predictions[1].noisy[None])[0]
    assert torch.equal(alone, predictions[1].denoised)
    again = make_cascade(seg_head, config, sigma=30)
    again.load_state_dict(model.state_dict())


@needs_package
@pytest.mark.parametrize("sigma", [0, -1, math.nan, math.inf, "25", True])
def test_a_wrong_sigma(sigma):
    with pytest.raises(ValueError, match="sigma must be .* in 8-bit units"):
        CBM3D(sigma=sigma)


@needs_package
def test_wrong_options():
    with pytest.raises(ValueError, match="profile must be one of classic, np; got"):
        CBM3D(sigma=25, profile="fast")
    with pytest.raises(ValueError, match="threads must be"):
        CBM3D(sigma=25, threads=-1)


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(ImportError, match="pip install bm3d.*non-commercial use only"):
        CBM3D(sigma=25)
