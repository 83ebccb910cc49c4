"""A data set and a head of other classes, told apart before anything is scored."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.models.label_check import LabelCheck
from mmdenoise.registry import HOOKS

__all__ = ["DatasetClassesHook"]


@HOOKS.register_module()
class DatasetClassesHook(Hook):
    """Refuse a data set whose classes are not the head's: as many, in one order.

    Hosts count the data set's: MMSegmentation's metric drops every pixel in which a
    head of 21 classes finds one of those that a set of two does not name, and the
    score comes out too high. Data sets that name no classes are passed, and heads of
    one: what such a head finds, a depth for instance, is no class. The order is known
    where the head's checkpoint names its classes, as the hosts' do.

    Raises:
        ValueError: Naming both numbers, or the first label that means two things.
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
    names = list(check.names)
    if sorted(map(str, named)) == sorted(names) and list(named) != names:
        label = next(k for k, (a, b) in enumerate(zip(named, names)) if a != b)
        raise ValueError(
            f"{type(dataloader.dataset).__name__} names the head's classes in another "
            f"order: label {label} is {named[label]!r} there, and {names[label]!r} in "
            "the head's checkpoint"
        )
