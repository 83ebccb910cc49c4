"""What a config's test set says, found without its files: classes, colours, steps."""

from __future__ import annotations

import inspect
import os

from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS

__all__ = ["image_pipeline", "info_of_test_set"]

# MMSegmentation's class that every set of it inherits.
BASE = "BaseSegDataset"


def inner_dataset(cfg: Config) -> ConfigDict:
    """The data set itself, or the first one, within ``ConcatDataset`` and the like.

    Raises:
        ValueError: If the config has no test set.
    """
    if cfg.get("test_dataloader") is None:
        raise ValueError("the config has no test_dataloader: no test set, no pipeline")
    dataset = cfg.test_dataloader.dataset
    while "pipeline" not in dataset and ("datasets" in dataset or "dataset" in dataset):
        dataset = dataset["datasets"][0] if "datasets" in dataset else dataset.dataset
    return dataset


def image_pipeline(cfg: Config) -> list:
    """The test pipeline without what reads a label."""
    pipeline = inner_dataset(cfg).get("pipeline") or [None]
    steps = [step for step in pipeline if "LoadAnnotations" not in str(step)]
    # Whatever reader the config has, a truncated file must not pass.
    steps[0] = dict(type="mmdenoise.LoadImage")
    return steps


def info_of_test_set(cfg: Config) -> dict:
    """What is known of the test set's classes.

    Returns:
        ``classes``, ``palette`` and ``reduce_zero_label``, where there are any. A
        palette that is missing is what MMSegmentation makes up for it.
    """
    dataset = inner_dataset(cfg)
    # A set of the host's own is registered with the host, not with us.
    with DATASETS.switch_scope_and_registry(cfg.get("default_scope")) as registry:
        found = registry.get(dataset.type)
    info = dict(getattr(found, "METAINFO", {}))
    classes = dataset.get("classes")  # of MMPretrain's sets: names, or a file of them
    if isinstance(classes, str) and os.path.isfile(classes):
        with open(classes, encoding="utf-8") as file:
            classes = [line.rstrip("\r\n") for line in file]
    if classes:
        info["classes"] = list(classes)
    info.update(dataset.get("metainfo") or {})
    base = next((c for c in inspect.getmro(found) if c.__name__ == BASE), None)
    if base is not None and info.get("classes"):
        reduced = dataset.get("reduce_zero_label", _default(found, "reduce_zero_label"))
        # The whole set may be gone, or elsewhere; this part of it reads no file.
        bare = type(found.__name__, (base,), dict(METAINFO=found.METAINFO))
        options = dict(lazy_init=True, reduce_zero_label=bool(reduced))
        info.update(bare(metainfo=dataset.get("metainfo"), **options).metainfo)
    return info


def _default(found: type, name: str) -> object:
    """Default of a constructor's argument, of the class or of those it inherits."""
    for one in inspect.getmro(found):
        parameter = inspect.signature(one.__init__).parameters.get(name)
        if parameter is not None and parameter.default is not parameter.empty:
            return parameter.default
    return None
