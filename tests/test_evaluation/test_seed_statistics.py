"""Means and standard deviations over seeds."""

import math

import pytest

from mmdenoise.evaluation.kept_cells import CellResult
from mmdenoise.evaluation.seed_statistics import summary


def test_summary():
    found = summary(
        [CellResult(dict(mIoU=value, PSNR=30.0), []) for value in (1.0, 2.0, 6.0)],
        ["mIoU", "PSNR", "SSIM"],
    )
    # Sample standard deviation: ((2 + 1 + 3)^2 ... by hand: sqrt((4 + 1 + 9) / 2).
    assert found["mIoU"] == pytest.approx((3.0, math.sqrt(7)))
    assert found["PSNR"] == (30.0, 0.0)
    assert "SSIM" not in found, "what was not measured is no number"


def test_summary_of_one_seed_has_no_spread():
    assert summary([CellResult(dict(mIoU=5.0), [])], ["mIoU"]) == {"mIoU": (5.0, 0.0)}
