"""Artefacts by hand: a denoiser that does nothing, and one that paints dots."""

import math

import pytest
import torch

from mmdenoise.benchmarks import artefacts
from mmdenoise.benchmarks.artefacts import (
    MEASURES,
    grid_amplitude,
    measure_artefacts,
)


@pytest.fixture(autouse=True)
def _few_leaves(monkeypatch):
    monkeypatch.setattr(artefacts, "LEAVES", 40)


def dots(image, period, height):
    painted = image.clone()
    painted[..., ::period, ::period] += height / 255
    return painted


@pytest.mark.parametrize("period", [2, 4])
def test_an_amplitude_by_hand(period):
    flat = torch.full((3, 17, 22), 0.5)
    assert grid_amplitude(flat, period) < 1e-4
    share = 1 / period**2
    expected = 8 * math.sqrt(share * (1 - share))
    assert grid_amplitude(dots(flat, period, 8), period) == pytest.approx(
        expected, rel=1e-4
    )
    # Dots of period 4 show at period 2 as well, a quarter as high.
    if period == 4:
        seen = grid_amplitude(dots(flat[:, :16, :20], 4, 8), 2)
        assert seen == pytest.approx(2 * math.sqrt(3 / 16), rel=1e-4)
    stripes = flat.clone()
    stripes[..., ::3] += 0.1
    assert grid_amplitude(stripes[..., :21], 3) > 10
    assert grid_amplitude(stripes[:, :12, :12], 2) < 1e-4


def test_nothing_is_done():
    found = measure_artefacts(lambda noisy: noisy, 25)
    assert tuple(found) == MEASURES
    assert [found[name] for name in ("black", "grey", "white", "bars")] == [0] * 4
    # Noise alone: 25 levels over the root of the number of cells.
    for period in (2, 4):
        floor = 25 / math.sqrt((192 / period) ** 2)
        assert 0.5 * floor < found[f"period {period}"] < 1.3 * floor
    # Scores are those of 8-bit files, which clip what noise is not clipped yet.
    assert found["float"] == found["8 bits"] > 20.17


def test_dots_are_found():
    found = measure_artefacts(lambda noisy: dots(noisy, 4, 20), 5)
    for name in ("black", "grey", "white", "bars"):
        assert found[name] == pytest.approx(20, abs=1e-3)
    assert found["period 4"] == pytest.approx(20 * math.sqrt(15) / 16, rel=0.05)


def test_one_that_knows_no_clipping():
    """It takes all noise away, and keeps the mean that clipping moved."""
    found = measure_artefacts(
        lambda noisy: noisy.clamp(0.1, 0.9) if noisy.shape[-1] == 256 else noisy, 25
    )
    assert found["black"] == 0 and found["bars"] == pytest.approx(25.5, abs=0.01)


def test_the_command(command):
    options = ("--denoiser", "none=IdentityDenoiser", "--sigma", "10")
    done = command("benchmark", "artefacts", *options)
    lines = done.out.splitlines()
    head = "| | " + " | ".join(MEASURES) + " |"
    assert head in lines and lines[-1].startswith("| none | 0.00 | 0.00 | 0.00 |")
    assert "name what is measured" in command("benchmark", "artefacts").error
