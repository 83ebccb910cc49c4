"""Denoisers that are compared, as ``--denoiser NAME=SOURCE`` names them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from mmdenoise.apis.denoiser import (
    UnnamedDenoiserError,
    denoiser_config,
    load_denoiser,
    takes_sigma,
)
from mmdenoise.data_digest import file_digest
from mmdenoise.weights.denoiser_file import whole_config
from mmdenoise.weights.zoo import zoo_file

__all__ = ["CLEAN", "NOISY", "Method", "check_names", "fill_in"]

# The rows of a head alone.
CLEAN, NOISY = "clean", "noisy"


def check_names(names: Iterable[str]) -> None:
    """Refuse methods whose names say something else, or two of one name.

    Raises:
        ValueError: Naming the name.
    """
    seen = set()
    for name in names:
        if name in (CLEAN, NOISY):
            raise ValueError(
                f"a method may not be called {name!r}: that is the row of the head "
                f"alone on {name} images"
            )
        if not name.strip():
            raise ValueError("a method needs a name")
        if name in seen:
            raise ValueError(f"two methods are called {name!r}")
        seen.add(name)


def fill_in(spec: str, values: Mapping[str, object]) -> str:
    """Put a noise's values in the place of their names: ``{sigma}`` becomes 25."""
    for name, value in values.items():
        text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
        spec = spec.replace(f"{{{name}}}", text)
    return spec


@dataclass(frozen=True)
class Method:
    """A denoiser for each noise level.

    Attributes:
        name: Of its row or column.
        spec: What :func:`mmdenoise.apis.load_denoiser` takes: a name of the zoo, a
            file, or the class of a denoiser without weights. ``{sigma}`` in it stands
            for the level (``weights/dncnn_sigma{sigma}.pth``).
    """

    name: str
    spec: str

    def source(self, sigma: float) -> str:
        """What is loaded for a level."""
        return fill_in(self.spec, dict(sigma=sigma))

    def load(self, sigma: float, device: str | torch.device = "cpu") -> nn.Module:
        """Load the denoiser for a level, and tell it the level if it takes one.

        Raises:
            ImportError, OSError, RuntimeError, ValueError: See ``load_denoiser``.
        """
        level = sigma if self.takes_sigma(sigma) else None
        return load_denoiser(self.source(sigma), device, level)

    def takes_sigma(self, sigma: float) -> bool:
        """Whether the denoiser for a level is one that is told its level."""
        return takes_sigma(self.source(sigma))

    def digest(self, sigma: float) -> str:
        """Hash of what is loaded for a level: the file, or the class and its options.

        Raises:
            ValueError: If there is no such file or class.
        """
        source = self.source(sigma)
        path = zoo_file(source) or source
        if not os.path.isfile(path):
            config = json.dumps(whole_config(dict(type=source)), sort_keys=True)
            return hashlib.sha256(config.encode()).hexdigest()
        return file_digest(path)

    def model(self, values: Mapping[str, object]) -> dict:
        """What puts this method in front of a cascade's head.

        Args:
            values: Of the noise, by the names that may stand in ``spec``; ``sigma``
                also goes to a denoiser that must be told its level.

        Returns:
            ``denoiser`` and ``denoiser_checkpoint``, to be merged over the model. A
            file of weights that does not say of what network gives the latter alone.

        Raises:
            FileNotFoundError, RuntimeError, ValueError: See ``load_denoiser``.
        """
        source = fill_in(self.spec, values)
        try:
            sigma = values.get("sigma") if takes_sigma(source) else None
            config, path = denoiser_config(source, sigma)
        except UnnamedDenoiserError:
            return dict(denoiser_checkpoint=source)
        return dict(denoiser=dict(config, _delete_=True), denoiser_checkpoint=path)
