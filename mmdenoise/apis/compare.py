"""Compare denoisers in front of one head: a table, intervals, and a panel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from mmengine.config import Config

from mmdenoise.apis.compare_panel import check_images, draw_panel
from mmdenoise.apis.denoiser_precision import precision_in, with_precision
from mmdenoise.apis.method_grid import (
    CLEAN_CELL,
    Grid,
    check_pairs,
    evaluate_grid,
    own_column,
    plan_grid,
)
from mmdenoise.apis.methods import CLEAN, Method
from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.decoded_images import DecodedImages
from mmdenoise.evaluation.kept_cells import Bench, Cell
from mmdenoise.evaluation.seed_statistics import columns, summary
from mmdenoise.evaluation.tables import interval_text, table
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = ["compare"]


@safe_loading()
def compare(
    cfg: Config,
    methods: Mapping[str, str],
    out_dir: str,
    keys: Sequence[str] = (),
    noise_seeds: Sequence[int] = (0,),
    differences: Sequence[tuple[str, str]] = (),
    images: Sequence[int] = (),
    maps_only: bool = False,
    overwrite: bool = False,
    precision: str = "auto",
    sigma: float | None = None,
) -> str:
    """Evaluate the head alone and every method, and write ``table.md``, ``panel.png``.

    Rows that an earlier call finished are read, not computed again, as long as nothing
    that they depend on has changed.

    Args:
        cfg: Config of a cascade; with ``noise=None`` the test images are noisy already.
        methods: By their rows' names, what :func:`mmdenoise.apis.load_denoiser` takes,
            or weights for the config's own denoiser. ``noisy`` is the head alone, and
            ``clean``, where noise is simulated.
        out_dir: Folder for the results.
        keys: Metrics that make the columns; without any, all that the config has.
        noise_seeds: Seeds of the evaluation noise.
        differences: Pairs of rows' names; of each a paired bootstrap interval of the
            first minus the second.
        images: Indices of test images for the panel.
        maps_only: Leave images and ground truth out of the panel, for data sets that
            may not be passed on.
        overwrite: Replace the table and the panel that an earlier call wrote.
        precision: What the denoisers compute in: ``'float32'``, ``'bfloat16'``, or
            ``'auto'``, float32 unless the config says another.
        sigma: Level in 8-bit units of images that are noisy already.

    Returns:
        The table and the intervals, in Markdown.

    Raises:
        FileExistsError: If there is a table or a panel, and ``overwrite`` is False.
        FileNotFoundError, IndexError, RuntimeError, ValueError: If something is missing
            or does not fit, by name, before the first test.
    """
    paths = _checked_paths(out_dir, images, overwrite)
    given = [Method(name, spec) for name, spec in methods.items()]
    simulated = cfg.model.get("noise") is not None
    check_pairs(differences, given, simulated)
    column, cfg = own_column(cfg, sigma), with_precision(cfg, precision)
    plan = plan_grid(cfg, given, [column], noise_seeds)
    bench = Bench(cfg, os.path.join(out_dir, "cells"))
    dataset = bench.images
    check_images(dataset, images)
    grid = evaluate_grid(bench, plan, keys)
    text = _text(grid, column.label, keys, differences)
    if images:
        cells = [*(own[0] for own in plan.values()), *[CLEAN_CELL] * simulated]
        _write_panel(paths[1], bench.cfg, dataset, cells, images, maps_only)
    _write_table(paths[0], text)  # last: where it is, the comparison is whole
    return text


def _write_table(name: str, text: str) -> None:
    with atomic_path(name) as path, open(path, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _checked_paths(out_dir: str, images: Sequence[int], overwrite: bool) -> list[str]:
    """Where the table goes, and the panel of ``images``, if any."""
    paths = [os.path.join(out_dir, name) for name in ("table.md", "panel.png")]
    paths = paths if images else paths[:1]
    refuse_existing(paths, overwrite)
    check_writable(out_dir)
    return paths


def _write_panel(
    name: str,
    cfg: Config,
    dataset: DecodedImages,
    cells: Sequence[Cell],
    images: Sequence[int],
    maps_only: bool,
) -> None:
    panel = draw_panel(cfg, dataset, cells, images, maps_only)
    with atomic_path(name) as path:
        panel.save(path)


def _text(
    grid: Grid,
    label: str,
    keys: Sequence[str],
    differences: Sequence[tuple[str, str]],
) -> str:
    found = {CLEAN: grid.clean} if grid.clean else {}
    found.update((name, own) for (name, _), own in grid.found.items())
    keys = keys or columns(own[0].metrics for own in found.values())
    parts = [table({name: summary(own, keys) for name, own in found.items()}, keys)]
    for pair in differences:
        intervals = grid.difference(pair, label)
        numbers = [
            f"{key} {interval_text(*interval)}"
            for key, interval in intervals.items()
            if key in keys
        ]
        title = f"{pair[0]} minus {pair[1]}, 95% paired bootstrap intervals:"
        parts.append(f"{title} {'; '.join(numbers)}")
    parts.append(f"Denoised in {precision_in(grid.bench.cfg)}.")
    if grid.left_out:
        parts.append(f"Left out, no single numbers: {', '.join(grid.left_out)}.")
    return "\n\n".join(parts)
