"""Scores of denoisers as the paper's tables, in Markdown and in CSV.

A cell of a Markdown table is ours, then the paper's value in parentheses where it has
one: ``32.41 (32.39)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from mmdenoise.benchmarks.published import paper_average, paper_psnr
from mmdenoise.benchmarks.score_log import Score
from mmdenoise.evaluation.tables import NONE, csv_text, markdown_table

__all__ = ["Average", "averages", "averages_csv", "images_csv", "markdown"]


class Average(NamedTuple):
    """One method on one data set at one noise level.

    Attributes:
        data: Name of the data set.
        method: Name of the method.
        sigma: Noise level in 8-bit units.
        images: How many images it has a score for.
        psnr: Mean over these images, in dB.
        ssim: Mean over these images.
        seconds: Per megapixel, all images together.
        paper: PSNR that the paper prints for them; None if it prints none.
    """

    data: str
    method: str
    sigma: float
    images: int
    psnr: float
    ssim: float
    seconds: float
    paper: float | None


def averages(scores: Sequence[Score]) -> list[Average]:
    """Average over images, in the order in which methods and levels come."""
    groups: dict[tuple, list[Score]] = {}
    for score in scores:
        groups.setdefault((score.data, score.method, score.sigma), []).append(score)
    found = []
    for (data, method, sigma), group in groups.items():
        pixels = sum(score.pixels for score in group)
        found.append(
            Average(
                data,
                method,
                sigma,
                len(group),
                math.fsum(score.psnr for score in group) / len(group),
                math.fsum(score.ssim for score in group) / len(group),
                sum(score.seconds for score in group) / pixels * 1e6,
                paper_average(data, [s.image for s in group], method, sigma),
            )
        )
    return found


def markdown(scores: Sequence[Score], seed: int) -> str:
    """Lay scores out: for each data set averages as Table III, then images as Table II.

    The best PSNR and SSIM of a level stand in bold, as in the paper.

    Args:
        scores: In any order; rows and columns come in the order of first appearance.
        seed: Seed of the noise, for the heading.
    """
    parts = []
    for data in _unique(score.data for score in scores):
        own = [score for score in scores if score.data == data]
        images = _unique(score.image for score in own)
        count = f"{len(images)} image" + "s" * (len(images) != 1)
        note = f"{count}, noise seed {seed}."
        if any(average.paper is not None for average in averages(own)):
            note += " The paper's values in parentheses."
        parts.append(f"## {data}\n\n{note}")
        parts.append("### Average PSNR, dB\n\n" + _average_table(own, "psnr"))
        parts.append("### Average SSIM\n\n" + _average_table(own, "ssim"))
        parts.append("### PSNR of each image, dB\n\n" + _image_table(own, "psnr"))
        parts.append("### SSIM of each image\n\n" + _image_table(own, "ssim"))
    return "\n\n".join(parts) + "\n"


def _average_table(scores: list[Score], metric: str) -> str:
    """Table III: rows are levels, columns are methods."""
    methods = _unique(score.method for score in scores)
    cells = {(a.sigma, a.method): a for a in averages(scores)}
    total = len(_unique(score.image for score in scores))
    rows = []
    for sigma in _unique(score.sigma for score in scores):
        row = [cells.get((sigma, method)) for method in methods]
        rows.append([f"σ = {sigma:g}", *_average_cells(row, metric, total)])
    return markdown_table(["", *methods], rows)


def _image_table(scores: list[Score], metric: str) -> str:
    """Table II: rows are images, columns are methods within levels."""
    columns = [
        (sigma, method)
        for sigma in _unique(score.sigma for score in scores)
        for method in _unique(score.method for score in scores)
    ]
    cells = {(s.image, s.sigma, s.method): s for s in scores}
    means = {(a.sigma, a.method): a for a in averages(scores)}
    images = _unique(score.image for score in scores)
    levels = _unique(sigma for sigma, _ in columns)
    rows = []
    for image in images:
        row = [image]
        for sigma in levels:
            own = [cells.get((image, *c)) for c in columns if c[0] == sigma]
            papers = [s and paper_psnr(s.data, image, s.method, sigma) for s in own]
            row += _cells([s and getattr(s, metric) for s in own], papers, metric)
        rows.append(row)
    row = ["Average"]
    for sigma in levels:
        own = [means.get(column) for column in columns if column[0] == sigma]
        row += _average_cells(own, metric, len(images))
    names = [f"σ = {sigma:g}: {method}" for sigma, method in columns]
    return markdown_table(["Image", *names], [*rows, row])


def _average_cells(row: list, metric: str, total: int) -> list[str]:
    """Averages over fewer than all images say so, and are never the best."""
    cells = _cells(
        [a and getattr(a, metric) for a in row],
        [a and a.paper for a in row],
        metric,
        [a is not None and a.images == total for a in row],
    )
    return [
        f"{cell} [{a.images} of {total}]"
        if a is not None and a.images < total
        else cell
        for cell, a in zip(cells, row)
    ]


def _cells(
    values: list, papers: list, metric: str, may_win: Sequence[bool] | None = None
) -> list[str]:
    """Print the values of one row and level, the best in bold."""
    digits = 2 if metric == "psnr" else 4
    texts = [NONE if value is None else f"{value:.{digits}f}" for value in values]
    allowed = [
        value is not None and (may_win is None or may_win[index])
        for index, value in enumerate(values)
    ]
    rivals = [value for value, ok in zip(values, allowed) if ok]
    if len(rivals) > 1:
        # As printed: what looks equal is equally good.
        best = f"{max(rivals):.{digits}f}"
        texts = [
            f"**{text}**" if ok and text == best else text
            for text, ok in zip(texts, allowed)
        ]
    if metric == "psnr":
        texts = [
            text if paper is None else f"{text} ({paper:.2f})"
            for text, paper in zip(texts, papers)
        ]
    return texts


def images_csv(scores: Sequence[Score], seed: int) -> str:
    """One line an image, method and level."""
    names = ["data", "image", "method", "sigma", "seed", "psnr", "paper_psnr", "ssim"]
    lines = [[*names, "seconds", "pixels"]]
    for s in scores:
        paper = paper_psnr(s.data, s.image, s.method, s.sigma)
        line = [s.data, s.image, s.method, f"{s.sigma:g}", seed, f"{s.psnr:.4f}"]
        line += ["" if paper is None else f"{paper:.2f}", f"{s.ssim:.6f}"]
        lines.append([*line, f"{s.seconds:.4f}", s.pixels])
    return csv_text(lines)


def averages_csv(scores: Sequence[Score], seed: int) -> str:
    """One line a method and level on a data set."""
    names = ["data", "images", "method", "sigma", "seed", "psnr", "paper_psnr"]
    lines = [[*names, "difference", "ssim", "seconds_per_megapixel"]]
    for a in averages(scores):
        line = [a.data, a.images, a.method, f"{a.sigma:g}", seed, f"{a.psnr:.4f}"]
        if a.paper is None:
            line += ["", ""]
        else:
            line += [f"{a.paper:.2f}", f"{a.psnr - a.paper:+.4f}"]
        lines.append([*line, f"{a.ssim:.6f}", f"{a.seconds:.4f}"])
    return csv_text(lines)


def _unique(items) -> list:
    return list(dict.fromkeys(items))
