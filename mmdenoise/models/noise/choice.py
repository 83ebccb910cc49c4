"""One of several noise models, drawn for each picture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor

from mmdenoise.registry import MODELS

from .base import Drawn, NoiseModel

__all__ = ["NoiseChoice"]


@MODELS.register_module()
class NoiseChoice(NoiseModel):
    """Draw one of several models for each picture, with equal chances.

    Args:
        models: Configs of noise models; each clips, rounds and compresses as its own
            config says.
        seed: See :class:`NoiseModel`; seeds in ``models`` have no effect.

    Raises:
        ValueError: If there is none.
    """

    def __init__(self, models: Sequence[dict], seed: int = 0) -> None:
        super().__init__(seed=seed)
        if not models:
            raise ValueError("NoiseChoice needs a noise model or more in models")
        self.models = [MODELS.build(model) for model in models]

    def draw(self, image: Tensor, generator: Generator) -> Drawn:
        """Not called: models differ in what follows the noise, too."""
        raise NotImplementedError("NoiseChoice draws whole noisy images: add_and_tell")

    def add_and_tell(
        self, image: Tensor, generator: Generator
    ) -> tuple[Tensor, Tensor | None]:
        """As :meth:`NoiseModel.add_and_tell`; no level where one drawn tells none."""
        batch = image if image.ndim == 4 else image[None]
        chosen = torch.randint(
            len(self.models),
            (len(batch),),
            generator=generator,
            device=generator.device,
        )
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
