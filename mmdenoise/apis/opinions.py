"""From files of raters' answers to opinion scores (Section IV-B1, Figure 5)."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.opinions import (
    Screened,
    bradley_terry,
    bradley_terry_interval,
    check_scipy,
    kendall_w,
    mean_opinion_scores,
    screen_bt500,
    screen_chance,
    screen_p910,
)
from mmdenoise.output_checks import refuse_existing
from mmdenoise.visualization.opinion_chart import plot_opinions

from .study_answers import read_answers, read_key

__all__ = ["SCREENINGS", "Opinions", "collect_opinions", "write_opinions"]

SCREENINGS: dict[str, Callable[[np.ndarray], list[Screened]]] = {
    "chance": screen_chance,
    "p910": screen_p910,
    "bt500": screen_bt500,
    "none": lambda scores: [],
}


@dataclass
class Opinions:
    """What raters think of some methods.

    Attributes:
        methods: Names, M of them.
        means: (M,) mean opinion scores, 1 (worst) to M (best).
        halves: (M,) half widths of their 95% intervals; NaN of one rater.
        strengths: (M,) Bradley-Terry scores, of mean 0.
        strength_interval: (2, M) their 95% bootstrap intervals.
        first: (M,) share of the rankings in which a method is the best.
        agreement: (I,) Kendall's W of each image.
        raters: How many answers count.
        images: How many images were ranked.
        screened: Files whose answers do not count, and why.
    """

    methods: list[str]
    means: np.ndarray
    halves: np.ndarray
    strengths: np.ndarray
    strength_interval: np.ndarray
    first: np.ndarray
    agreement: np.ndarray
    raters: int
    images: int
    screened: dict[str, str]

    def markdown(self) -> str:
        """A table, best first, and what it rests on."""
        lines = [
            "| method | mean opinion score | Bradley-Terry score | ranked best |",
            "|---|---:|---:|---:|",
        ]
        for i in np.argsort(-self.means, kind="stable"):
            low, high = self.strength_interval[:, i]
            half = self.halves[i]
            mean = f"{self.means[i]:.2f}" + (f" ± {half:.2f}" if half == half else "")
            bounds = f" [{low:+.2f}, {high:+.2f}]" if half == half else ""
            cells = f"{mean} | {self.strengths[i]:+.2f}{bounds} | {self.first[i]:.0%}"
            lines.append(f"| {self.methods[i]} | {cells} |")
        low, high = self.agreement.min(), self.agreement.max()
        lines += [
            "",
            f"{self.raters} rater{'s' * (self.raters != 1)}, {self.images} "
            f"image{'s' * (self.images != 1)}; 95% intervals. Kendall's W "
            f"{self.agreement.mean():.2f} on average, images: {low:.2f} to {high:.2f}.",
        ]
        for name, reason in self.screened.items():
            lines.append(f"Screened out: {name}: {reason}.")
        return "\n".join(lines)

    def csv(self) -> str:
        """All digits, a row a method."""
        file = io.StringIO()
        writer = csv.writer(file)
        columns = ["method", "mos", "mos_half_interval", "bradley_terry"]
        columns += ["bradley_terry_low", "bradley_terry_high", "ranked_best"]
        writer.writerow(columns)
        rows = zip(
            self.means,
            self.halves,
            self.strengths,
            *self.strength_interval,
            self.first,
        )
        for method, row in zip(self.methods, rows):
            writer.writerow([method, *map(float, row)])
        return file.getvalue()


def collect_opinions(
    key_path: str, paths: Sequence[str], screening: str = "chance"
) -> Opinions:
    """Score methods by raters' rankings.

    Args:
        key_path: The study's key.
        paths: Files that the page saved, one a rater.
        screening: Whom to discard: ``'chance'``, those who agree with the others no
            better than chance; ``'p910'`` or ``'bt500'``, by the rule of ITU-T P.910 or
            ITU-R BT.500; or ``'none'``.

    Raises:
        FileNotFoundError, ValueError: If the key or an answer cannot be used: every bad
            file, a line each.
        ImportError: If scipy is missing.
    """
    check_scipy()
    key = read_key(key_path)
    scores = read_answers(key, paths)
    screened = SCREENINGS[screening](scores)
    out = [one.rater for one in screened]
    kept = np.delete(scores, out, axis=0)
    if 2 * len(kept) < len(scores):
        raise ValueError(
            f"the screening {screening!r} discards {len(out)} of {len(scores)} raters: "
            "they do not agree on these images; --screening none counts them all"
        )
    means, halves = mean_opinion_scores(kept)
    return Opinions(
        methods=key["methods"],
        means=means,
        halves=halves,
        strengths=bradley_terry(kept),
        strength_interval=bradley_terry_interval(kept),
        first=(kept == kept.shape[2]).mean(axis=(0, 1)),
        agreement=kendall_w(kept),
        raters=len(kept),
        images=kept.shape[1],
        screened={paths[one.rater]: one.reason for one in screened},
    )


def write_opinions(opinions: Opinions, out: str, overwrite: bool = False) -> list[str]:
    """Write ``opinions.md``, ``opinions.csv`` and the chart ``opinions.png``.

    Args:
        opinions: From :func:`collect_opinions`.
        out: Folder for the files.
        overwrite: Replace files of these names.

    Returns:
        The files' paths.

    Raises:
        FileExistsError: If one is there already.
    """
    paths = [os.path.join(out, f"opinions.{kind}") for kind in ("md", "csv", "png")]
    refuse_existing(paths, overwrite)
    chart = plot_opinions(
        opinions.methods, opinions.means, opinions.halves, opinions.raters
    )
    for path, text in zip(paths, (opinions.markdown() + "\n", opinions.csv())):
        with atomic_path(path) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    with atomic_path(paths[2]) as temporary:
        chart.savefig(temporary)
    return paths
