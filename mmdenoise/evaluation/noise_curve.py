"""How noise grows with brightness, and the sensor's two numbers behind it.

The variance of a sensor's value v is v / peak + sigma^2: Foi, Trimeche, Katkovnik and
Egiazarian, "Practical Poissonian-Gaussian Noise Modeling and Fitting for Single-Image
Raw-Data", IEEE Transactions on Image Processing 17 (2008). Here variances come from the
directions of patches along which there is noise alone
(:mod:`mmdenoise.evaluation.noise_level`).
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from .noise_level import MOST_PATCHES, noise_directions, patch_means, patches_of

__all__ = ["NoiseCurve", "PoissonGaussian", "fit_poisson_gaussian", "noise_curve"]

WIDTH = 8 / 255  # of a step in brightness
FEWEST, MOST = 200, 3000  # patches of a step; more weigh no more
# Below the median: patches with texture have more energy, none has less.
QUANTILE = 0.4
SAFE = 2.0  # standard deviations from black and white
ROUNDS = 3


class NoiseCurve(NamedTuple):
    """Variance of the noise over brightness, in S steps.

    Attributes:
        brightness: (S,) in [0, 1].
        variance: (S,) in the square of that unit.
        patches: (S,) patches of each step.
    """

    brightness: np.ndarray
    variance: np.ndarray
    patches: np.ndarray


class PoissonGaussian(NamedTuple):
    """What :class:`mmdenoise.models.noise.PoissonGaussianNoise` takes.

    Attributes:
        peak: Photons at full brightness; infinite where noise does not grow.
        sigma: Level of the Gaussian part, 8-bit units.
    """

    peak: float
    sigma: float

    def variance(self, brightness: np.ndarray) -> np.ndarray:
        """Variance at a brightness in [0, 1]."""
        return brightness / self.peak + (self.sigma / 255) ** 2


def noise_curve(images: Iterable[np.ndarray], most: int = MOST_PATCHES) -> NoiseCurve:
    """Measure the variance of noise over brightness, in images of one camera setting.

    Args:
        images: (H, W) or (H, W, C) each, of one C, float in [0, 1] plus noise.
        most: Patches of each image.

    Returns:
        A curve; of no steps where too little of the images keeps its distance from
        black and white.

    Raises:
        ValueError: If there is none, one is too small, or they differ in colours.
    """
    parts = [patches_of(image, most) for image in images]
    if len({part.shape[1] for part in parts}) != 1:
        raise ValueError("a common fit needs images that all are grey or all are RGB")
    patches = np.concatenate(parts)
    means = patch_means(patches)
    darkest, brightest = means.min(axis=1), means.max(axis=1)
    kept = np.ones(len(patches), bool)
    for _ in range(ROUNDS):
        curve = _curve_of(patches[kept])
        if not len(curve.brightness):
            break
        fit = fit_poisson_gaussian(curve)
        reach = SAFE * np.sqrt(fit.variance(np.stack([darkest, brightest])))
        safe = (darkest > reach[0]) & (brightest < 1 - reach[1])
        if safe.sum() < 2 * patches.shape[1]:
            break
        kept = safe
    return curve


def _curve_of(patches: np.ndarray) -> NoiseCurve:
    _, directions = noise_directions(patches)
    # Each value's share in what is measured: its variance is weighed by it, so its
    # brightness must be.
    brightness = patches @ (directions**2).mean(axis=1).astype(np.float32)
    centred = patches - patches.mean(axis=0)
    energy = np.square(centred @ directions.astype(np.float32)).mean(axis=1)
    # Wilson and Hilferty's quantile of a mean of squares, in its expectation.
    spread = 2 / (9 * directions.shape[1])
    place = NormalDist().inv_cdf(QUANTILE)
    of_mean = (1 - spread + place * np.sqrt(spread)) ** 3
    step = (brightness / WIDTH).astype(int)
    rows = []
    for number in np.unique(step):
        ours = step == number
        if ours.sum() >= FEWEST:
            variance = np.quantile(energy[ours], QUANTILE) / of_mean
            rows.append((brightness[ours].mean(), variance, ours.sum()))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return NoiseCurve(*columns)


def fit_poisson_gaussian(curve: NoiseCurve) -> PoissonGaussian:
    """Fit a line to variances, each weighed by how well it is known.

    Args:
        curve: Of one step or more; neither number of the fit is negative.

    Raises:
        ValueError: If the curve has no steps.
    """
    if not len(curve.brightness):
        raise ValueError("no part of the images is fit to measure noise in")
    value, variance = curve.brightness, curve.variance
    count = np.minimum(curve.patches, MOST)
    spread = np.maximum(variance, 1e-12)
    for _ in range(20):
        weight = np.sqrt(count) / spread
        # Of non-negative slope and offset: the line, or the better of its two ends.
        columns = np.stack([value, np.ones_like(value)], axis=1)
        slope, offset = np.linalg.lstsq(
            columns * weight[:, None], variance * weight, rcond=None
        )[0]
        if slope <= 0 or len(value) == 1:
            slope, offset = 0.0, np.average(variance, weights=weight**2)
        elif offset < 0:
            slope = (weight**2 * value * variance).sum() / (weight * value).dot(
                weight * value
            )
            offset = 0.0
        spread = np.maximum(slope * value + offset, 1e-12)
    peak = float(1 / slope) if slope > 0 else float("inf")
    return PoissonGaussian(peak, 255 * float(np.sqrt(max(offset, 0.0))))
