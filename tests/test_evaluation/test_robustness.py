"""Summaries of robustness, by hand."""

import math

import pytest

from mmdenoise.evaluation.robustness import (
    error_of,
    mean_corruption_error,
    recovered_share,
    relative_performance,
)


@pytest.mark.parametrize(
    "metric, value, error",
    [
        ("accuracy/top1", 83.3, 16.7),
        ("mIoU", 60.0, 40.0),
        ("mIoU7", 60.0, 40.0),
        ("single-label/f1-score", 70.0, 30.0),
        ("d1", 0.75, 0.25),
        ("abs_rel", 0.2, 0.2),
        ("PSNR", 30.0, None),
        ("somebody's", 1.0, None),
    ],
)
def test_errors(metric, value, error):
    found = error_of(metric, value)
    assert found == (None if error is None else pytest.approx(error))


def test_mean_corruption_error():
    base = dict(shot=[40.0, 60.0], gaussian=[50.0])
    assert mean_corruption_error(base, base) == 100
    own = dict(shot=[20.0, 30.0], gaussian=[10.0])
    assert mean_corruption_error(own, base) == pytest.approx((50 + 20) / 2)
    assert math.isnan(mean_corruption_error(dict(a=[1.0]), dict(a=[0.0])))


def test_relative_performance():
    scores = dict(shot=[40.0, 60.0], gaussian=[30.0])
    assert relative_performance(scores, 80.0) == pytest.approx(100 * 40 / 80)
    assert math.isnan(relative_performance(scores, 0.0))


def test_recovered_share():
    assert recovered_share(50.0, 10.0, 90.0) == 50
    assert recovered_share(10.0, 10.0, 90.0) == 0
    assert recovered_share(5.0, 10.0, 90.0) < 0
    assert math.isnan(recovered_share(5.0, 10.0, 10.0))
