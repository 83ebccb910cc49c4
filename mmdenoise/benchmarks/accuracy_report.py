"""The files of a benchmark's report; those of an earlier one are kept."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

from mmdenoise.atomic_files import atomic_path
from mmdenoise.benchmarks.psnr_plot import plot_psnr
from mmdenoise.benchmarks.score_log import Score
from mmdenoise.benchmarks.score_tables import (
    averages,
    averages_csv,
    images_csv,
    markdown,
)

__all__ = ["write_report"]

PLOT = "psnr.png"
EARLIER = "earlier"


def write_report(scores: Sequence[Score], out_dir: str, seed: int) -> str | None:
    """Write ``benchmark.md``, ``images.csv``, ``averages.csv`` and ``psnr.png``.

    A report that is there and says something else is moved into a folder of
    ``earlier``, which is named after the time at which it was written.

    Returns:
        That folder, if there was one.
    """
    texts = {
        "benchmark.md": markdown(scores, seed),
        "images.csv": images_csv(scores, seed),
        "averages.csv": averages_csv(scores, seed),
    }
    moved = _keep_earlier(texts, out_dir)
    for name, text in texts.items():
        with atomic_path(os.path.join(out_dir, name)) as path:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    with atomic_path(os.path.join(out_dir, PLOT)) as path:
        plot_psnr(averages(scores)).savefig(path)
    return moved


def _keep_earlier(texts: Mapping[str, str], out_dir: str) -> str | None:
    paths = {name: os.path.join(out_dir, name) for name in (*texts, PLOT)}
    there = {name: path for name, path in paths.items() if os.path.lexists(path)}
    if all(_holds(there[name], text) for name, text in texts.items() if name in there):
        return None
    newest = max(os.lstat(path).st_mtime for path in there.values())
    stamp = time.strftime("%Y-%m-%d_%H%M%S", time.localtime(newest))
    folder, number = os.path.join(out_dir, EARLIER, stamp), 1
    while os.path.lexists(folder):
        number += 1
        folder = os.path.join(out_dir, EARLIER, f"{stamp}_{number}")
    os.makedirs(folder)
    for name, path in there.items():
        os.rename(path, os.path.join(folder, name))
    return folder


def _holds(path: str, text: str) -> bool:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read() == text
    except (OSError, ValueError):
        return False
