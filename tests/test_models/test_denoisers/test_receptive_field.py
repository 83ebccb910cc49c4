"""``stride`` and ``reach``: what a denoiser says of its field, and what it sees."""

import pytest
import torch

from mmdenoise.registry import MODELS

NARROW = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=4,
    decoder_channels=4,
    stem_channels=2,
)
DENOISERS = [
    (dict(type="mmdenoise.IdentityDenoiser"), 1, 0),
    (NARROW, 4, 22),
    (dict(NARROW, fusion="sum", global_skip=False), 4, 22),
    (dict(NARROW, scales=2), 2, 8),
    (dict(NARROW, scales=4), 8, 50),
    (dict(NARROW, downsample="pool"), 4, 25),
    (dict(NARROW, scales=2, downsample="pool"), 2, 9),
    (dict(type="mmdenoise.DnCNN", channels=2), 1, 20),
    (dict(type="mmdenoise.DnCNN", channels=2, depth=3), 1, 3),
    (dict(type="mmdenoise.FFDNet", channels=2, sigma=25), 2, 25),
    (dict(type="mmdenoise.FFDNet", channels=2, sigma=25, depth=3), 2, 7),
]


def build_positive(config):
    """Make each input pixel of the field count: no ReLU is off, nothing cancels."""
    denoiser = MODELS.build(config).double().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in denoiser.parameters():
        draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
        # Kept to a size, or deep networks lose the far pixels in rounding.
        fan_in = max(parameter[0].numel(), 1) if parameter.dim() > 1 else 1
        parameter.data = (draw + 0.5) / fan_in
    return denoiser


def images(count, side):
    generator = torch.Generator().manual_seed(1)
    return torch.rand((count, 3, side, side), generator=generator, dtype=torch.float64)


def looks(denoiser, image, row, column):
    """How far one output pixel looks up, down, left and right, by gradients."""
    image = image.clone().requires_grad_()
    denoiser(image)[0, :, row, column].sum().backward()
    seen = image.grad[0].abs().sum(0)
    rows, columns = seen.sum(1).nonzero()[:, 0], seen.sum(0).nonzero()[:, 0]
    return (
        row - int(rows[0]),
        int(rows[-1]) - row,
        column - int(columns[0]),
        int(columns[-1]) - column,
    )


@pytest.mark.parametrize(("config", "stride", "reach"), DENOISERS)
def test_reach_and_stride(config, stride, reach):
    denoiser = build_positive(config)
    assert (denoiser.stride, denoiser.reach) == (stride, reach)
    # Max pooling passes one gradient of four, elsewhere at each image: many are tried.
    count = 12 if config.get("downsample") == "pool" else 1
    side = -(-(2 * reach + 2 * stride + 2) // stride) * stride
    corner = -(-reach // stride) * stride
    farthest = max(
        max(looks(denoiser, image[None], corner + phase, corner + phase))
        for image in images(count, side)
        for phase in range(stride)
    )
    assert farthest == reach


@pytest.mark.parametrize(("config", "stride", "reach"), DENOISERS)
def test_shifts_by_the_stride_and_no_other(config, stride, reach):
    denoiser = build_positive(config)
    side = -(-(2 * reach + 4 * stride + 8) // stride) * stride
    image = images(1, side)
    with torch.no_grad():
        whole = denoiser(image)
        for shift in range(1, stride + 1):
            shifted = denoiser(image[..., shift:, shift:])
            end = side - reach - shift
            ours = shifted[..., reach:end, reach:end]
            theirs = whole[..., reach + shift : side - reach, reach + shift :]
            theirs = theirs[..., : side - 2 * reach - shift]
            same = torch.allclose(ours, theirs, rtol=0, atol=1e-12)
            assert same == (shift % stride == 0)


@pytest.mark.parametrize(("config", "stride", "reach"), DENOISERS)
def test_a_tile_with_its_halo_is_the_whole(config, stride, reach):
    """What tiled inference builds on: crops at multiples of the stride."""
    denoiser = build_positive(config)
    halo = -(-reach // stride) * stride
    start = 2 * halo + 2 * stride
    size = 3 * stride
    image = images(1, 2 * start + size)
    crop = slice(start - halo, start + size + halo)
    with torch.no_grad():
        whole = denoiser(image)[..., start : start + size, start : start + size]
        tile = denoiser(image[..., crop, crop])
        tile = tile[..., halo : halo + size, halo : halo + size]
    torch.testing.assert_close(tile, whole, rtol=0, atol=1e-12)
