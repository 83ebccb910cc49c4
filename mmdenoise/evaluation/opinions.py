"""What raters' rankings say: opinion scores, agreement, and who ranked at random.

Shapes: R raters, I images, M methods. Scores are (R, I, M): for each rater and image
the integers 1 (worst) to M (best), one a method, as in Section IV-B1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = [
    "Screened",
    "bradley_terry",
    "bradley_terry_interval",
    "check_scipy",
    "kendall_w",
    "mean_opinion_scores",
    "screen_bt500",
    "screen_chance",
    "screen_p910",
]

LEAST_RATERS = 3  # below, nobody can be told from the others
# Of ITU-T P.910 (formerly P.913): correlation over pictures, and over methods.
R1, R2 = 0.75, 0.8
CHANCE = 1.645  # one-sided 5% of the normal distribution


class Screened(NamedTuple):
    """A rater whose rankings do not go with the others'.

    Attributes:
        rater: Index along R.
        reason: What was found, for people.
    """

    rater: int
    reason: str


def check_scipy() -> None:
    """Say early that the statistics need a package.

    Raises:
        ImportError: Naming it.
    """
    try:
        import scipy.optimize  # noqa: F401
        import scipy.stats  # noqa: F401
    except ImportError:
        raise ImportError("opinion scores need scipy: pip install scipy") from None


def mean_opinion_scores(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean opinion score of each method, and half of its 95% interval.

    A rater's scores of several images are not independent, so the interval is
    Student's, over the raters' means.

    Returns:
        Two (M,) arrays; the second is NaN where there is one rater.
    """
    from scipy.stats import t

    own = scores.mean(axis=1)
    raters = len(own)
    if raters < 2:
        return own.mean(axis=0), np.full(own.shape[1], np.nan)
    spread = own.std(axis=0, ddof=1) / np.sqrt(raters)
    return own.mean(axis=0), t.ppf(0.975, raters - 1) * spread


def screen_chance(scores: np.ndarray) -> list[Screened]:
    """Screen raters who agree with the others no better than chance.

    Compared are a rater's scores with the others' mean, image by image. Were they drawn
    at random, the sum of products would have mean 0 and a known variance (that of a
    linear permutation statistic). Whoever stays below the one-sided 5% point is
    discarded, the worst one first, until none is left to discard.
    """
    methods = scores.shape[2]
    kept = list(range(len(scores)))
    found = []
    while len(kept) >= LEAST_RATERS:
        rows = scores[kept] - (methods + 1) / 2
        others = (rows.sum(axis=0) - rows) / (len(kept) - 1)
        variance = (rows**2).sum(axis=2) * (others**2).sum(axis=2) / (methods - 1)
        spread = np.sqrt(variance.sum(axis=1))
        product = (rows * others).sum(axis=(1, 2))
        z = np.divide(product, spread, out=np.zeros_like(spread), where=spread > 0)
        worst = int(z.argmin())
        if z[worst] >= CHANCE:
            break
        reason = f"agrees with the others no better than chance (z = {z[worst]:.1f})"
        found.append(Screened(kept.pop(worst), reason))
    return found


def screen_p910(scores: np.ndarray) -> list[Screened]:
    """Screen raters as ITU-T P.910 does (formerly P.913, clause 11.4).

    A rater is discarded whose scores correlate with the mean of all raters by less than
    0.75 over the pictures *and* by less than 0.8 over the methods' means. The worst one
    goes, the means are taken again, until none is left to discard.
    """
    kept = list(range(len(scores)))
    found = []
    while len(kept) >= LEAST_RATERS:
        mean = scores[kept].mean(axis=0)
        pictures = [_correlation(scores[i].ravel(), mean.ravel()) for i in kept]
        methods = [_correlation(scores[i].mean(0), mean.mean(0)) for i in kept]
        doubtful = [k for k in range(len(kept)) if pictures[k] < R1 and methods[k] < R2]
        if not doubtful:
            break
        worst = min(doubtful, key=lambda k: pictures[k])
        reason = (
            f"correlation with the mean {pictures[worst]:.2f} < {R1} over pictures and "
            f"{methods[worst]:.2f} < {R2} over methods"
        )
        found.append(Screened(kept.pop(worst), reason))
    return found


def screen_bt500(scores: np.ndarray) -> list[Screened]:
    """Screen raters as ITU-R BT.500 does (the test on kurtosis).

    A rater is discarded whose scores lie far from the mean in more than 5% of the
    pictures, and on both sides about equally often. Far is 2 standard deviations where
    the kurtosis is between 2 and 4, else sqrt(20).
    """
    if len(scores) < LEAST_RATERS:
        return []
    flat = scores.reshape(len(scores), -1).astype(float)
    deviation = flat - flat.mean(axis=0)
    second = (deviation**2).mean(axis=0)
    fourth = (deviation**4).mean(axis=0)
    kurtosis = np.divide(
        fourth, second**2, out=np.full_like(second, np.inf), where=second > 0
    )
    normal = (kurtosis >= 2) & (kurtosis <= 4)
    far = np.where(normal, 2, np.sqrt(20)) * flat.std(axis=0, ddof=1)
    differing = second > 0
    above = ((deviation >= far) & differing).sum(axis=1)
    below = ((deviation <= -far) & differing).sum(axis=1)
    found = []
    for rater, (p, q) in enumerate(zip(above, below)):
        share = (p + q) / flat.shape[1]
        if share > 0.05 and abs(int(p) - int(q)) / (p + q) < 0.3:
            reason = (
                f"{share:.0%} of the scores far from the mean, {p} above, {q} below"
            )
            found.append(Screened(rater, reason))
    return found


def _correlation(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Pearson's; 0 where one side does not vary, which then tells nothing."""
    if np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return 0.0
    return float(np.corrcoef(ours, theirs)[0, 1])


def kendall_w(scores: np.ndarray) -> np.ndarray:
    """Kendall's coefficient of concordance of each image, (I,).

    1: all raters give one ranking; about 1 / R: they rank at random.
    """
    raters, _, methods = scores.shape
    sums = scores.sum(axis=0)
    squares = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return 12 * squares / (raters**2 * (methods**3 - methods))


def bradley_terry(scores: np.ndarray) -> np.ndarray:
    """Scores of the Bradley-Terry model, by maximum likelihood, (M,), of mean 0.

    A method with score a is preferred to one with score b with the probability
    1 / (1 + exp(b - a)). Each ranking counts as its M (M - 1) / 2 comparisons. Half a
    win is added to both sides of each pair, which keeps a method that always wins
    finite.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    flat = scores.reshape(-1, scores.shape[-1])
    wins = (flat[:, :, None] > flat[:, None, :]).sum(axis=0) + 0.5
    np.fill_diagonal(wins, 0)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        gap = values[:, None] - values[None, :]
        lost = wins * expit(-gap)
        return (wins * np.logaddexp(0, -gap)).sum(), lost.sum(0) - lost.sum(1)

    start = np.zeros(scores.shape[-1])
    found = minimize(loss, start, jac=True, method="BFGS", options=dict(gtol=1e-6)).x
    return found - found.mean()


def bradley_terry_interval(
    scores: np.ndarray, resamples: int = 500, seed: int = 0
) -> np.ndarray:
    """95% bootstrap intervals of :func:`bradley_terry`, raters drawn anew, (2, M)."""
    generator = np.random.default_rng(seed)
    raters = len(scores)
    draws = [
        bradley_terry(scores[generator.integers(raters, size=raters)])
        for _ in range(resamples)
    ]
    return np.percentile(draws, [2.5, 97.5], axis=0)
