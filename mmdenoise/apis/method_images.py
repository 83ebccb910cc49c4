"""What several denoisers make of one noisy image, and what a head then sees.

Shapes: images (3, H, W), RGB in [0, 1]; only the clean one stays inside.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.mmengine_loading import safe_loading

from .denoiser import load_denoiser, takes_sigma
from .denoising import denoise
from .methods import CLEAN, NOISY, check_names, fill_in
from .test_set_info import image_pipeline

__all__ = [
    "MethodImages",
    "MethodRunner",
    "config_without_head",
    "items_of_test_set",
]


class MethodImages(NamedTuple):
    """One image and its versions.

    Attributes:
        images: By name, in the order to show: ``clean`` where there is one, ``noisy``,
            then each method's, unclipped.
        samples: The head's prediction on each of them; what was packed where there is
            no head.
        seconds: How long each method took.
    """

    images: dict[str, Tensor]
    samples: dict[str, BaseDataElement]
    seconds: dict[str, float]

    @property
    def clean(self) -> Tensor | None:
        """The clean image, where there is one."""
        return self.images.get(CLEAN)

    @property
    def denoised(self) -> dict[str, Tensor]:
        """The methods' images alone."""
        return {k: v for k, v in self.images.items() if k not in (CLEAN, NOISY)}


def config_without_head(sigma: float | None, seed: int = 0) -> Config:
    """Config of a cascade that takes images by themselves.

    Args:
        sigma: Level of the Gaussian noise that is simulated, in 8-bit units; None where
            images are noisy already.
        seed: Of that noise.
    """
    noise = None
    if sigma is not None:
        noise = dict(type="mmdenoise.GaussianNoise", sigma=sigma, seed=seed)
    steps = [dict(type="mmdenoise.LoadImage"), dict(type="mmdenoise.PackImage")]
    return Config(
        dict(
            model=dict(type="mmdenoise.Cascade", denoiser=None, noise=noise),
            test_dataloader=dict(dataset=dict(pipeline=steps)),
        )
    )


class MethodRunner:
    """Denoisers that get the same noisy images.

    Args:
        sources: What :func:`mmdenoise.apis.load_denoiser` takes, by the method's name.
        cfg: Config of a cascade, whose head, test pipeline and noise are taken;
            ``model.noise`` is None where images are noisy already.
        device: Where to run.
        sigma: Level in 8-bit units of images that are noisy already, for denoisers that
            take one; under simulated noise they are told the one that was drawn. It
            stands for ``{sigma}`` in a source, too. None takes that of the config's
            noise, where it is Gaussian of one level.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If a source cannot be loaded, a
            name is taken, or a level is missing, by name.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        cfg: Config,
        device: str = "cpu",
        sigma: float | None = None,
    ) -> None:
        check_names(sources)
        if "denoiser" not in cfg.model:
            raise ValueError("the config is no cascade's: it has no model.denoiser")
        init_default_scope(cfg.get("default_scope", "mmengine"))
        self.cfg = cfg
        if sigma is None:
            sigma = _level_of(cfg.model.get("noise"))
        self.denoisers: dict[str, nn.Module] = {}
        for name, spec in sources.items():
            source = spec if sigma is None else fill_in(spec, dict(sigma=sigma))
            level = sigma if takes_sigma(source) else None
            self.denoisers[name] = load_denoiser(source, device, level)
        self._pipeline = Compose(image_pipeline(cfg))
        identity = dict(type="mmdenoise.IdentityDenoiser")
        model = dict(cfg.model, denoiser=identity, denoiser_checkpoint=None)
        with safe_loading():
            self._cascade = MODELS.build(model).to(device).eval()

    def simulate(self, noise: dict | None) -> None:
        """Add another noise from now on; None where images are noisy already."""
        model = None if noise is None else MODELS.build(noise)
        self._cascade.data_preprocessor.noise = model

    def read(self, path: str, clean: str | None = None) -> dict:
        """Read an image through the config's test pipeline.

        Args:
            path: The image's file.
            clean: The file of its clean version, for one that is noisy already.

        Raises:
            FileNotFoundError, ValueError: If a file is missing or no whole 8-bit RGB
                image, or the two differ in size.
        """
        data = self._pipeline(dict(img_path=path))
        if clean is not None:
            data["clean"] = self._pipeline(dict(img_path=clean))["inputs"]
            ours, theirs = data["inputs"].shape[1:], data["clean"].shape[1:]
            if ours != theirs:
                raise ValueError(
                    f"{path!r} is {ours[0]}x{ours[1]}, its clean image {clean!r} "
                    f"{theirs[0]}x{theirs[1]} (height x width)"
                )
        return data

    @torch.no_grad()
    def run(self, data: dict) -> MethodImages:
        """Make an image's versions.

        Args:
            data: From :meth:`read`, or an item of the config's data set.
        """
        batch = self._cascade.data_preprocessor(pseudo_collate([data]), False)
        clean, noisy, drawn = batch["clean"], batch["inputs"], batch["sigma"]
        versions = {NOISY: noisy} if clean is None else {CLEAN: clean, NOISY: noisy}
        seconds = {}
        for name, denoiser in self.denoisers.items():
            start = time.monotonic()
            level = drawn if getattr(denoiser, "takes_sigma", False) else None
            versions[name] = denoise(denoiser, noisy, sigma=level).cpu()
            seconds[name] = time.monotonic() - start
        samples = {
            name: self._cascade(
                image.to(noisy.device),
                copy.deepcopy(batch["data_samples"]),
                mode="predict",
                canvas=batch["canvas"],
            )[0]
            for name, image in versions.items()
        }
        images = {name: image[0].cpu() for name, image in versions.items()}
        return MethodImages(images, samples, seconds)


def items_of_test_set(cfg: Config, indices: Sequence[int]) -> list[dict]:
    """Read items of a config's test set, labels included.

    Raises:
        ValueError: If an index lies beyond it.
    """
    if not indices:
        return []
    init_default_scope(cfg.get("default_scope", "mmengine"))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    wrong = [index for index in indices if not 0 <= index < len(dataset)]
    if wrong:
        raise ValueError(
            f"the test set has the images 0 to {len(dataset) - 1}, none of index "
            f"{wrong[0]}"
        )
    return [dataset[index] for index in indices]


def _level_of(noise: dict | None) -> float | None:
    """The level of a noise that is Gaussian and has one."""
    kind = None if noise is None else str(noise.get("type")).rpartition(".")[2]
    level = noise.get("sigma") if kind == "GaussianNoise" else None
    return float(level) if isinstance(level, (int, float)) else None
