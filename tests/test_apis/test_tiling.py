"""Tiles: they cover an image once, start on the grid, and give what the whole gives."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdenoise.apis import denoise
from mmdenoise.apis.tiling import Tiling, spans, tiling_of
from mmdenoise.registry import MODELS

SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)


class Mean(nn.Module):
    """Without a finite field: every pixel becomes the mean of what is seen."""

    def forward(self, noisy):
        return noisy.mean((-2, -1), keepdim=True).expand_as(noisy)


class Blur(nn.Module):
    """A finite field that does not say so."""

    def forward(self, noisy):
        kernel = noisy.new_full((3, 1, 5, 5), 1 / 25)
        padded = F.pad(noisy, (2, 2, 2, 2), mode="replicate")
        return F.conv2d(padded, kernel, groups=3)


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 257, 1000])
@pytest.mark.parametrize("stride, halo", [(1, 3), (4, 24)])
def test_kept_parts_cover_a_side_once(length, stride, halo):
    found = spans(length, Tiling(64, stride, halo, blend=False))
    kept = [pixel for span in found for pixel in range(length)[span.kept]]
    assert kept == list(range(length))
    for span in found:
        assert span.start % stride == 0 and span.stop - span.start <= 64
        assert span.keep_start - span.start == min(halo, span.keep_start)
        assert span.stop - span.keep_stop == min(halo, length - span.keep_stop)
    if length > 64:
        lengths = [span.keep_stop - span.keep_start for span in found]
        assert max(lengths) - min(lengths[:-1]) == 0


def test_what_a_denoiser_gets():
    network = MODELS.build(SMALL)
    assert (network.reach, network.stride) == (22, 4)
    assert tiling_of(network, None) == Tiling(512, 4, 24, blend=False)
    assert tiling_of(network, 0).size == 0
    assert tiling_of(nn.Identity(), None) == Tiling(0, 1, 1, blend=True)
    assert tiling_of(nn.Identity(), 64) == Tiling(64, 1, 8, blend=True)
    plain = nn.Conv2d(3, 3, 3, padding=1)  # its stride is a pair
    assert tiling_of(plain, None) == Tiling(0, 1, 1, blend=True)
    assert denoise(plain, torch.rand(3, 20, 30), tile=16).shape == (3, 20, 30)
    with pytest.raises(ValueError, match="halo of 24 px on each side, so at least 52"):
        tiling_of(network, 51)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        tiling_of(network, -1)


@pytest.mark.parametrize("options", [dict(), dict(scales=2), dict(downsample="pool")])
@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("size", [(97, 150), (40, 211), (1, 300), (150, 2)])
def test_tiles_give_the_whole_image(options, merged, size):
    network = MODELS.build(dict(SMALL, **options)).double().eval()
    network = network.for_inference() if merged else network
    image = torch.rand(3, *size, dtype=torch.float64)
    whole = denoise(network, image, tile=0)
    assert torch.allclose(denoise(network, image, tile=60), whole, atol=1e-12)


def test_a_halo_less_than_the_reach_shows():
    """The test above can fail: a network that understates its field leaves seams."""
    network = MODELS.build(SMALL).double().eval()
    image = torch.rand(3, 97, 150, dtype=torch.float64)
    whole = denoise(network, image, tile=0)
    network.reach = 12
    assert not torch.allclose(denoise(network, image, tile=60), whole, atol=1e-6)


def test_blended_tiles():
    """Weights add up to 1, and a field within the overlap leaves no seam inside."""
    flat = torch.full((3, 90, 130), 0.3)
    assert torch.allclose(denoise(Mean(), flat, tile=32), flat, atol=1e-6)
    image = torch.rand(3, 90, 130)
    whole, tiled = (denoise(Blur(), image, tile=tile) for tile in (0, 64))
    assert (whole - tiled).abs().mean() < 2e-3
    assert not torch.equal(denoise(Mean(), image, tile=32), denoise(Mean(), image))


def test_progress_is_told_in_pixels():
    seen = []
    network = MODELS.build(SMALL).eval()
    image = torch.rand(3, 100, 70)
    denoise(network, image, tile=60, progress=lambda *args: seen.append(args))
    assert len(seen) > 4 and seen[-1] == (7000, 7000)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
