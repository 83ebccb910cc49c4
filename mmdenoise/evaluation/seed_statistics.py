"""Means and standard deviations of metrics over the seeds of the noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .kept_cells import CellResult

__all__ = ["columns", "summary"]


def columns(metrics: Iterable[Mapping[str, float]]) -> list[str]:
    """Every metric that some row of a table has, in the order of the rows.

    The count of exact images is left out where PSNR itself says that all of them are.
    """
    found = {}
    for row in metrics:
        for key in row:
            counted = key[: -len("_exact")] if key.endswith("_exact") else ""
            if not np.isinf(row.get(counted, 0.0)):
                found[key] = True
    return list(found)


def summary(
    results: Sequence[CellResult], keys: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation (of the sample) of each metric over noise seeds.

    A metric that no result has is left out.
    """
    found = {}
    for key in keys:
        if any(key in result.metrics for result in results):
            values = np.array([result.metrics.get(key, np.nan) for result in results])
            # Exact images have no spread to speak of.
            many = len(values) > 1 and np.isfinite(values).all()
            found[key] = (
                float(values.mean()),
                float(values.std(ddof=1)) if many else 0,
            )
    return found
