"""Compare denoisers in front of one head: a table, intervals, and a panel."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.comparison import (
    Arm,
    ArmResult,
    bootstrap,
    columns,
    evaluate_arm,
    summary,
    table,
)
from mmdenoise.evaluation.functional import quantize
from mmdenoise.registry import MODELS
from mmdenoise.visualization import (
    colour_labels,
    compose_panel,
    label_map_of,
    legend,
)
from mmdenoise.weights.denoiser_file import check_denoiser_weights
from mmdenoise.weights.mmengine_loading import safe_loading

__all__ = ["arms_of", "compare", "draw_panel"]

IDENTITY = dict(
    denoiser=dict(_delete_=True, type="mmdenoise.IdentityDenoiser"),
    denoiser_checkpoint=None,
)


def arms_of(checkpoints: Mapping[str, str]) -> list[Arm]:
    """The rows of the paper's Tables IV and V: clean, noisy, then the denoisers.

    Args:
        checkpoints: A denoiser's or cascade's checkpoint by the row's name.
    """
    clean = dict(IDENTITY, noise=dict(_delete_=True, type="mmdenoise.GaussianNoise"))
    clean["noise"]["sigma"] = 0
    given = [Arm(n, dict(denoiser_checkpoint=path)) for n, path in checkpoints.items()]
    return [Arm("clean", clean), Arm("noisy", dict(IDENTITY)), *given]


@safe_loading()
def compare(
    cfg: Config,
    arms: Sequence[Arm],
    out_dir: str,
    keys: Sequence[str] = (),
    noise_seeds: Sequence[int] = (0,),
    differences: Sequence[tuple[str, str]] = (),
    images: Sequence[int] = (),
    maps_only: bool = False,
) -> str:
    """Evaluate every arm, and write ``table.md`` and ``panel.png``.

    What an earlier call finished is read, not computed again.

    Args:
        cfg: Config of a cascade with a noise model.
        arms: The rows.
        out_dir: Folder for the results.
        keys: Metrics that make the columns; without any, all that the config has.
        noise_seeds: Seeds of the evaluation noise.
        differences: Pairs of arms' names; of each a paired bootstrap interval of the
            first minus the second.
        images: Indices of test images for the panel.
        maps_only: Leave images and ground truth out of the panel, for data sets that
            may not be passed on.

    Returns:
        The table and the intervals, in Markdown.
    """
    if cfg.model.get("noise") is None:
        raise ValueError(
            "a comparison needs the clean images and simulates the noise: the config "
            "has noise=None"
        )
    for arm in arms:
        model = _model_of(cfg, arm)
        if model.get("denoiser_checkpoint") is not None:
            check_denoiser_weights(model.denoiser_checkpoint, model.denoiser)
    found: dict[str, list[ArmResult]] = {}
    for arm in arms:
        # Without noise a seed changes nothing.
        seeds = noise_seeds[:1] if arm.name == "clean" else noise_seeds
        found[arm.name] = [evaluate_arm(cfg, arm, seed, out_dir) for seed in seeds]
    known = {key for arm in found.values() for key in arm[0].metrics}
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise ValueError(
            f"no metric is called {', '.join(unknown)}; the config's are "
            f"{', '.join(sorted(known))}"
        )
    keys = keys or columns(arm[0].metrics for arm in found.values())
    text = table({name: summary(found[name], keys) for name in found}, keys)
    for pair in differences:
        text += "\n\n" + _interval_text(cfg, found, keys, pair)
    with atomic_path(os.path.join(out_dir, "table.md")) as path:
        with open(path, "w") as file:
            file.write(text + "\n")
    if images:
        panel = draw_panel(cfg, arms, images, noise_seeds[0], maps_only)
        with atomic_path(os.path.join(out_dir, "panel.png")) as path:
            panel.save(path)
    return text


def _model_of(cfg: Config, arm: Arm) -> ConfigDict:
    whole = copy.deepcopy(Config(dict(model=cfg.model)))
    whole.merge_from_dict(dict(model=copy.deepcopy(arm.model)))
    return whole.model


def _interval_text(
    cfg: Config,
    found: Mapping[str, list[ArmResult]],
    keys: Sequence[str],
    pair: tuple[str, str],
) -> str:
    for name in pair:
        if name not in found:
            raise ValueError(f"no arm is called {name!r}; there are {', '.join(found)}")
    init_default_scope(cfg.get("default_scope", "mmengine"))
    evaluator = Evaluator(cfg.test_evaluator)
    evaluator.dataset_meta = DATASETS.build(cfg.test_dataloader.dataset).metainfo
    intervals = bootstrap(evaluator, *(found[name] for name in pair))
    lines = [f"{pair[0]} minus {pair[1]}, 95% paired bootstrap intervals:"]
    for key in filter(intervals.__contains__, keys):
        value, low, high = intervals[key]
        lines.append(f"{key} {value:+.3g} [{low:+.3g}, {high:+.3g}]")
    return lines[0] + " " + "; ".join(lines[1:])


def draw_panel(
    cfg: Config,
    arms: Sequence[Arm],
    images: Sequence[int],
    seed: int,
    maps_only: bool = False,
) -> Image.Image:
    """Draw what each arm makes of some test images, over the head's label maps.

    Columns: noisy, the denoisers, clean, and the truth under the legend of the classes
    that occur.

    Args:
        cfg: Config of a cascade.
        arms: The rows of the comparison; ``clean`` becomes the last column.
        images: Indices into the test set.
        seed: Seed of the noise.
        maps_only: Draw the head's label maps and the legend alone.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    palette = dataset.metainfo.get("palette", ())
    arms = sorted(arms, key=lambda arm: arm.name == "clean")
    pictures: dict[int, list] = {index: [] for index in images}
    labels: dict[int, list] = {index: [] for index in images}
    truth: dict[int, np.ndarray | None] = {}
    for arm in arms:
        config = _model_of(cfg, arm)
        config.noise.seed = seed
        model = MODELS.build(config).eval()
        for index in images:
            with torch.no_grad():
                sample = model.test_step(pseudo_collate([dataset[index]]))[0]
            pictures[index].append(quantize(sample.denoised).permute(1, 2, 0).numpy())
            labels[index].append(label_map_of(sample, "pred"))
            truth[index] = label_map_of(sample, "gt")
    names = [arm.name for arm in arms]
    rows = []
    for index in images:
        key = _legend_of([*labels[index], truth[index]], dataset.metainfo)
        maps = [None if m is None else colour_labels(m, palette) for m in labels[index]]
        if maps_only:
            rows.append([*maps, key])
            continue
        rows.append([*pictures[index], key])
        real = truth[index]
        rows.append([*maps, None if real is None else colour_labels(real, palette)])
    return compose_panel([*names, "" if maps_only else "ground truth"], rows)


def _legend_of(maps: Sequence[np.ndarray | None], metainfo: Mapping) -> np.ndarray:
    """Draw the legend of the classes that some label maps hold."""
    classes, palette = metainfo.get("classes", ()), metainfo.get("palette", ())
    present = {int(label) for m in maps if m is not None for label in np.unique(m)}
    shown = [label for label in sorted(present) if label < len(palette)]
    size = dict(width=256, height=max(120, 28 * len(shown)))
    return legend([classes[i] for i in shown], [palette[i] for i in shown], **size)
