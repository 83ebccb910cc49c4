"""Stop a training whose loss, or weights, are no longer numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from mmdenoise.registry import HOOKS

from .saving import saves_after_epoch, saves_after_iter

__all__ = ["InvalidLossHook"]


@HOOKS.register_module()
class InvalidLossHook(Hook):
    """Stop at a NaN or infinite loss; save no weights that are NaN or infinite.

    The loss and each of its terms are looked at after every iteration. A gradient can
    be infinite where the loss is not, and spoils the weights one iteration before the
    loss tells; so the weights are looked at whenever a checkpoint is to be saved, and
    before CheckpointHook removes an older one for it. (The loss scaling of fp16 meets
    infinite *gradients* on purpose and skips those steps: they reach no weights.)

    Raises:
        RuntimeError: Naming the iteration, the terms or the weights, and the last
            checkpoint, which is as it was.
    """

    # After what logs the loss and averages the weights, before what saves them.
    priority = "LOW"

    def __init__(self) -> None:
        self._constants: set[str] = set()

    def before_train(self, runner: Runner) -> None:
        """Note buffers that are infinite by design, the masks of some transformers."""
        self._constants = {
            name for name, value in _model(runner).named_buffers() if not _finite(value)
        }

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Check the losses, and the weights where a checkpoint follows."""
        iteration = runner.iter + 1
        terms = _invalid_terms(outputs or {})
        if terms:
            _stop(runner, iteration, f"the loss is not finite ({', '.join(terms)})")
        if saves_after_iter(runner):
            self._check_model(runner, iteration)

    def after_train_epoch(self, runner: Runner) -> None:
        """Check the weights where a checkpoint follows."""
        if saves_after_epoch(runner):
            self._check_model(runner, runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check what is saved at any other time, a best checkpoint for instance."""
        self._check(runner, runner.iter, checkpoint["state_dict"].items())

    def _check_model(self, runner: Runner, iteration: int) -> None:
        model = _model(runner)
        self._check(runner, iteration, model.named_parameters())
        self._check(runner, iteration, model.named_buffers())

    def _check(
        self, runner: Runner, iteration: int, weights: Iterable[tuple[str, Tensor]]
    ) -> None:
        names = [
            name
            for name, value in weights
            if name not in self._constants and not _finite(value)
        ]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            _stop(
                runner,
                iteration,
                f"weights are not finite ({', '.join(names[:3])}{more}), as after a "
                "gradient that was not",
            )


def _stop(runner: Runner, iteration: int, what: str) -> None:
    # Not above: the models come with it, and `import mmdenoise` does without them.
    from mmdenoise.weights.resume import newest_checkpoint

    folders = [h.out_dir for h in runner.hooks if isinstance(h, CheckpointHook)]
    newest = newest_checkpoint((folders or [None])[0] or runner.work_dir)
    last = "there is none yet" if newest is None else f"the last one is {newest!r}"
    raise RuntimeError(
        f"iteration {iteration}: {what}; training stops, and earlier checkpoints are "
        f"as they were: {last}"
    )


def _invalid_terms(outputs: dict) -> list[str]:
    """Describe what is not finite: a cascade's terms by their names without weights."""
    invalid = {}
    for key, value in outputs.items():
        if "loss" not in key and f"loss_{key}" not in outputs:
            continue
        # RuntimeInfoHook has waited for the device already.
        value = float(torch.as_tensor(value).detach())
        if not math.isfinite(value):
            name = key.removeprefix("loss_")
            invalid[name if name in outputs else key] = value
    if len(invalid) > 1:
        invalid.pop("loss", None)  # their sum
    return [f"{name} is {value}" for name, value in invalid.items()]


def _finite(value: Tensor) -> bool:
    return not value.is_floating_point() or bool(value.isfinite().all())


def _model(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
