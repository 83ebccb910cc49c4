"""Scores as the paper's tables: averages by hand, its values beside ours."""

import csv
import io
import math

import pytest

from mmdenoise.benchmarks.score_log import Score
from mmdenoise.benchmarks.score_tables import (
    averages,
    averages_csv,
    images_csv,
    markdown,
)


def score(image, method="ours", sigma=25.0, psnr=30.0, data="mine", pixels=100):
    return Score(data, image, method, sigma, psnr, 0.9, 0.5, pixels)


def test_averages_by_hand():
    scores = [
        score("a.png", psnr=30.0),
        score("b.png", psnr=31.0, pixels=300),
        score("a.png", sigma=50.0, psnr=27.0),
    ]
    first, second = averages(scores)
    assert (first.images, first.psnr, first.sigma) == (2, 30.5, 25)
    # All seconds over all pixels, not the mean of the images' rates.
    assert first.seconds == pytest.approx(1.0 / 400 * 1e6)
    assert (second.images, second.psnr, second.paper) == (1, 27, None)


@pytest.fixture
def kodak():
    """All 24 images, ours 0.5 dB above the paper's first and second, FFDNet below."""
    names = [f"kodim{number:02}.png" for number in range(1, 25)]
    return [score(n, "ours", psnr=32.0, data="kodak24") for n in names] + [
        score(n, "FFDNet", psnr=31.0, data="kodak24") for n in names
    ]


def test_the_papers_values_stand_beside_ours(kodak):
    ours, ffdnet = averages(kodak)
    assert (ours.paper, ffdnet.paper) == (32.39, 32.25)
    text = markdown(kodak, 0)
    assert "24 images, noise seed 0. The paper's values in parentheses." in text
    assert "| σ = 25 | **32.00** (32.39) | 31.00 (32.25) |" in text
    assert "| kodim01.png | **32.00** (29.76) | 31.00 (29.65) |" in text
    assert "| Average | **32.00** (32.39) | 31.00 (32.25) |" in text


def test_less_than_all_images_says_so_and_never_wins(kodak):
    some = [s for s in kodak if s.method == "FFDNet" or s.image == "kodim01.png"]
    assert averages(some)[0].paper == 29.76
    text = markdown(some, 0)
    assert "| σ = 25 | 32.00 (29.76) [1 of 24] | 31.00 (32.25) |" in text


def test_ties_as_printed_are_both_best():
    text = markdown([score("a", "one", psnr=30.001), score("a", "two", psnr=30.0)], 3)
    assert "| σ = 25 | **30.00** | **30.00** |" in text
    assert "1 image, noise seed 3.\n" in text


def test_a_name_cannot_break_the_table():
    text = markdown([score("a|b.png", "x|y")], 0)
    assert "x\\|y" in text and "a\\|b.png" in text


def test_csv_has_all_digits(kodak):
    rows = list(csv.DictReader(io.StringIO(images_csv(kodak, 7))))
    assert len(rows) == 48
    assert rows[0]["paper_psnr"] == "29.76" and rows[0]["seed"] == "7"
    (ours, ffdnet) = csv.DictReader(io.StringIO(averages_csv(kodak, 7)))
    assert math.isclose(float(ours["difference"]), 32 - 32.39, abs_tol=1e-9)
    assert float(ffdnet["psnr"]) == 31 and ffdnet["images"] == "24"
