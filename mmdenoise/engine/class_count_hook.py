"""A data set and a head of different classes, told apart before anything is scored."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.models.label_check import LabelCheck
from mmdenoise.registry import HOOKS

__all__ = ["ClassCountHook"]


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse a data set that names another number of classes than the head has.

    Hosts count the data set's: MMSegmentation's metric drops every pixel in which a
    head of 21 classes finds one of those that a set of two does not name, and the
    score comes out too high. Data sets that name no classes are passed, and heads of
    one: what such a head finds, a depth for instance, is no class.

    Raises:
        ValueError: Naming both numbers.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training's data and the validation's."""
        _refuse_others(runner, runner.train_dataloader)
        if runner.val_loop is not None:
            _refuse_others(runner, runner.val_dataloader)

    def before_val(self, runner: Runner) -> None:
        """Check the validation's data."""
        _refuse_others(runner, runner.val_dataloader)

    def before_test(self, runner: Runner) -> None:
        """Check the test's data."""
        _refuse_others(runner, runner.test_dataloader)


def _refuse_others(runner: Runner, dataloader) -> None:
    meta = getattr(dataloader.dataset, "metainfo", None) or {}
    named = meta.get("classes")
    model = runner.model
    while hasattr(model, "module"):  # of several ranks, or of test-time augmentation
        model = model.module
    # A cascade has looked into its head already.
    check = getattr(model.data_preprocessor, "check_labels", None) or LabelCheck(model)
    if not isinstance(named, (list, tuple)) or not named:
        return
    if check.classes is not None and 1 < check.classes != len(named):
        few = ", ".join(str(name) for name in named[:3])
        raise ValueError(
            f"{type(dataloader.dataset).__name__} names {len(named)} classes ({few}"
            f"{', ...' if len(named) > 3 else ''}), and the head has {check.classes}: "
            "the data set's metainfo must name the head's classes, each at its label"
        )
