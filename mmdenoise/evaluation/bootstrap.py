"""Paired bootstrap over images: intervals of scores, and of their differences.

Images are drawn with replacement, the same for every method and every noise seed;
scores are averaged over the noise seeds. Efron and Tibshirani, "An Introduction to the
Bootstrap" (1993), percentile intervals.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger

from .kept_cells import CellResult

__all__ = ["Interval", "bootstrap", "interval", "resampled"]

Interval = tuple[float, float, float]


def bootstrap(
    evaluator: Evaluator,
    ours: Sequence[CellResult],
    theirs: Sequence[CellResult],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Paired bootstrap over images of the difference between two methods.

    Args:
        evaluator: The evaluator whose metrics made the results.
        ours: One method's results, one a noise seed.
        theirs: The other's, under the same seeds.
        resamples: Number of resamples.
        seed: Of the resampling.

    Returns:
        For each metric that both have: difference, and bounds of the 95% interval.
    """
    first = resampled(evaluator, ours, resamples, seed)
    second = resampled(evaluator, theirs, resamples, seed)
    return {key: interval(first[key] - second[key]) for key in first if key in second}


def interval(values: np.ndarray) -> Interval:
    """The first of some values, and the percentiles 2.5 and 97.5 of the others."""
    value, *others = values.tolist()
    if not np.isfinite(others).any():
        return value, value, value
    low, high = np.nanpercentile(others, [2.5, 97.5])
    return value, float(low), float(high)


def resampled(
    evaluator: Evaluator,
    results: Sequence[CellResult],
    resamples: int = 1000,
    seed: int = 0,
    keys: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Score resamples of the images.

    Args:
        evaluator: The evaluator whose metrics made the results.
        results: A method's results, one a noise seed.
        resamples: Number of resamples.
        seed: Of the resampling; one seed draws the same images for every method.
        keys: Names of the scores wanted; without any, all.

    Returns:
        For each metric (1 + ``resamples``,) float64: the score of all images, then of
        each resample. Metrics that keep no entry an image are left out.
    """
    counts = [len(entries) for entries in results[0].per_image]
    # Some metrics keep more or fewer entries than images: there is nothing to pair.
    count = max(set(counts), key=counts.count)
    paired = [index for index, number in enumerate(counts) if number == count]
    generator = np.random.default_rng(seed)
    draws = [np.arange(count)]
    draws += [generator.integers(count, size=count) for _ in range(resamples)]
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)  # metrics print their tables as they compute
    try:
        if keys:  # metrics that give none of them would take their time
            whole = draws[0]
            paired = [
                index
                for index in paired
                if set(keys) & set(_mean_metrics(evaluator, results, [index], whole))
            ]
        rows = [_mean_metrics(evaluator, results, paired, draw) for draw in draws]
    finally:
        logger.setLevel(level)
    names = [key for key in rows[0] if key in (keys or rows[0])]
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in names}


def _mean_metrics(
    evaluator: Evaluator,
    results: Sequence[CellResult],
    paired: Sequence[int],
    draw: np.ndarray,
) -> dict[str, float]:
    """Metrics over the images drawn, averaged over noise seeds."""
    total: dict[str, float] = {}
    for result in results:
        for index in paired:
            metric, entries = evaluator.metrics[index], result.per_image[index]
            found = metric.compute_metrics([entries[image] for image in draw])
            for key, value in found.items():
                if np.ndim(value) == 0:
                    # As MMEngine names it: accuracy/top1.
                    key = f"{metric.prefix}/{key}" if metric.prefix else key
                    total[key] = total.get(key, 0.0) + float(value) / len(results)
    return total
