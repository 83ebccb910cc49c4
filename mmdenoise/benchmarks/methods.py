"""Denoisers that are compared, as ``--denoiser NAME=SOURCE`` names them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

import torch
from torch import nn

from mmdenoise.apis.denoiser import load_denoiser, takes_sigma
from mmdenoise.weights.denoiser_file import whole_config
from mmdenoise.weights.zoo import zoo_file

__all__ = ["Method"]


@dataclass(frozen=True)
class Method:
    """A denoiser for each noise level.

    Attributes:
        name: Of its column.
        spec: What :func:`mmdenoise.apis.load_denoiser` takes: a name of the zoo, a
            file, or the class of a denoiser without weights. ``{sigma}`` in it stands
            for the level (``weights/dncnn_sigma{sigma}.safetensors``).
    """

    name: str
    spec: str

    def source(self, sigma: float) -> str:
        """What is loaded for a level."""
        return self.spec.replace("{sigma}", f"{sigma:g}")

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
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        return digest.hexdigest()
