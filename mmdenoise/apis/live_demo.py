"""One picture at a time, for the live page: noisy, denoised, and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from mmengine.config import Config

from mmdenoise.evaluation.noise_level import noise_level
from mmdenoise.evaluation.psnr_ssim import quantize
from mmdenoise.visualization.method_panel import Block, draw_method_panel, figure_pixels

from .method_images import MethodImages, MethodRunner
from .methods import NOISY
from .panels import image_block
from .test_set_info import info_of_test_set

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LiveDemo", "LiveResult", "cascade_sources"]

# Longer sides are cut, so that an answer takes seconds.
LONGEST = 768


class LiveResult(NamedTuple):
    """What is shown of one picture.

    Attributes:
        pictures: (H, W, 3) uint8 by the version's name: ``noisy``, each method's, and
            ``clean`` where noise was added.
        views: For each of them a picture of what the head sees in it.
        text: The level that was measured, and what took how long, in Markdown.
    """

    pictures: dict[str, np.ndarray]
    views: dict[str, np.ndarray]
    text: str


def cascade_sources(cfg: Config, checkpoint: str | None) -> dict[str, str]:
    """What a trained cascade is compared with: the denoiser that it began from.

    Args:
        cfg: Config of a cascade.
        checkpoint: Of the trained one; None where the config's denoiser is all there
            is.

    Raises:
        ValueError: If there is neither.
    """
    sources = dict(separate=cfg.model.get("denoiser_checkpoint"), joint=checkpoint)
    sources = {name: source for name, source in sources.items() if source is not None}
    if not sources:
        raise ValueError(
            "nothing denoises: give --checkpoint, or set model.denoiser_checkpoint"
        )
    return sources


class LiveDemo:
    """Denoisers in front of a cascade's head, for pictures that come one by one.

    Args:
        cfg: Config of a cascade with its test pipeline.
        sources: Files of denoisers or cascades, or names in the zoo, by method.
        device: Where to run.

    Attributes:
        classes: Names of the head's classes.
        methods: The methods' names.
        sigma: Level of the config's noise, where it has one; else 30.
    """

    def __init__(
        self, cfg: Config, sources: Mapping[str, str], device: str = "cpu"
    ) -> None:
        self.classes = list(info_of_test_set(cfg).get("classes", ()))
        self.runner = MethodRunner(sources, cfg, device)
        self.methods = list(sources)
        level = (cfg.model.get("noise") or {}).get("sigma")
        self.sigma = level if isinstance(level, (int, float)) else 30

    def run(self, path: str, sigma: float | None) -> LiveResult:
        """Denoise a picture and predict.

        Args:
            path: The picture's file.
            sigma: Level of the Gaussian noise that is added, in 8-bit units; None for a
                picture that is noisy already.

        Raises:
            FileNotFoundError, ValueError: If the file is no whole 8-bit RGB image, or
                the level is negative.
        """
        noise = None
        if sigma is not None:
            noise = dict(type="mmdenoise.GaussianNoise", sigma=sigma)
        self.runner.simulate(noise)
        data = self.runner.read(path)
        cut = _cut_middle(data)
        image = self.runner.run(data)
        block = image_block(image, None, self.classes)
        pictures = {
            name: quantize(version).permute(1, 2, 0).numpy()
            for name, version in image.images.items()
        }
        views = {
            name: figure_pixels(self._view(name, block, dpi=110)) for name in pictures
        }
        return LiveResult(pictures, views, _text(image, sigma, cut))

    def _view(self, name: str, block: Block, dpi: int) -> Figure:
        alone = Block({name: block.cells[name]}, None, block.truth)
        return draw_method_panel([alone], self.classes, dpi, beside=[block])


def _cut_middle(data: dict) -> str:
    """Cut what is too large, in place; say so."""
    height, width = data["inputs"].shape[-2:]
    if max(height, width) <= LONGEST:
        return ""
    down, across = min(height, LONGEST), min(width, LONGEST)
    top, left = (height - down) // 2, (width - across) // 2
    cut = data["inputs"][:, top : top + down, left : left + across].contiguous()
    data["inputs"] = cut
    size = (down, across)
    data["data_samples"].set_metainfo(dict(img_shape=size, ori_shape=size))
    return f" The middle {across}x{down} of {width}x{height} pixels is shown."


def _text(image: MethodImages, sigma: float | None, cut: str) -> str:
    noisy = image.images[NOISY].permute(1, 2, 0).numpy()
    try:
        level = f"Measured noise level: **{noise_level(noisy):.1f}**"
    except ValueError as error:
        level = f"Noise level: not measured ({error})"
    if sigma is not None:
        level += f" ({sigma:g} was added)"
    times = [f"{name} {seconds:.2f} s" for name, seconds in image.seconds.items()]
    return f"{level}.{cut} Denoising took: {', '.join(times)}."
