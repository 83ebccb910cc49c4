"""What a sweep found, in Markdown, LaTeX and CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from mmdenoise.apis.denoiser_precision import precision_in
from mmdenoise.apis.head_report import HeadReport
from mmdenoise.apis.methods import CLEAN, NOISY
from mmdenoise.evaluation.tables import csv_text, latex_table, markdown_table

__all__ = ["report_csv", "report_latex", "report_text"]


def _titles(report: HeadReport) -> list[str]:
    return ["noise", "metric", *report.methods]


def report_text(reports: Sequence[HeadReport]) -> str:
    """Lay a sweep out in Markdown."""
    parts = []
    for one in reports:
        count, seeds = one.grid.bench.count, len(one.grid.found[NOISY, _first(one)])
        parts.append(f"## {one.head}")
        parts.append(
            f"{count} images, {seeds} noise seed{'s' * (seeds != 1)}. `{NOISY}` is the "
            f"head alone. Denoised in {precision_in(one.grid.bench.cfg)}."
        )
        parts.append(markdown_table(_titles(one), one.scores()))
        parts.append(
            f"### Shares of {one.score}\n\nPercent of the clean score / percent of "
            "what the noise took that was recovered."
        )
        parts.append(markdown_table(["noise", *one.methods], one.shares()))
        parts.append(
            "### Robustness\n\nMean corruption error relative to the head alone, "
            "relative performance under corruption, expected calibration error under "
            "noise; all in percent."
        )
        parts.append(markdown_table(["", "mCE", "rPC", "ECE"], one.robustness()))
        if one.pairs:
            parts.append("### Differences\n\n95% paired bootstrap intervals.")
            titles = ["", "noise", *one.keys]
            parts.append(markdown_table(titles, one.differences()))
        if one.grid.left_out:
            parts.append(
                f"Left out, no single numbers: {', '.join(one.grid.left_out)}."
            )
    return "\n\n".join(parts)


def _first(report: HeadReport) -> str:
    return report.noises[0].label


def report_latex(reports: Sequence[HeadReport]) -> str:
    """Lay the main tables out for LaTeX."""
    return "\n\n".join(
        f"% {one.head}\n{latex_table(_titles(one), one.scores())}" for one in reports
    )


def report_csv(reports: Sequence[HeadReport]) -> str:
    """One line a head, noise, method and metric, with all digits."""
    names = ["head", "noise", "kind", "method", "metric", "images", "noise_seeds"]
    lines: list[list] = [[*names, "mean", "std", "low", "high"]]
    for one in reports:
        count = one.grid.bench.count
        for key in one.keys:
            value = one.grid.clean[0].metrics.get(key, math.nan)
            line = [one.head, CLEAN, "", NOISY, key, count, 1, value, "", "", ""]
            lines.append(line)
        for noise in one.noises:
            for method in one.methods:
                for key in one.keys:
                    values = one.values(method, noise.label, key)
                    spread = stdev(values) if len(values) > 1 else ""
                    _, low, high = one.interval(method, noise.label, key)
                    line = [one.head, noise.label, noise.kind, method, key, count]
                    line += [len(values), fmean(values), spread, low, high]
                    lines.append(line)
    return csv_text(lines)
