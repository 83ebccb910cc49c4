"""One method in front of one head under one noise: a cell of a comparison.

A finished cell is kept in a file named after the content of all that it depends on.
What no longer matches is made anew, and a line says what changed.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner

from mmdenoise.atomic_files import atomic_path
from mmdenoise.data_digest import data_digest
from mmdenoise.models.head_config import open_head
from mmdenoise.progress_line import ProgressLine
from mmdenoise.weights.reader import open_checkpoint

from .content_digests import (
    code_digest,
    files_named_in,
    text_digest,
    weights_digest,
)
from .decoded_images import DecodedImages
from .evaluator import PerImageEvaluator

__all__ = ["Bench", "Cell", "CellResult", "merged", "numbers_in"]

# What a test does not look at.
UNUSED = (
    *("train_dataloader", "train_cfg", "optim_wrapper", "param_scheduler"),
    *("val_dataloader", "val_cfg", "val_evaluator", "auto_scale_lr", "resume"),
)
# What says how or where a test runs, and nothing of its numbers.
HOW = (
    *("work_dir", "load_from", "experiment_name", "log_level", "log_processor"),
    *("visualizer", "vis_backends", "env_cfg", "launcher"),
)
LOADING = ("num_workers", "persistent_workers", "pin_memory", "prefetch_factor")
# What a Runner takes from a config, beside the loader.
RUNNER = (
    *("model", "work_dir", "test_cfg", "test_evaluator", "default_hooks"),
    *("custom_hooks", "data_preprocessor", "env_cfg", "log_processor", "log_level"),
    *("visualizer", "default_scope", "randomness", "experiment_name"),
)


class Cell(NamedTuple):
    """A method under a noise.

    Attributes:
        name: Of the method, for messages and in the kept file's name.
        model: Merged over the config's model: a denoiser and its checkpoint, a noise.
        seed: Of the evaluation noise.
        noise: Name of the noise, where a comparison has several.
    """

    name: str
    model: dict
    seed: int = 0
    noise: str = ""

    @property
    def title(self) -> str:
        """The cell in words."""
        parts = (self.name, self.noise, f"noise seed {self.seed}")
        return ", ".join(part for part in parts if part)


class CellResult(NamedTuple):
    """What a cell scored.

    Attributes:
        metrics: Numbers by name.
        per_image: For each metric of the evaluator, a list of one entry an image.
        left_out: Names of the results that are no single numbers.
    """

    metrics: dict[str, float]
    per_image: list[list]
    left_out: list[str] = []


def numbers_in(metrics: Mapping[str, object]) -> dict[str, float]:
    """The metrics that are single numbers; some are lists, an entry a class."""
    return {key: float(v) for key, v in metrics.items() if np.ndim(v) == 0}


def merged(cfg: Config, cell: Cell) -> Config:
    """The config that a cell is tested with; ``cfg`` stays as it is."""
    cfg = copy.deepcopy(cfg)
    # Merging takes the _delete_ marks out of what is merged.
    cfg.merge_from_dict(dict(model=copy.deepcopy(cell.model)))
    # Without a noise model the images are noisy already.
    if cfg.model.get("noise") is not None:
        cfg.model.noise.seed = cell.seed
    return cfg


class Bench:
    """A head's test set, decoded and hashed once, and the cells that were finished.

    Args:
        cfg: Config of a cascade, with ``test_dataloader`` and ``test_evaluator``.
        folder: Keeps each finished cell, and its log.

    Raises:
        ValueError: If the command was started for several processes.
    """

    def __init__(self, cfg: Config, folder: str) -> None:
        if cfg.get("launcher", "none") != "none":
            raise ValueError(
                f"a comparison runs in one process: no --launcher {cfg.launcher}"
            )
        self.cfg = copy.deepcopy(cfg)
        for name in UNUSED:
            self.cfg.pop(name, None)
        self.folder = folder
        init_default_scope(cfg.get("default_scope", "mmengine"))
        loader = copy.deepcopy(cfg.test_dataloader)
        loader.dataset = DecodedImages(DATASETS.build(loader.dataset))
        if loader.get("num_workers"):
            loader.persistent_workers = True
        self.loader = Runner.build_dataloader(loader, seed=0)
        self.count, self.metainfo = len(loader.dataset), loader.dataset.metainfo
        self._made = 0
        self._data: str | None = None
        self._hashed = False

    @property
    def images(self) -> DecodedImages:
        """The test set."""
        return self.loader.dataset

    @property
    def evaluator(self) -> PerImageEvaluator:
        """The config's metrics, which turn results of any images into numbers."""
        init_default_scope(self.cfg.get("default_scope", "mmengine"))
        evaluator = PerImageEvaluator(self.cfg.test_evaluator)
        evaluator.dataset_meta = self.metainfo
        return evaluator

    def close(self) -> None:
        """Let the decoded images go; metrics can still be computed."""
        self.loader = None

    def result(self, cell: Cell) -> CellResult:
        """Read a cell that was finished, or test it and keep it."""
        cfg = merged(self.cfg, cell)
        parts = self._parts(cfg)
        stem = re.sub(r"\W+", "_", f"{cell.name}_{cell.noise}_{cell.seed}")
        path = os.path.join(self.folder, f"{stem}_{_key(parts)}.pth")
        if self._data is not None:
            kept = _read(path) if os.path.isfile(path) else None
            if kept is not None and kept["parts"] == parts:
                return CellResult(*(kept[name] for name in CellResult._fields))
            self._say_why(cell, stem, parts)
        result = self._test(copy.deepcopy(cfg), cell, os.path.splitext(path)[0])
        # What was written over meanwhile may have been read before or after.
        if self._data is not None and self._parts(cfg) == parts:
            with atomic_path(path) as temporary:
                torch.save(dict(result._asdict(), parts=parts), temporary)
        return result

    def _test(self, cfg: Config, cell: Cell, work_dir: str) -> CellResult:
        cfg.test_evaluator = dict(
            type="mmdenoise.PerImageEvaluator", metrics=cfg.test_evaluator
        )
        cfg.work_dir = work_dir
        # Runners of one process are told apart by it.
        self._made += 1
        cfg.experiment_name = f"{os.path.basename(work_dir)}_{id(self)}_{self._made}"
        cfg.custom_hooks = [
            *(cfg.get("custom_hooks") or []),
            dict(type="mmdenoise.DatasetClassesHook"),
            dict(type="mmdenoise.ProgressHook", title=cell.title),
        ]
        given = {name: cfg[name] for name in RUNNER if cfg.get(name) is not None}
        runner = Runner(test_dataloader=self.loader, cfg=cfg, **given)
        found = runner.test()
        numbers = numbers_in(found)
        left_out = [key for key in found if key not in numbers]
        return CellResult(numbers, runner.test_evaluator.per_image, left_out)

    def _parts(self, cfg: Config) -> dict[str, str]:
        """Digests of all that a result depends on."""
        if not self._hashed:
            self._hashed = True
            line = ProgressLine("reading the test set", sys.stderr)
            self._data = data_digest(self.images.dataset, line.show)
            if self._data is None:
                line.say(
                    "nothing is kept for a next time: the files of this test set "
                    f"({type(self.images.dataset).__name__}) cannot be told"
                )
        options = {k: v for k, v in cfg.to_dict().items() if k not in HOW}
        # Their contents stand elsewhere.
        options["test_dataloader"] = {
            k: v for k, v in cfg.test_dataloader.to_dict().items() if k not in LOADING
        }
        head = cfg.model.get("head")
        if isinstance(head, str):
            # The path stays while what is written there changes.
            head = open_head(head, cfg.model.get("head_options")).to_dict()
        weights = [cfg.model.get(f"{what}_checkpoint") for what in ("denoiser", "head")]
        others = {k: v for k, v in options.items() if k != "model"}
        others["model"] = {k: v for k, v in options["model"].items() if k != "head"}
        return dict(
            code=code_digest(_imports(cfg, cfg.model.get("head"))),
            options=text_digest(_text(options), get_device().partition(":")[0]),
            head=text_digest(_text(head), *files_named_in(head)),
            weights=text_digest(
                *(weights_digest(path) for path in weights), *files_named_in(others)
            ),
            data=self._data or "",
        )

    def _say_why(self, cell: Cell, stem: str, parts: dict[str, str]) -> None:
        """Say what changed since a cell of this name was finished, if one was."""
        found = [kept["parts"] for kept in self._others(stem)]
        changes = [
            [name for name in parts if old[name] != parts[name]] for old in found
        ]
        if changes:
            what = " and ".join(min(changes, key=len))
            print(f"{cell.title}: made anew, changed: {what}", file=sys.stderr)

    def _others(self, stem: str) -> Iterator[dict]:
        name = re.compile(re.escape(stem) + r"_[0-9a-f]{16}\.pth")
        exists = os.path.isdir(self.folder)
        for entry in sorted(os.listdir(self.folder)) if exists else ():
            if name.fullmatch(entry):
                kept = _read(os.path.join(self.folder, entry))
                if kept is not None:
                    yield kept


def _key(parts: dict[str, str]) -> str:
    return text_digest(*parts.values())[:16]


def _text(options: object) -> str:
    return json.dumps(options, sort_keys=True, default=str)


def _imports(cfg: Config, head: object) -> list[str]:
    """Modules that a config, and the config of its head, import by name."""
    found = list((cfg.get("custom_imports") or {}).get("imports", ()))
    if isinstance(head, str) and os.path.isfile(head):
        whole = Config.fromfile(head, import_custom_modules=False)
        found += (whole.get("custom_imports") or {}).get("imports", ())
    return [name for name in found if not name.startswith("mmdenoise")]


def _read(path: str) -> dict | None:
    """Read a kept cell; one that is damaged, or not ours, is named and left aside."""
    try:
        kept = open_checkpoint(path, "a kept result")
    except ValueError as error:
        print(f"{error}: made anew", file=sys.stderr)
        return None
    names = {"parts", *CellResult._fields}
    if not (isinstance(kept, dict) and set(kept) == names):
        print(f"{path!r} is no kept result: made anew", file=sys.stderr)
        return None
    return kept
