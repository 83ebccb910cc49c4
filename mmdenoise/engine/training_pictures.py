"""Training in pictures: what becomes of a few images, every so many iterations."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch import nn

from mmdenoise.datasets.draws import Draw, DrawSampler
from mmdenoise.registry import HOOKS
from mmdenoise.visualization.training_pictures import training_pictures

from .random_state import random_state, restore_random_state

__all__ = ["TrainingPicturesHook"]


@HOOKS.register_module()
class TrainingPicturesHook(Hook):
    """Show noisy, denoised and clean images, and what the head sees, as trained so far.

    A picture goes to the visualizer's backends (files, TensorBoard, WandB) when a
    training begins, every ``interval`` iterations, and at its end. It always shows the
    first images of the validation set; without one those of the test set, and without
    its files those of the training set, as its pipeline makes them once. Simulated
    noise is each image's own of evaluation. The training itself does not change by a
    bit: its random states, batch norm statistics and modes stay as they are.

    Args:
        interval: Iterations from one picture to the next.
        images: How many images are shown.
        width: Pixels of a column. Images that are larger are scaled down.
        name: Of the picture in the backends.

    Raises:
        ValueError: If a number is below 1.
    """

    priority = "LOW"

    def __init__(
        self,
        interval: int = 1000,
        images: int = 3,
        width: int = 384,
        name: str = "training_pictures",
    ) -> None:
        for option, value in dict(
            interval=interval, images=images, width=width
        ).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(
                    f"TrainingPicturesHook: {option} must be a whole number, 1 or "
                    f"more, got {value!r}"
                )
        self.interval = interval
        self.images = images
        self.width = width
        self.name = name
        self._items: list[dict] = []
        self._info: dict = {}
        self._shown: int | None = None

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Read the images, and show what the training begins from."""
        with _untouched_random_state():
            dataset, indices = self._choose(runner)
            self._items = [dataset[index] for index in indices]
        self._info = dict(getattr(dataset, "metainfo", None) or {})
        self._show(runner, runner.iter)

    @master_only
    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Show the images where an interval ends."""
        if self.every_n_train_iters(runner, self.interval):
            self._show(runner, runner.iter + 1)

    @master_only
    def after_train(self, runner: Runner) -> None:
        """Show the end of a training, wherever it is."""
        if self._shown != runner.iter:
            self._show(runner, runner.iter)

    def _choose(self, runner: Runner) -> tuple:
        """The data set, and the indices of what is shown of it."""
        if runner.val_loop is not None:
            dataset = runner.val_dataloader.dataset
        else:
            dataset = _test_set(runner)
        if dataset is not None and len(dataset):
            return dataset, range(min(self.images, len(dataset)))
        loader = runner.train_dataloader
        if isinstance(loader.sampler, DrawSampler):
            return loader.dataset, [Draw(0, 0, number) for number in range(self.images)]
        return loader.dataset, range(min(self.images, len(loader.dataset)))

    def _show(self, runner: Runner, step: int) -> None:
        model = runner.model
        while is_model_wrapper(model):
            model = model.module
        with _untouched_random_state(), _evaluating(model), torch.no_grad():
            # One by one: they may differ in size, and memory is the training's.
            samples = [
                model.test_step(pseudo_collate([copy.deepcopy(item)]))[0].cpu()
                for item in self._items
            ]
        picture = training_pictures(samples, self._info, self.width)
        runner.visualizer.add_image(self.name, picture, step)
        self._shown = step


def _test_set(runner: Runner):
    """The test set, where the config has one and its files are there."""
    loader = runner.cfg.get("test_dataloader")
    if loader is None:
        return None
    try:
        dataset = DATASETS.build(loader["dataset"])
        len(dataset)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        print_log(
            f"training pictures show the training set: no test set ({reason})",
            logger="current",
        )
        return None
    return dataset


@contextmanager
def _untouched_random_state() -> Iterator[None]:
    """Give the global generators their states back at the end."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and each module back into its own."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
