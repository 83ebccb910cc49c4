"""What noise image files have: its kind and level, and the noise model that fits."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mmdenoise.evaluation.noise_curve import (
    NoiseCurve,
    PoissonGaussian,
    fit_poisson_gaussian,
    noise_curve,
)
from mmdenoise.evaluation.noise_kind import (
    coarse_level,
    jpeg_grid,
    neighbour_correlation,
    smooth_level,
)
from mmdenoise.evaluation.noise_level import (
    CLIPPED,
    MOST_PATCHES,
    clipped_share,
    noise_level,
)
from mmdenoise.images import Picture, read_image, white_of

from .grey_images import is_grey

__all__ = [
    "NoiseReport",
    "describe_noise",
    "fit_files",
    "floats_of",
    "jpeg_quality",
    "noise_config",
    "read_floats",
    "scikit_image_level",
]

# Levels in 8-bit units: less is called clean. Clean photographs measured up to 1.4.
CLEAN = 1.5
COARSE = 2.5  # of every second pixel: clean photographs measured up to 2.2
# White noise keeps 0.96 and more of its level at full size, and correlates less.
WHITE_SHARE, CORRELATED = 0.93, 0.12
TEXTURE = 0.5  # by which fine texture raised the coarse level
# Variance of the brightest over that of the darkest step, from which it counts.
GROWS = 1.5
FEWEST_PATCHES = 1000  # of each file, however many there are


@dataclass(frozen=True)
class NoiseReport:
    """What was measured in one image.

    Attributes:
        kind: ``'white'``, ``'correlated'``, ``'jpeg'`` (compressed after the noise) or
            ``'clean'``.
        level: Standard deviation in 8-bit units. Of correlated noise it is that of
            every second pixel; after JPEG that of the smoothest places, so that the
            noise is at least as strong.
        correlation: Of neighbours, in smooth places.
        clipped: Share of values at black or white, 0 unless it counts.
    """

    kind: str
    level: float
    correlation: float
    clipped: float

    def __str__(self) -> str:
        least = "at least " if self.kind == "jpeg" else ""
        said = {
            "white": "white noise",
            "correlated": f"correlated noise (neighbours: {self.correlation:.2f})",
            "jpeg": "JPEG after whatever noise there was",
            "clean": "clean",
        }[self.kind]
        clipped = f", clipped: {self.clipped:.1%} of the values" if self.clipped else ""
        return f"{said}, sigma {least}{self.level:.1f}{clipped}"


def floats_of(picture: Picture, white_level: float | None = None) -> np.ndarray:
    """Bring an image to floats in [0, 1], grey or RGB, without its alpha.

    Args:
        picture: The image.
        white_level: The value of white; None finds it.

    Raises:
        ValueError: If it holds NaN or infinite values, or white is not as said.
    """
    white, _ = white_of(picture, white_level)
    pixels = picture.pixels
    colours = pixels if pixels.ndim == 2 else pixels[..., : picture.colours]
    if not np.isfinite(colours).all():
        raise ValueError("the image holds NaN or infinite values")
    floats = np.divide(colours, white, dtype=np.float32)
    # Equal channels hold one noise; their differences would be taken for it.
    return floats[..., 0] if floats.ndim == 3 and is_grey(floats) else floats


def read_floats(path: str) -> np.ndarray:
    """Read a file as :func:`floats_of` gives it."""
    return floats_of(read_image(path))


def describe_noise(image: np.ndarray) -> NoiseReport:
    """Measure the noise of an image.

    Args:
        image: (H, W) or (H, W, C) float in [0, 1] plus noise, 64x64 or larger.

    Raises:
        ValueError: If it is too small.
    """
    if min(image.shape[:2]) < 64:
        height, width = image.shape[:2]
        raise ValueError(
            f"an image of {height}x{width} is too small to tell its noise; it takes "
            "64x64"
        )
    level, coarse = noise_level(image), coarse_level(image)
    correlation = neighbour_correlation(image)
    share = clipped_share(image)
    clipped = share if share >= CLIPPED else 0.0
    narrow = level < min(WHITE_SHARE * coarse, coarse - TEXTURE)
    if level >= CLEAN and not (narrow and correlation > CORRELATED):
        return NoiseReport("white", level, correlation, clipped)
    # Old compression below new noise leaves a grid too; but not under white noise.
    if jpeg_grid(image) is not None:
        return NoiseReport("jpeg", smooth_level(image), correlation, clipped)
    if narrow and coarse >= COARSE:
        return NoiseReport("correlated", coarse, correlation, clipped)
    return NoiseReport("clean", level, correlation, 0.0)


def scikit_image_level(image: np.ndarray) -> float | None:
    """scikit-image's wavelet estimate, 8-bit units; None where it is not installed."""
    try:
        from skimage.restoration import estimate_sigma

        axis = 2 if image.ndim == 3 else None
        return 255 * float(
            estimate_sigma(image, channel_axis=axis, average_sigmas=True)
        )
    except ImportError:
        # Itself, or PyWavelets, which it needs for this.
        return None


def fit_files(paths: Sequence[str]) -> tuple[NoiseCurve, PoissonGaussian]:
    """Fit one sensor's noise to several files, read one after the other.

    Raises:
        ValueError: If one is too small, they differ in colours, or too little of them
            keeps its distance from black and white.
    """
    most = max(MOST_PATCHES // len(paths), FEWEST_PATCHES)
    curve = noise_curve((read_floats(path) for path in paths), most)
    return curve, fit_poisson_gaussian(curve)


def jpeg_quality(path: str) -> int | None:
    """Quality of a JPEG file, by the table that libjpeg writes for it; None if none."""
    with Image.open(path) as image:
        table = getattr(image, "quantization", {}).get(0)
    if image.format not in ("JPEG", "MPO") or table is None:
        return None
    distances = {
        quality: float(np.abs(np.subtract(table, _table_of(quality))).sum())
        for quality in range(1, 101)
    }
    return min(distances, key=distances.__getitem__)


def _table_of(quality: int) -> list[int]:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
    return Image.open(file).quantization[0]


def noise_config(
    reports: Sequence[NoiseReport],
    fit: PoissonGaussian | None = None,
    curve: NoiseCurve | None = None,
    quality: int | None = None,
    integers: bool = True,
) -> str | None:
    """Say the noise model that is like the noise of images of one kind.

    Args:
        reports: Of images of one kind.
        fit: What their variances say, for white noise.
        curve: The variances.
        quality: Of JPEG, where it is known.
        integers: Whether they hold whole numbers, so that a model rounds as well.

    Returns:
        A line to paste into a config; None for clean images.
    """
    kind = reports[0].kind
    level = float(np.median([report.level for report in reports]))
    after = "clip=True, " if any(report.clipped for report in reports) else ""
    after += "quantise=True, " if integers else ""
    if kind == "clean":
        return None
    if kind == "jpeg":
        store = "(60, 95)" if quality is None else quality
        return _model("GaussianNoise", f"sigma={level:.3g}, jpeg={store}, ")
    if kind == "correlated":
        between = float(np.median([report.correlation for report in reports]))
        between = min(max(between, 0.02), 0.95)
        # exp(-d^2 / (4 blur^2)) at d = 1.
        blur = 1 / (2 * math.sqrt(-math.log(between)))
        return _model("CorrelatedNoise", f"sigma={level:.3g}, blur={blur:.2g}, {after}")
    if fit is not None and curve is not None and len(curve.brightness) > 1:
        ends = fit.variance(curve.brightness[[0, -1]])
        if ends[1] > GROWS * ends[0]:
            numbers = f"peak={fit.peak:.4g}, sigma={fit.sigma:.3g}, "
            return _model("PoissonGaussianNoise", numbers + after)
    return _model("GaussianNoise", f"sigma={level:.3g}, {after}")


def _model(name: str, options: str) -> str:
    return f'noise=dict(type="mmdenoise.{name}", {options.rstrip(", ")})'
