"""Names of random draws, in place of an order of images.

A batch that is drawn from a generator seeded by its name needs no state to be drawn
again: a resumed training names the batches that were to come, and gets them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sized
from typing import NamedTuple

import torch
from mmengine.dist import get_rank, sync_random_seed
from torch import Generator
from torch.utils.data import Sampler

from mmdenoise.registry import DATA_SAMPLERS
from mmdenoise.seeds import seed_of

__all__ = ["Draw", "DrawSampler"]


class Draw(NamedTuple):
    """The name of a sample that is drawn at random.

    Attributes:
        seed: Of the training; the same for all ranks.
        rank: Of the process.
        number: How many samples this process drew before. That of a batch's first
            sample is the iteration times the batch size.
    """

    seed: int
    rank: int
    number: int

    def generator(self, device: str | torch.device) -> Generator:
        """Return the generator of this name, far from those of other names."""
        return Generator(device).manual_seed(seed_of(repr(self).encode()))


@DATA_SAMPLERS.register_module()
class DrawSampler(Sampler):
    """Name samples without end, for a data set that draws them at random.

    Args:
        dataset: The data set; gives the length alone.
        seed: Set by the Runner; None lets the ranks agree on one.
    """

    def __init__(self, dataset: Sized, seed: int | None = None) -> None:
        self.dataset = dataset
        # RandomStateHook keeps it, and sets it when a training is resumed.
        self.seed = sync_random_seed() if seed is None else seed
        self.rank = get_rank()
        self.first = 0

    def __iter__(self) -> Iterator[Draw]:
        """Name samples, each of them once."""
        for number in itertools.count(self.first):
            yield Draw(self.seed, self.rank, number)

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    def skip(self, num_samples: int) -> None:
        """Begin where a training that is resumed has drawn so many samples."""
        if num_samples < 0:
            raise ValueError(f"num_samples must not be negative, got {num_samples}")
        self.first = num_samples
