"""Random states in checkpoints, so that a resumed training draws what was to come.

A state holds tensors and plain numbers alone: readers that execute nothing open it.
"""

from __future__ import annotations

import random
from numbers import Integral
from typing import Callable

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmdenoise.registry import HOOKS
from mmdenoise.seeds import seed_of

from .saving import saves_after_epoch, saves_after_iter

__all__ = ["RandomStateHook", "random_state", "restore_random_state"]

KEY = "random_state"


def random_state() -> dict:
    """Read the states of Python's, NumPy's and PyTorch's global generators.

    Returns:
        Tensors and numbers by name; those of CUDA in a list, one a device.
    """
    _, python, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state()
    return dict(
        python=torch.tensor(python),
        # Gaussians come in pairs, of which one may wait.
        python_gauss=gauss,
        numpy=torch.from_numpy(keys.astype(np.int64)),
        numpy_position=int(position),
        numpy_gauss=float(cached) if has_gauss else None,
        torch=torch.get_rng_state(),
        cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    )


def restore_random_state(state: dict) -> None:
    """Put the global generators where :func:`random_state` found them.

    Args:
        state: From any device; CUDA devices that it or this process lacks are left.
    """
    random.setstate((3, tuple(state["python"].tolist()), state["python_gauss"]))
    gauss = state["numpy_gauss"]
    keys = state["numpy"].cpu().numpy().astype(np.uint32)
    np.random.set_state(
        ("MT19937", keys, state["numpy_position"], gauss is not None, gauss or 0.0)
    )
    torch.set_rng_state(state["torch"].cpu())
    for device, cuda in zip(range(torch.cuda.device_count()), state["cuda"]):
        torch.cuda.set_rng_state(cuda.cpu(), device)


def _seed_by(*parts: int) -> None:
    """Seed the global generators by integers, far from those of other integers."""
    seed = seed_of(repr(parts).encode(), bits=32)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Keep random states in checkpoints, restore them, and shield them from validation.

    With it a training with ``num_workers=0`` that is killed and resumed draws the same
    numbers as one that runs through. States are those of every rank. A sampler's seed
    is kept with them, since without ``randomness.seed`` each start draws another.
    """

    # The last thing before CheckpointHook (VERY_LOW, 90) saves.
    priority = 89

    def __init__(self) -> None:
        self._states: list | None = None  # of all ranks, while they are to be saved
        self._before_val: dict | None = None
        self._loaded: dict | None = None
        self._restore: Callable[[], None] | None = None

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None):
        """Forget what was gathered for an earlier checkpoint."""
        self._states = None

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Gather the states of all ranks where a checkpoint follows."""
        if saves_after_iter(runner):
            self._states = all_gather_object(random_state())

    def after_train_epoch(self, runner: Runner) -> None:
        """Gather the states of all ranks where a checkpoint follows."""
        if saves_after_epoch(runner):
            self._states = all_gather_object(random_state())

    def before_val(self, runner: Runner) -> None:
        """Keep the training's states, for ``after_val`` and for a best checkpoint."""
        self._before_val = random_state()
        self._states = all_gather_object(self._before_val)

    def after_val(self, runner: Runner) -> None:
        """Go on as if there had been no validation; it follows some checkpoint."""
        restore_random_state(self._before_val)
        self._states = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the states; this runs on rank 0 alone."""
        sampler = _sampler(runner.train_dataloader)
        checkpoint[KEY] = dict(
            ranks=self._states or [random_state()],
            sampler_seed=None if sampler is None else int(sampler.seed),
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the states out; whether they are needed shows when training begins."""
        self._loaded = checkpoint.get(KEY)

    def before_train(self, runner: Runner) -> None:
        """Prepare a resumed training; ``load_from`` begins one at iteration 0."""
        loaded, self._loaded = self._loaded, None
        if runner.iter == 0:
            return
        # With `randomness.diff_rank_seed` each rank has one, by which the training
        # noise goes; MMEngine has just given all of them rank 0's.
        runner.message_hub.update_info("seed", runner.seed)
        loaded = loaded or dict(ranks=[], sampler_seed=None)
        states, rank, ranks = loaded["ranks"], get_rank(), get_world_size()
        if len(states) != ranks:
            print_log(
                f"the checkpoint holds the random states of {len(states)} processes, "
                f"and there are {ranks}: others are seeded by (seed, rank, iteration), "
                "and this training will not repeat an uninterrupted one",
                logger="current",
                level=30,
            )
        loop = runner.train_loop
        _restore_order(loop, loaded["sampler_seed"])

        def restore() -> None:
            if rank < len(states):
                restore_random_state(states[rank])
            else:
                _seed_by(runner.seed, rank, runner.iter)

        if hasattr(loop, "dataloader_iterator"):
            loop.dataloader_iterator = _FirstBatch(loop, restore)
        else:
            self._restore = restore

    def before_train_epoch(self, runner: Runner) -> None:
        """Restore the states where a loop begins epochs anew."""
        if self._restore is not None:
            self._restore()
            self._restore = None


class _FirstBatch:
    """Stand in for an iterator of batches until the first one to be trained on.

    ``IterBasedTrainLoop`` skips what was trained on after the last hook that precedes
    the first batch. Some versions of MMEngine draw those batches and drop them, and all
    draw a number where an iterator begins.
    """

    def __init__(self, loop, restore: Callable[[], None]) -> None:
        self.loop = loop
        self.restore = restore
        self.batches = loop.dataloader_iterator
        self.dropped = 0 if hasattr(self.batches, "skip_iter") else loop.iter

    def __getattr__(self, name: str):
        return getattr(self.batches, name)

    def __iter__(self):
        return self

    def __next__(self):
        if self.dropped > 0:
            self.dropped -= 1
            return next(self.batches)
        if hasattr(self.batches, "_ensure_iterator"):
            self.batches._ensure_iterator()
        self.loop.dataloader_iterator = self.batches
        self.restore()
        return next(self.batches)


def _sampler(dataloader):
    """Find the sampler that shuffles by a seed of its own."""
    batch_sampler = getattr(dataloader, "batch_sampler", None)
    for sampler in (
        getattr(dataloader, "sampler", None),
        getattr(batch_sampler, "sampler", None),
    ):
        if isinstance(getattr(sampler, "seed", None), Integral):
            return sampler
    return None


def _restore_order(loop, seed: int | None) -> None:
    """Let the sampler go by the seed of the interrupted training."""
    sampler = _sampler(loop.dataloader)
    if sampler is None or seed in (None, sampler.seed):
        return
    sampler.seed = seed
    if hasattr(sampler, "_indices_of_rank"):
        sampler.indices = sampler._indices_of_rank()
    if hasattr(loop, "dataloader_iterator"):
        # Workers of some versions have begun to load, in the old order.
        loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)
