"""PSNR and SSIM as MMEngine metrics, to run beside the task's own in one evaluator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable

from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmdenoise.registry import METRICS

from .psnr_ssim import psnr, ssim

__all__ = ["PSNR", "SSIM"]


class _ImageMetric(BaseMetric):
    """Scores one image of each data sample against its clean image.

    Subclasses give the function. One float per image is kept, so that results travel
    between ranks whatever `collect_device` is.
    """

    score: Callable[[Tensor, Tensor], float]

    def __init__(
        self,
        image_field: str = "denoised",
        collect_device: str = "cpu",
        prefix: str | None = None,
        collect_dir: str | None = None,
    ) -> None:
        if prefix is None and image_field != "denoised":
            prefix = image_field
        super().__init__(
            collect_device=collect_device, prefix=prefix, collect_dir=collect_dir
        )
        self.image_field = image_field

    @property
    def name(self) -> str:
        """The metric's key, without prefix."""
        return type(self).__name__

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score the images of one batch.

        Args:
            data_batch (Any): Not used.
            data_samples (Sequence[dict]): One dict per image, with `image_field` and
                `clean`: float tensors (3, H, W), RGB in [0, 1], the true area alone.

        Raises:
            ValueError: One of the two is missing, or they can not be compared.
        """
        for sample in data_samples:
            where = sample.get("img_path") or "an image without img_path"
            image, clean = sample.get(self.image_field), sample.get("clean")
            if image is None:
                raise ValueError(
                    f"{self.name} of {where}: the data sample has no "
                    f"{self.image_field!r}; it has {sorted(map(str, sample))}"
                )
            if clean is None:
                raise ValueError(
                    f"{self.name} of {where}: it needs the clean image and there is "
                    "none; with noise=None give a paired clean image beside the noisy "
                    f"one, or take {self.name} out of the evaluator"
                )
            try:
                self.results.append(self.score(image, clean))
            except ValueError as error:
                raise ValueError(f"{self.name} of {where}: {error}") from error


@METRICS.register_module()
class PSNR(_ImageMetric):
    """Peak signal-to-noise ratio in decibel, per image, then averaged.

    Computed on clipped and rounded (8-bit) RGB, all channels together, as
    :func:`mmdenoise.evaluation.psnr`. An image that is exact scores infinity, and
    would make the mean infinite: such images are left out of the mean, and counted
    beside it as `PSNR_exact` where there are any.

    To keep the best checkpoint by it, tell the checkpoint hook `rule="greater"`.

    Args:
        image_field (str): Which image of the data sample is scored: "denoised", or
            "noisy" for what the denoiser was given. Defaults to "denoised".
        collect_device (str): "cpu" or "gpu": where ranks exchange their results.
            Defaults to "cpu".
        prefix (str, optional): Put before the keys, as `prefix/PSNR`. Defaults to
            none for the denoised image and to `image_field` for any other, so that
            both can be scored in one run.
        collect_dir (str, optional): Folder through which ranks exchange results if
            `collect_device` is "cpu". Defaults to a temporary one.
    """

    score = staticmethod(psnr)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Average the images' scores.

        Args:
            results (list[float]): One score per image, of all ranks.

        Returns:
            dict[str, float]: `PSNR`, the mean over the images that are not exact,
            infinity if all are, NaN if there are no images; and `PSNR_exact`, the
            number of exact ones, if there are any.
        """
        finite = [value for value in results if math.isfinite(value)]
        exact = len(results) - len(finite)
        if not exact:
            return {"PSNR": _mean(finite)}
        return {"PSNR": _mean(finite) if finite else math.inf, "PSNR_exact": exact}


@METRICS.register_module()
class SSIM(_ImageMetric):
    """Structural similarity, per image, then averaged.

    Computed on clipped and rounded (8-bit) RGB, the mean over channels, as
    :func:`mmdenoise.evaluation.ssim`. Images must have at least 11x11 pixels.

    To keep the best checkpoint by it, tell the checkpoint hook `rule="greater"`.

    Args:
        image_field (str): Which image of the data sample is scored: "denoised", or
            "noisy" for what the denoiser was given. Defaults to "denoised".
        collect_device (str): "cpu" or "gpu": where ranks exchange their results.
            Defaults to "cpu".
        prefix (str, optional): Put before the key, as `prefix/SSIM`. Defaults to
            none for the denoised image and to `image_field` for any other, so that
            both can be scored in one run.
        collect_dir (str, optional): Folder through which ranks exchange results if
            `collect_device` is "cpu". Defaults to a temporary one.
    """

    score = staticmethod(ssim)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Average the images' scores.

        Args:
            results (list[float]): One score per image, of all ranks.

        Returns:
            dict[str, float]: `SSIM`, the mean over images, NaN if there are none.
        """
        return {"SSIM": _mean(results)}


def _mean(values: list[float]) -> float:
    # fsum is exact, so the order in which ranks deliver their images does not matter.
    return math.fsum(values) / len(values) if values else math.nan
