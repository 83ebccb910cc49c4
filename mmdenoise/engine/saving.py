"""When the checkpoint hooks of a Runner write."""

from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

__all__ = ["saves_after_epoch", "saves_after_iter"]


def saves_after_iter(runner: Runner) -> bool:
    """Whether a checkpoint follows this iteration; every rank gets the same answer.

    For use in ``after_train_iter``, where ``Runner.save_checkpoint`` is still to come,
    and comes on rank 0 alone.
    """
    return any(
        hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
        or (hook.save_last and hook.is_last_train_iter(runner))
        for hook in _hooks(runner, by_epoch=False)
    )


def saves_after_epoch(runner: Runner) -> bool:
    """Whether a checkpoint follows this epoch, likewise for ``after_train_epoch``."""
    return any(
        hook.every_n_epochs(runner, hook.interval, hook.save_begin)
        or (hook.save_last and hook.is_last_train_epoch(runner))
        for hook in _hooks(runner, by_epoch=True)
    )


def _hooks(runner: Runner, by_epoch: bool) -> list:
    return [
        hook
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook) and hook.by_epoch == by_epoch
    ]
