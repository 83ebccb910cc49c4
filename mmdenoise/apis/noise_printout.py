"""Measure the noise of files, print it, and draw it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import numpy as np

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.noise_curve import NoiseCurve, PoissonGaussian
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.visualization.noise_plot import plot_noise

from .noise_report import (
    NoiseReport,
    describe_noise,
    fit_files,
    jpeg_quality,
    noise_config,
    read_floats,
    scikit_image_level,
)

__all__ = ["print_noise"]

PICTURES = (".png", ".pdf", ".svg")
# What reading or measuring one file may raise; others go on.
ERRORS = (OSError, ValueError, MemoryError)


def print_noise(
    files: Sequence[str], plot: str | None = None, overwrite: bool = False
) -> int:
    """Print a line a file, then a noise model for each kind of noise.

    Args:
        files: PNG, JPEG or TIFF.
        plot: Where to draw variance over brightness, of the files with white noise.
        overwrite: Replace ``plot`` if it exists.

    Returns:
        0, or 1 if a file could not be measured, which is told in a line.

    Raises:
        FileExistsError: If ``plot`` exists and is not to be replaced.
        ValueError: If it has another ending, or no file has white noise.
    """
    if plot is not None:
        _check_plot(plot, overwrite)
    found: dict[str, list[tuple[str, NoiseReport]]] = {}
    failed = 0
    for path in files:
        try:
            image = read_floats(path)
            report = describe_noise(image)
        except ERRORS as error:
            reason = " ".join(str(error).split())
            named = reason if repr(path) in reason else f"{path!r}: {reason}"
            print(f"error: {named}", file=sys.stderr)
            failed += 1
            continue
        beside = scikit_image_level(image)
        other = "" if beside is None else f" (scikit-image: {beside:.1f})"
        print(f"{path}: {report}{other}", flush=True)
        found.setdefault(report.kind, []).append((path, report))
    curve = fit = None
    white = [path for path, _ in found.get("white", [])]
    if white:
        curve, fit = _fit(white)
    for kind, members in found.items():
        known = (fit, curve) if kind == "white" else (None, None)
        _print_model(kind, members, len(files), *known)
    if plot is not None:
        if curve is None or fit is None:
            raise ValueError(f"{plot!r} is not drawn: no file has white noise to fit")
        title = f"noise of {len(white)} file" + "s" * (len(white) != 1)
        with atomic_path(plot) as path:
            plot_noise(curve, fit, title).savefig(path)
        print(f"written: {plot}")
    return 1 if failed else 0


def _check_plot(plot: str, overwrite: bool) -> None:
    if not plot.lower().endswith(PICTURES):
        raise ValueError(f"{plot!r}: a plot is a {', '.join(PICTURES)} file")
    refuse_existing([plot], overwrite)
    check_writable(os.path.dirname(plot))


def _fit(
    paths: Sequence[str],
) -> tuple[NoiseCurve | None, PoissonGaussian | None]:
    try:
        curve, fit = fit_files(paths)
    except ValueError as error:
        print(f"no fit over brightness: {error}")
        return None, None
    if np.isinf(fit.peak):
        print(f"over brightness: constant, sigma {fit.sigma:.3g}")
    else:
        print(
            f"over brightness: peak {fit.peak:.4g} photons, sigma {fit.sigma:.3g} "
            f"(Poisson-Gaussian fit, {len(paths)} file{'s' * (len(paths) != 1)})"
        )
    return curve, fit


def _print_model(
    kind: str,
    members: list[tuple[str, NoiseReport]],
    files: int,
    fit: PoissonGaussian | None,
    curve: NoiseCurve | None,
) -> None:
    paths, reports = zip(*members)
    quality = None
    if kind == "jpeg":
        known = [quality for quality in map(jpeg_quality, paths) if quality is not None]
        quality = int(np.median(known)) if known else None
    model = noise_config(reports, fit, curve, quality)
    which = "" if len(paths) == files else f" of the {len(paths)} {kind} files"
    if model is None:
        print(f"noise model{which}: none, they are clean")
    else:
        print(f"noise model{which}: {model}")
    if kind in ("jpeg", "correlated"):
        print(
            "  The zoo's denoisers were trained on white noise: this is outside what "
            "they can do. Train one on this model, or on mmdenoise.CameraNoise."
        )
