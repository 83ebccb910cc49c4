"""One head's part of a sweep: rows of its tables, lines of its plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

import numpy as np

from mmdenoise.apis.method_grid import Column, Grid
from mmdenoise.apis.methods import CLEAN, NOISY
from mmdenoise.evaluation.bootstrap import Interval, interval, resampled
from mmdenoise.evaluation.robustness import (
    error_of,
    mean_corruption_error,
    recovered_share,
    relative_performance,
)
from mmdenoise.evaluation.seed_statistics import columns
from mmdenoise.evaluation.tables import NONE, cell_text, interval_text
from mmdenoise.visualization.sweep_plot import Line, Panel

__all__ = ["HeadReport"]

IMAGE_METRICS = ("PSNR", "SSIM")
BESIDE = (*IMAGE_METRICS, "PSNR_exact", "ECE")


class HeadReport:
    """One head's part of a sweep.

    Args:
        head: Its name.
        grid: What was found.
        noises: The grid's columns.
        keys: Metrics wanted; the first one that the head has is its score.
        differences: Pairs of methods.
        resamples: Of the bootstrap.
    """

    def __init__(
        self,
        head: str,
        grid: Grid,
        noises: Sequence[Column],
        keys: Sequence[str] = (),
        differences: Sequence[tuple[str, str]] = (),
        resamples: int = 1000,
    ) -> None:
        self.head, self.grid, self.noises = head, grid, noises
        self.methods = list(dict.fromkeys(name for name, _ in grid.found))
        known = columns(result.metrics for result in grid.results)
        wanted = keys or [*_task_metrics(known), *IMAGE_METRICS]
        self.keys = [key for key in wanted if key in known]
        if not self.keys:
            raise ValueError(
                f"{head}: no metric is called {', '.join(wanted)}; it has "
                f"{', '.join(known)}"
            )
        self.score = self.keys[0]
        self.pairs = [pair for pair in differences if self._has(pair)]
        evaluator = grid.bench.evaluator
        self._draws = {
            where: resampled(evaluator, found, resamples, keys=self.keys)
            for where, found in grid.found.items()
        }
        self._clean_draws = resampled(evaluator, grid.clean, resamples, keys=self.keys)

    def _has(self, pair: tuple[str, str]) -> bool:
        return all(name in (CLEAN, *self.methods) for name in pair)

    def values(self, method: str, label: str, key: str) -> list[float]:
        """A metric under each noise seed; NaN where a result lacks it."""
        found = self.grid.of(method, label)
        return [result.metrics.get(key, math.nan) for result in found]

    def mean(self, method: str, label: str, key: str) -> float:
        """A metric, averaged over noise seeds."""
        return fmean(self.values(method, label, key))

    @property
    def clean(self) -> float:
        """The head's score on clean images."""
        return self.grid.clean[0].metrics[self.score]

    def interval(self, method: str, label: str, key: str) -> Interval:
        """A metric with its 95% bootstrap interval over images."""
        draws = self._draws[method, label]
        if key not in draws:  # of a metric that keeps no entry an image
            return (self.mean(method, label, key),) * 3
        return interval(draws[key])

    def difference(self, pair: tuple[str, str], label: str, key: str) -> Interval:
        """A method minus another, with its 95% paired bootstrap interval."""
        first, second = (
            self._clean_draws if name == CLEAN else self._draws[name, label]
            for name in pair
        )
        missing = np.array([math.nan])
        return interval(first.get(key, missing) - second.get(key, missing))

    def scores(self) -> Iterator[list[str]]:
        """Rows of the main table: noise, metric, then a cell a method."""
        digits = {key: self._digits(key) for key in self.keys}
        for key in self.keys:
            value = self.grid.clean[0].metrics.get(key)
            if value is not None and key not in IMAGE_METRICS:
                cell = cell_text((value, 0.0), digits[key])
                yield [CLEAN, key, cell, *[NONE] * (len(self.methods) - 1)]
        for noise in self.noises:
            for key in self.keys:
                found = [self.values(m, noise.label, key) for m in self.methods]
                yield [noise.label, key, *_cells(found, digits[key], key)]

    def shares(self) -> Iterator[list[str]]:
        """Rows of the table of shares: noise, then two percentages a method."""
        for noise in self.noises:
            base = self.mean(NOISY, noise.label, self.score)
            row = [noise.label]
            for method in self.methods:
                score = self.mean(method, noise.label, self.score)
                share = 100 * score / self.clean if self.clean else math.nan
                recovered = recovered_share(score, base, self.clean)
                row.append(f"{_percent(share)} / {_percent(recovered)}")
            yield row

    def robustness(self) -> Iterator[list[str]]:
        """Rows of the summaries: method, mCE, rPC, ECE; dashes where undefined."""
        known = error_of(self.score, 0.0) is not None
        falls = known and error_of(self.score, 1.0) < error_of(self.score, 0.0)
        base = self._by_kind(NOISY)
        for method in self.methods:
            own, row = self._by_kind(method), [method]
            if known:
                errors, reference = (
                    {k: [error_of(self.score, v) for v in vs] for k, vs in one.items()}
                    for one in (own, base)
                )
                row.append(_percent(mean_corruption_error(errors, reference)))
            else:
                row.append(NONE)
            performance = relative_performance(own, self.clean)
            row.append(_percent(performance) if falls else NONE)
            ece = [self.mean(method, noise.label, "ECE") for noise in self.noises]
            row.append(NONE if math.isnan(fmean(ece)) else f"{fmean(ece):.2f}")
            yield row

    def _by_kind(self, method: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for noise in self.noises:
            score = self.mean(method, noise.label, self.score)
            found.setdefault(noise.kind, []).append(score)
        return found

    def differences(self) -> Iterator[list[str]]:
        """Rows of the intervals: pair, noise, then a cell a metric."""
        for pair in self.pairs:
            for noise in self.noises:
                row = [f"{pair[0]} minus {pair[1]}", noise.label]
                for key in self.keys:
                    found = self.difference(pair, noise.label, key)
                    row.append(interval_text(*found))
                yield row

    def _digits(self, key: str) -> int:
        found = [one.metrics.get(key, 0.0) for one in self.grid.results]
        # Two digits are few for what lies in [0, 1], as SSIM does.
        return 2 if any(abs(value) > 1 for value in found) else 4

    def panels(self) -> list[Panel]:
        """Panels of the plot, one a kind of noise."""
        kinds = dict.fromkeys(noise.kind for noise in self.noises)
        panels = []
        for kind in kinds:
            own = [noise for noise in self.noises if noise.kind == kind]
            # A column's severity is the last of its values.
            names = [list(noise.values.items())[-1:] for noise in own]
            axis = names[0][0][0] if names[0] else ""
            axis = "noise level σ, 8-bit units" if axis == "sigma" else axis
            lines = [
                Line(m, [self.interval(m, noise.label, self.score) for noise in own])
                for m in self.methods
            ]
            severities = [name[0][1] if name else kind for name in names]
            title = f"{self.head}, {kind}"
            one = Panel(title, self.score, axis, severities, self.clean, lines)
            panels.append(one)
        return panels


def _percent(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:.1f}"


def _task_metrics(known: Sequence[str]) -> list[str]:
    """The task's score, and what stands beside it under one prefix: top-1, top-5."""
    own = [key for key in known if key not in BESIDE]
    # MMSegmentation names the share of right pixels first.
    score = "mIoU" if "mIoU" in own else next(iter(own), "PSNR")
    family = score.partition("/")[0]
    return [key for key in own if key.partition("/")[0] == family]


def _cells(found: Sequence[Sequence[float]], digits: int, key: str) -> list[str]:
    """Means with their spreads; the best of several in bold."""
    means = [fmean(values) for values in found]
    spreads = [stdev(v) if len(v) > 1 and np.isfinite(v).all() else 0.0 for v in found]
    texts = [cell_text(pair, digits) for pair in zip(means, spreads)]
    lower_is_better = error_of(key, 1.0) == 1.0 and error_of(key, 0.0) == 0.0
    finite = [mean for mean in means if math.isfinite(mean)]
    if len(finite) < 2:
        return texts
    best = f"{(min if lower_is_better else max)(finite):.{digits}f}"
    # As printed: what looks equal is equally good.
    return [
        f"**{text}**" if f"{mean:.{digits}f}" == best else text
        for text, mean in zip(texts, means)
    ]
