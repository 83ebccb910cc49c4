"""Speed: what is timed, how it is laid out, and what the tool refuses."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks.speed import (
    Timed,
    image_of,
    image_size,
    load_all,
    measure_speed,
    smooth_image,
    speed_table,
)


class Count(nn.Module):
    def __init__(self):
        super().__init__()
        self.shapes = []

    def forward(self, noisy):
        self.shapes.append(tuple(noisy.shape))
        return noisy


def test_every_method_gets_the_whole_image_in_every_round():
    one, other = Count(), Count()
    clean = smooth_image((20, 30))
    found = measure_speed(dict(one=one, other=other), clean, 25, 3, warm_up=2)
    assert one.shapes == other.shapes == [(1, 3, 20, 30)] * 5
    assert [len(timed.seconds) for timed in found.values()] == [3, 3]
    assert min(min(timed.seconds) for timed in found.values()) > 0


def test_the_noise_has_the_level_and_its_psnr_is_told():
    """An image whose values are far from both ends: clipping hides no noise."""
    clean = smooth_image((64, 96)) * 0.2 + 0.4
    assert torch.equal(smooth_image((64, 96)), smooth_image((64, 96)))
    found = measure_speed(dict(none=nn.Identity()), clean, 10, 1)
    # 20 log10(255 / 10), but for rounding, a twelfth of a level squared.
    expected = 10 * math.log10(255**2 / (10**2 + 1 / 12))
    assert found["none"].psnr == pytest.approx(expected, abs=0.1)


def test_each_precision_is_a_row_where_it_can_be(monkeypatch):
    monkeypatch.setattr("mmdenoise.precision._cpu_has_it", lambda: True)
    conv = nn.Conv2d(3, 3, 1, bias=False)
    nn.init.dirac_(conv.weight)
    given = dict(conv=nn.Sequential(conv), none=nn.Identity())
    found = measure_speed(
        given, smooth_image((8, 8)), 25, 1, precisions=["float32", "bfloat16"]
    )
    assert list(found) == ["conv, float32", "conv, bfloat16", "none, float32"]
    assert found["conv, float32"].psnr != found["conv, bfloat16"].psnr
    with pytest.raises(ValueError, match="given twice"):
        measure_speed(given, smooth_image((8, 8)), 25, 1, precisions=["float32"] * 2)


def test_a_table_by_hand():
    ours, other = Timed([1.0, 2.0, 4.0], 30.126), Timed([3.0, 4.0, 6.0], 29.0)
    text = speed_table(dict(ours=ours, other=other))
    assert text.splitlines()[0].startswith(
        "| | s / megapixel | quartiles | ratio to ours"
    )
    assert "| ours | 2 | 1.5 to 3 | 1.00 | 1.00 to 1.00 | 30.13 |" in text
    # Ratios within a round: 3, 2, 1.5.
    assert "| other | 4 | 3.5 to 5 | 2.00 | 1.75 to 2.50 | 29.00 |" in text


def test_an_image_of_ones_own(tmp_path, command):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    path = tmp_path / "clean.png"
    Image.fromarray(pixels).save(path)
    np.testing.assert_array_equal(
        (image_of(str(path)) * 255).round().permute(1, 2, 0), pixels
    )
    given = ["--denoiser", "n=IdentityDenoiser", "--image", path, "--rounds", "1"]
    run = command("benchmark", "speed", *map(str, given))
    assert run.code == 0 and "One image of 12x9" in run.out
    run = command("benchmark", "speed", *map(str, given[:3]), str(tmp_path / "no.png"))
    assert run.code == 1 and "no.png" in run.err


def test_sizes():
    assert image_size("768x512") == (512, 768)
    for wrong in ("768", "768x", "768X512", "-1x2"):
        with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
            image_size(wrong)
    with pytest.raises(ValueError, match="at least 1x1"):
        smooth_image((0, 5))


def test_a_method_that_fails_is_named():
    with pytest.raises(ValueError, match="^mine: no denoiser is called 'Gone'"):
        load_all([Method("mine", "Gone")], 25)


def test_the_command(command):
    given = [
        "--denoiser",
        "ours=multiscale_sigma25",
        "--denoiser",
        "n=IdentityDenoiser",
    ]
    given += ["--size", "40x30", "--rounds", "2", "--threads", "1", "--device", "cpu"]
    run = command("benchmark", "speed", *given)
    assert run.code == 0, run.err
    assert "\n| ours | " in run.out and "\n| n | " in run.out
    assert "One image of 40x30, 2 interleaved rounds; CPU" in run.out
