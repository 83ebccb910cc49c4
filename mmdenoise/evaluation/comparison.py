"""Several denoisers in front of one head, on the same images under the same noise."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmdenoise.atomic_files import atomic_path
from mmdenoise.models.frozen_head import open_head
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.zoo import resolve

__all__ = [
    "Arm",
    "ArmResult",
    "bootstrap",
    "columns",
    "evaluate_arm",
    "summary",
    "table",
]


class Arm(NamedTuple):
    """One row of a comparison.

    Attributes:
        name: The row's name.
        model: Merged over the config's model: a denoiser and its checkpoint, a noise.
    """

    name: str
    model: dict


class ArmResult(NamedTuple):
    """What one arm scored under one noise seed.

    Attributes:
        metrics: Numbers by name.
        per_image: For each metric, a list of one entry an image.
    """

    metrics: dict[str, float]
    per_image: list[list]


def evaluate_arm(cfg: Config, arm: Arm, noise_seed: int, folder: str) -> ArmResult:
    """Test one arm on the config's test set, or read what an earlier call found.

    Args:
        cfg: Config with ``model``, ``test_dataloader`` and ``test_evaluator``.
        arm: The arm.
        noise_seed: Seed of the evaluation noise.
        folder: Keeps the result, under a name made of all that it depends on: the
            model, the test set, the metrics, and the contents of the checkpoints.
    """
    cfg = copy.deepcopy(cfg)
    # Merging takes the _delete_ marks out of what is merged.
    cfg.merge_from_dict(dict(model=copy.deepcopy(arm.model)))
    cfg.model.noise.seed = noise_seed
    stem = re.sub(r"\W+", "_", f"{arm.name}_{noise_seed}_{_digest(cfg)}")
    cache = os.path.join(folder, f"{stem}.pth")
    if os.path.isfile(cache):
        stored = open_checkpoint(cache)
        return ArmResult(stored["metrics"], stored["per_image"])
    cfg.test_evaluator = dict(
        type="mmdenoise.PerImageEvaluator", metrics=cfg.test_evaluator
    )
    cfg.work_dir = os.path.join(folder, stem)
    cfg.load_from = None
    cfg.experiment_name = stem
    title = f"{arm.name}, noise seed {noise_seed}"
    cfg.custom_hooks = [
        *cfg.get("custom_hooks", []),
        dict(type="mmdenoise.ProgressHook", title=title),
    ]
    for part in ("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"):
        cfg.pop(part, None)
    for part in ("val_dataloader", "val_cfg", "val_evaluator"):
        cfg.pop(part, None)
    runner = Runner.from_cfg(cfg)
    metrics = {key: float(value) for key, value in runner.test().items()}
    result = ArmResult(metrics, runner.test_evaluator.per_image)
    with atomic_path(cache) as path:
        torch.save(result._asdict(), path)
    return result


def _digest(cfg: Config) -> str:
    """Short hash of what a result depends on."""
    names = ("model", "test_dataloader", "test_evaluator")
    parts = {name: cfg[name] for name in names}
    if isinstance(cfg.model.get("head"), str):
        # The path stays while what is written there changes.
        parts["head"] = open_head(cfg.model.head)
    text = json.dumps(parts, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode())
    for name in ("denoiser_checkpoint", "head_checkpoint"):
        path = resolve(cfg.model.get(name) or "")
        if os.path.isfile(path):
            with open(path, "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:12]


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
    results: Sequence[ArmResult], keys: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation (of the sample) of each metric over noise seeds.

    A metric that no result has is left out.
    """
    found = {}
    for key in keys:
        if any(key in result.metrics for result in results):
            values = np.array([result.metrics.get(key, np.nan) for result in results])
            spread = values.std(ddof=1) if len(values) > 1 else 0.0
            found[key] = (float(values.mean()), float(spread))
    return found


def table(
    rows: Mapping[str, Mapping[str, tuple[float, float]]], keys: Sequence[str]
) -> str:
    """Lay the summaries of several arms out in Markdown; a dash where one has none."""
    lines = ["| | " + " | ".join(keys) + " |", "|---|" + "---:|" * len(keys)]
    # Two digits are few for what lies in [0, 1], as SSIM does.
    digits = {
        key: 2
        if any(abs(row[key][0]) > 1 for row in rows.values() if key in row)
        else 4
        for key in keys
    }
    for name, row in rows.items():
        cells = [_cell(row.get(key), digits[key]) for key in keys]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(value: tuple[float, float] | None, digits: int) -> str:
    if value is None:
        return "–"
    mean, spread = value
    if np.isinf(mean):
        return "exact"
    text = f"{mean:.{digits}f}"
    return text + (f" ± {spread:.{digits}f}" if spread > 0 else "")


def bootstrap(
    evaluator: Evaluator,
    ours: Sequence[ArmResult],
    theirs: Sequence[ArmResult],
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float, float]]:
    """Paired bootstrap over images of the difference between two arms.

    Images are drawn with replacement, the same for both arms and all noise seeds; the
    difference is averaged over the noise seeds.

    Args:
        evaluator: The evaluator whose metrics made the results.
        ours: One arm's results, one a noise seed.
        theirs: The other's, under the same seeds.
        resamples: Number of resamples.
        seed: Of the resampling.

    Returns:
        For each metric: mean difference, and the bounds of the 95% interval.
    """
    generator = np.random.default_rng(seed)
    count = len(ours[0].per_image[0])
    draws = [np.arange(count)]
    draws += [generator.integers(count, size=count) for _ in range(resamples)]
    arms = (ours, theirs)
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)  # metrics print their tables as they compute
    try:
        differences: dict[str, list[float]] = {}
        for draw in draws:
            first, second = (_mean_metrics(evaluator, arm, draw) for arm in arms)
            for key in first:
                if key in second:
                    differences.setdefault(key, []).append(first[key] - second[key])
    finally:
        logger.setLevel(level)
    return {
        key: (values[0], *map(float, np.nanpercentile(values[1:], [2.5, 97.5])))
        for key, values in differences.items()
    }


def _mean_metrics(
    evaluator: Evaluator, arm: Sequence[ArmResult], draw: np.ndarray
) -> dict[str, float]:
    """Metrics of an arm over the images drawn, averaged over its noise seeds."""
    total: dict[str, float] = {}
    for result in arm:
        for metric, entries in zip(evaluator.metrics, result.per_image):
            found = metric.compute_metrics([entries[index] for index in draw])
            for key, value in found.items():
                # As MMEngine names it: accuracy/top1.
                key = f"{metric.prefix}/{key}" if metric.prefix else key
                total[key] = total.get(key, 0.0) + value / len(arm)
    return total
