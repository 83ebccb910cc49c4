"""How much of a clean score is left under noise: the field's summaries.

A score is averaged over noise seeds first. ``errors`` and ``scores`` below are lists of
severities, by the kind of noise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

__all__ = [
    "error_of",
    "mean_corruption_error",
    "recovered_share",
    "relative_performance",
]

# By the end of a metric's name, as the hosts print them: what a perfect result has.
PERCENT = re.compile(
    r"(^|/)(top\d+|[am]Acc|mIoU\w*|mDice|mFscore|mPrecision|mRecall|mAP\w*"
    r"|precision\S*|recall\S*|f1-score\S*)$"
)
SHARES = ("d1", "d2", "d3")
DISTANCES = ("abs_rel", "sq_rel", "rmse", "rmse_log", "log10", "silog", "mae", "mse")


def error_of(metric: str, value: float) -> float | None:
    """Turn a score into an error, 0 for a perfect result.

    Returns:
        None for a metric of which nobody said what a perfect result is.
    """
    if PERCENT.search(metric):
        return 100 - value
    name = metric.rpartition("/")[2]
    if name in SHARES:
        return 1 - value
    return value if name in DISTANCES else None


def recovered_share(score: float, noisy: float, clean: float) -> float:
    """Percent of what the noise took away that a method gives back.

    0 is the head alone on noisy images, 100 on clean ones. NaN if the noise took
    nothing.
    """
    return 100 * (score - noisy) / (clean - noisy) if clean != noisy else math.nan


def mean_corruption_error(
    errors: Mapping[str, Sequence[float]], base: Mapping[str, Sequence[float]]
) -> float:
    """Mean corruption error (mCE), in percent of that of a base.

    Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
    Corruptions and Perturbations", ICLR 2019, Section 4.2: for each kind of noise the
    sum of the errors over severities, divided by the base's; averaged over kinds. There
    the base is AlexNet, here whatever is given, the head alone for instance.
    """
    ratios = [
        sum(own) / sum(base[kind]) if sum(base[kind]) else math.nan
        for kind, own in errors.items()
    ]
    return 100 * math.fsum(ratios) / len(ratios)


def relative_performance(scores: Mapping[str, Sequence[float]], clean: float) -> float:
    """Relative performance under corruption (rPC), in percent of the clean score.

    Michaelis et al., "Benchmarking Robustness in Object Detection: Autonomous Driving
    when Winter is Coming", 2019, Eq. (1) and (2): the score averaged over severities,
    then over kinds, divided by that on clean images.
    """
    means = [math.fsum(own) / len(own) for own in scores.values()]
    return 100 * math.fsum(means) / len(means) / clean if clean else math.nan
