"""One of several noise models, drawn for each picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mmdenoise.registry import MODELS

from .base import Drawn, NoiseModel

__all__ = ["NoiseChoice"]


@MODELS.register_module()
class NoiseChoice(NoiseModel):
    """Draw one of several models for each picture.

    Args:
        models: Configs of noise models; each clips, rounds and compresses as its own
            config says.
        seed: See :class:`NoiseModel`; seeds in ``models`` have no effect.
        shares: How often each is drawn, in any unit: ``(3, 1)`` draws the first for
            three pictures of four. None: equally often.

    Raises:
        ValueError: If there is none, or shares do not fit.

    Example:
        >>> levels = [dict(type="mmdenoise.GaussianNoise", sigma=s) for s in (5, 50)]
        >>> model, black = NoiseChoice(levels), torch.zeros(20, 3, 8, 8)
        >>> model.add_and_tell(black, torch.Generator())[1].unique()
        tensor([ 5., 50.])
    """

    def __init__(
        self,
        models: Sequence[dict],
        seed: int = 0,
        shares: Sequence[float] | None = None,
    ) -> None:
        super().__init__(seed=seed)
        if not models:
            raise ValueError("NoiseChoice needs a noise model or more in models")
        self.models = [MODELS.build(model) for model in models]
        self.shares = None if shares is None else _checked_shares(shares, len(models))

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """Not called: models differ in what follows the noise, too."""
        raise NotImplementedError("NoiseChoice draws whole noisy images: add_and_tell")

    def add_and_tell(
        self, image: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor | None]:
        """As :meth:`NoiseModel.add_and_tell`; no level where one drawn tells none."""
        batch = image if image.ndim == 4 else image[None]
        chosen = self._choose(len(batch), generator)
        noisy = torch.empty_like(batch)
        levels: list[Tensor | None] = [None] * len(batch)
        for index, model in enumerate(self.models):
            ours = (chosen == index).nonzero().flatten().tolist()
            if ours:
                noisy[ours], sigma = model.add_and_tell(batch[ours], generator)
                for place, image_index in enumerate(ours):
                    levels[image_index] = None if sigma is None else sigma[place]
        noisy = noisy.reshape(image.shape)
        if any(level is None for level in levels):
            return noisy, None
        # One model may tell a number and another a map.
        level = torch.stack(torch.broadcast_tensors(*levels))
        return noisy, level if image.ndim == 4 else level[0]

    def _choose(self, count: int, generator: Generator) -> Tensor:
        """Draw the number of a model for each of ``count`` images."""
        drawing = dict(generator=generator, device=generator.device)
        if self.shares is None:
            return torch.randint(len(self.models), (count,), **drawing)
        ends = torch.tensor(self.shares, device=generator.device).cumsum(0)
        drawn = torch.rand(count, **drawing) * ends[-1]
        # A draw that rounds up to the end belongs to the last that is drawn at all.
        last = max(i for i, share in enumerate(self.shares) if share > 0)
        return torch.bucketize(drawn, ends, right=True).clamp(max=last)


def _checked_shares(shares: Sequence[float], count: int) -> tuple[float, ...]:
    fits = len(shares) == count and all(
        isinstance(share, (int, float)) and math.isfinite(share) and share >= 0
        for share in shares
    )
    if not (fits and any(shares)):
        raise ValueError(
            f"shares of NoiseChoice must be {count} finite numbers, one a model, not "
            f"negative and not all 0; got {shares!r}"
        )
    return tuple(float(share) for share in shares)
