"""Where simulated noise comes from: an image's own generator, and training's."""

import hashlib
from typing import Optional

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from torch import Generator, Tensor

from mmdenoise.seeds import seed_of

__all__ = ["TrainingSeeds", "evaluation_generator"]


def evaluation_generator(raw: Tensor, seed: int) -> Generator:
    """CPU generator of an image's own noise.

    It depends on the noise seed and the raw pixels' values, and so neither on their
    type, nor on the batch, the worker, the rank, the device or the folder of the image.
    """
    raw = raw.cpu().contiguous()
    levels = raw.clamp(0, 255).to(torch.uint8)
    raw = levels if torch.equal(levels.to(raw), raw) else raw.float()
    digest = hashlib.sha256(f"{seed} {raw.dtype} {tuple(raw.shape)} ".encode())
    digest.update(raw.reshape(-1).view(torch.uint8).numpy())
    return Generator().manual_seed(seed_of(digest.digest()))


class TrainingSeeds:
    """Fresh noise at each step of a training, the same after resuming it."""

    def __init__(self) -> None:
        self._iteration: Optional[int] = None
        self._repeats = 0

    def generator(self, device: torch.device) -> Generator:
        """Generator of a training batch, seeded by (seed, rank, iteration).

        Under a Runner the message hub knows seed and iteration, which resuming
        restores. A bare loop does not move it: the repeats keep its noise fresh.
        """
        hub = MessageHub.get_current_instance()
        iteration = hub.get_info("iter", 0)
        self._repeats = self._repeats + 1 if iteration == self._iteration else 0
        self._iteration = iteration
        key = (hub.get_info("seed", 0), get_rank(), iteration, self._repeats)
        return Generator(device).manual_seed(seed_of(repr(key).encode()))
