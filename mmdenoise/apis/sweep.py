"""Heads by denoisers by noises in one run: the paper's Tables IV and V."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence

from mmengine.config import Config

from mmdenoise.apis.denoiser_precision import with_precision
from mmdenoise.apis.head_report import HeadReport
from mmdenoise.apis.method_grid import Column, check_pairs, evaluate_grid, plan_grid
from mmdenoise.apis.methods import Method
from mmdenoise.apis.noise_columns import gaussian_columns
from mmdenoise.apis.sweep_report import report_csv, report_latex, report_text
from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.kept_cells import Bench, Cell
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.visualization.sweep_plot import plot_sweep
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = ["sweep"]

FILES = ("sweep.csv", "sweep.tex", "sweep.png", "sweep.md")
# Beside the task's own metrics.
METRICS = ("mmdenoise.PSNR", "mmdenoise.SSIM", "mmdenoise.CalibrationError")


@safe_loading()
def sweep(
    heads: Mapping[str, Config],
    methods: Mapping[str, str | Mapping[str, str]],
    out_dir: str,
    columns: Sequence[Column] = (),
    keys: Sequence[str] = (),
    noise_seeds: Sequence[int] = (0,),
    differences: Sequence[tuple[str, str]] = (),
    resamples: int = 1000,
    overwrite: bool = False,
    precision: str = "auto",
) -> str:
    """Test every denoiser in front of every head under every noise.

    Each image is decoded once a head and gets the same seeded noise for every method.
    Finished cells are kept, under the content of all that they depend on: a run that
    was killed goes on, and what changed is made anew. Writes ``sweep.md``,
    ``sweep.csv``, ``sweep.tex`` and ``sweep.png``.

    Args:
        heads: Configs of cascades by the heads' names; their own denoisers and noises
            are not used.
        methods: By their names, what :func:`mmdenoise.apis.load_denoiser` takes, with
            ``{sigma}`` or another option of the noise in braces for its value; or one
            such source for each head, by its name. The head alone comes first, as
            ``noisy``.
        out_dir: Folder for the results.
        columns: The noises (:mod:`mmdenoise.apis.noise_columns`); without any, Gaussian
            noise of the paper's levels.
        keys: Metrics in the tables; the first one that a head has is its score. Without
            any, the first of the task's own, PSNR and SSIM.
        noise_seeds: Each noise is drawn under each of them.
        differences: Pairs of methods; of each a paired bootstrap interval of the first
            minus the second, under every noise.
        resamples: Of the bootstrap.
        overwrite: Replace the files that an earlier call wrote.
        precision: What the denoisers compute in: ``'float32'``, ``'bfloat16'``, or
            ``'auto'``, float32 unless its head's config says another.

    Returns:
        The tables in Markdown.

    Raises:
        FileExistsError: If there are results, and ``overwrite`` is False.
        FileNotFoundError, RuntimeError, ValueError: If something is missing or does not
            fit, by name, before a head's first test.
    """
    columns = list(columns) or gaussian_columns()
    paths = _checked_paths(columns, out_dir, overwrite)
    configs = {
        head: with_precision(_prepared(head, cfg), precision)
        for head, cfg in heads.items()
    }
    planned = _planned(configs, methods, columns, noise_seeds, differences, out_dir)
    reports = []
    for head, (bench, plan) in planned.items():
        grid = evaluate_grid(bench, plan)
        reports.append(HeadReport(head, grid, columns, keys, differences, resamples))
    return _write(reports, paths)


def _checked_paths(
    columns: Sequence[Column], out_dir: str, overwrite: bool
) -> list[str]:
    """Where the files go, ``FILES``, once it is known that they can be made."""
    paths = [os.path.join(out_dir, name) for name in FILES]
    refuse_existing(paths, overwrite)
    labels = [column.label for column in columns]
    if len(set(labels)) < len(labels):
        raise ValueError(f"two noises are the same: {', '.join(labels)}")
    check_writable(out_dir)
    return paths


def _planned(
    configs: Mapping[str, Config],
    methods: Mapping[str, str | Mapping[str, str]],
    columns: Sequence[Column],
    noise_seeds: Sequence[int],
    differences: Sequence[tuple[str, str]],
    out_dir: str,
) -> dict[str, tuple[Bench, dict[tuple[str, str], list[Cell]]]]:
    """What is to be tested of each head, checked for all before the first test."""
    given = {head: _methods_of(head, methods, configs) for head in configs}
    check_pairs(differences, [method for own in given.values() for method in own])
    planned = {}
    for head, cfg in configs.items():
        plan = plan_grid(cfg, given[head], columns, noise_seeds)
        planned[head] = Bench(cfg, os.path.join(out_dir, "cells", head)), plan
    return planned


def _methods_of(
    head: str,
    methods: Mapping[str, str | Mapping[str, str]],
    heads: Mapping[str, Config],
) -> list[Method]:
    found = []
    for name, source in methods.items():
        if isinstance(source, str):
            found.append(Method(name, source))
            continue
        unknown = [other for other in source if other not in heads]
        if unknown:
            raise ValueError(
                f"{name}: no head is called {unknown[0]!r}; there are "
                f"{', '.join(heads)}"
            )
        if head in source:
            found.append(Method(name, source[head]))
    return found


def _prepared(head: str, cfg: Config) -> Config:
    """A head's config with the metrics of every sweep, and a noise to be replaced."""
    if "denoiser" not in cfg.get("model", {}):
        raise ValueError(
            f"{head!r} is no cascade's config: it has no model.denoiser to put in "
            "front of its head"
        )
    cfg = copy.deepcopy(cfg)
    cfg.model.noise = dict(type="mmdenoise.GaussianNoise", sigma=0)
    metrics = cfg.test_evaluator
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    present = {str(metric.get("type")).rpartition(".")[2] for metric in metrics}
    metrics += [
        dict(type=name) for name in METRICS if name.rpartition(".")[2] not in present
    ]
    cfg.test_evaluator = metrics
    return cfg


def _write(reports: Sequence[HeadReport], paths: Sequence[str]) -> str:
    """Write the files, ``FILES``; return the tables in Markdown."""
    text = report_text(reports)
    table, latex, plot, whole = paths
    with atomic_path(plot) as path:
        plot_sweep([report.panels() for report in reports]).savefig(path)
    # Last the Markdown: where it is, the sweep is whole.
    for name, content in (
        (table, report_csv(reports)),
        (latex, report_latex(reports) + "\n"),
        (whole, text + "\n"),
    ):
        with atomic_path(name) as path, open(path, "w", encoding="utf-8") as file:
            file.write(content)
    return text
