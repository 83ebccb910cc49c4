"""An empty data list, named in a line, whichever host's data set it is."""

from __future__ import annotations

import traceback

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.registry import HOOKS

__all__ = ["EmptyDataHook", "explain_empty_data"]


def explain_empty_data(error: BaseException) -> str | None:
    """Say which list is empty, if that is why building a data set failed.

    MMEngine's ``BaseDataset`` joins what its list holds, and of an empty one NumPy says
    "need at least one array to concatenate". No hook runs before that.

    Returns:
        One line, or None if the error is another one.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        joins = frame.f_code.co_name == "_serialize_data"
        if joins and isinstance(owner, BaseDataset) and not owner.data_list:
            return _describe(owner)
    return None


@HOOKS.register_module()
class EmptyDataHook(Hook):
    """Refuse data sets without an image that could be built.

    Those that keep their list as it is (``serialize_data=False``), or are none of
    MMEngine's: an ``InfiniteSampler`` would look for their first image for ever.

    Raises:
        ValueError: Naming the data set and its list.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training's data and the validation's."""
        _refuse_empty(runner.train_dataloader)
        if runner.val_loop is not None:
            _refuse_empty(runner.val_dataloader)

    def before_val(self, runner: Runner) -> None:
        """Check the validation's data."""
        _refuse_empty(runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """Check the test's data."""
        _refuse_empty(runner.test_dataloader)


def _refuse_empty(dataloader) -> None:
    dataset = dataloader.dataset
    if hasattr(dataset, "__len__") and len(dataset) == 0:
        raise ValueError(_describe(dataset))


def _describe(dataset: object) -> str:
    name = type(dataset).__name__
    if getattr(dataset, "ann_file", None):
        return f"{name}: the data list {dataset.ann_file!r} names no image"
    folders = getattr(dataset, "data_prefix", {}).values()
    where = " and ".join(repr(folder) for folder in folders if folder)
    suffix = getattr(dataset, "img_suffix", None)
    kind = f"no image named *{suffix}" if suffix else "no image"
    return f"{name}: there is {kind} in {where}" if where else f"{name} holds no image"
