"""The plot shows the averages, and the paper's as hollow marks."""

import pytest

from mmdenoise.benchmarks.psnr_plot import plot_psnr
from mmdenoise.benchmarks.score_tables import Average

pytest.importorskip("matplotlib")


def average(method, sigma, psnr, paper=None, data="kodak24"):
    return Average(data, method, sigma, 24, psnr, 0.9, 1.0, paper)


def test_lines_and_marks():
    figure = plot_psnr(
        [
            average("ours", 50, 29.0, 29.27),
            average("ours", 25, 32.0, 32.39),
            average("other", 25, 31.0),
            average("ours", 25, 31.0, 31.32, data="cbsd68"),
        ]
    )
    kodak, cbsd = figure.axes
    assert kodak.get_title() == "kodak24, 24 images"
    lines = {line.get_label(): line for line in kodak.get_lines()}
    assert list(lines["ours"].get_xdata()) == [25, 50]
    assert list(lines["ours"].get_ydata()) == [32.0, 29.0]
    hollow = [x for x in kodak.get_lines() if x.get_fillstyle() == "none"]
    assert list(cbsd.get_lines()[0].get_ydata()) == [31.0]
    assert [32.39, 29.27] in [list(line.get_ydata()) for line in hollow]
    # One colour a method, in every panel.
    assert cbsd.get_lines()[0].get_color() == lines["ours"].get_color()
    assert lines["other"].get_color() != lines["ours"].get_color()
