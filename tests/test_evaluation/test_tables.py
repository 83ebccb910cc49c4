"""Tables of results: Markdown, LaTeX, CSV."""

import math

import numpy as np

from mmdenoise.evaluation.kept_cells import CellResult
from mmdenoise.evaluation.seed_statistics import columns, summary
from mmdenoise.evaluation.tables import (
    csv_text,
    interval_text,
    latex_table,
    markdown_table,
    table,
)


def test_table():
    rows = dict(
        clean={"mIoU": (78.9, 0.0), "PSNR": (math.inf, math.nan), "SSIM": (1.0, 0.0)},
        joint={"mIoU": (50.126, 1.5), "PSNR": (26.0, 0.0), "SSIM": (0.71236, 0.0004)},
    )
    assert table(rows, ["mIoU", "PSNR", "SSIM"]).splitlines() == [
        "| | mIoU | PSNR | SSIM |",
        "|---|---:|---:|---:|",
        "| clean | 78.90 | exact | 1.0000 |",
        "| joint | 50.13 ± 1.50 | 26.00 | 0.7124 ± 0.0004 |",
    ]


def test_the_table_of_exact_images_from_their_results():
    """Two exact runs have no spread to speak of: inf minus inf is not a number."""
    exact = [CellResult(dict(PSNR=math.inf), [])] * 2
    assert summary(exact[:1], ["PSNR"])["PSNR"] == (math.inf, 0.0)
    with np.errstate(invalid="ignore"):
        text = table(dict(clean=summary(exact, ["PSNR"])), ["PSNR"])
    assert text.splitlines()[-1] == "| clean | exact |"


def test_rows_of_other_tasks_and_columns_for_all_of_them():
    metrics = dict(
        seg={"mIoU": 78.9, "PSNR": math.inf, "PSNR_exact": 3.0},
        cls={"accuracy/top1": 91.25, "PSNR": 26.0, "PSNR_exact": 1.0},
        depth={"abs_rel": 0.05123, "PSNR": 25.0},
    )
    assert columns([metrics["seg"], metrics["depth"]]) == ["mIoU", "PSNR", "abs_rel"]
    keys = columns(metrics.values())
    assert keys == ["mIoU", "PSNR", "accuracy/top1", "PSNR_exact", "abs_rel"]
    rows = {
        name: summary([CellResult(row, [])], keys[:-2] + keys[-1:])
        for name, row in metrics.items()
    }
    assert table(rows, keys).splitlines()[2:] == [
        "| seg | 78.90 | exact | – | – | – |",
        "| cls | – | 26.00 | 91.25 | – | – |",
        "| depth | – | 25.00 | – | – | 0.0512 |",
    ]


def test_markdown_escapes_bars_and_has_one_line_a_row():
    assert markdown_table(["", "a|b"], [["x", "1"], ["", "2"]]).splitlines() == [
        "| | a\\|b |",
        "|---|---:|",
        "| x | 1 |",
        "| | 2 |",
    ]


def test_latex():
    text = latex_table(["", "σ = 15"], [["a_b & c", "**9.5**"], ["50%", "1 ± 2"]])
    assert text.splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r" & $\sigma$ = 15 \\",
        r"\midrule",
        r"a\_b \& c & \textbf{9.5} \\",
        r"50\% & 1 $\pm$ 2 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_csv():
    assert csv_text([["a", "b,c"], [1, None]]) == 'a,"b,c"\n1,\n'


def test_an_interval():
    assert interval_text(5.278, 0.8333, 9.722) == "+5.28 [+0.833, +9.72]"
    # Of equal scores, by way of averages.
    assert interval_text(1.42e-14, -6.67, 0) == "+0 [-6.67, +0]"
