"""Panels of what several denoisers make of images (Figures 4, 6 and 7)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.psnr_ssim import WINDOW_SIZE, psnr, quantize, ssim
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.visualization.label_maps import label_map_of
from mmdenoise.visualization.method_panel import Block, Cell, draw_method_panel
from mmdenoise.visualization.predictions import best_classes, true_class
from mmdenoise.visualization.regions import Region, checked_region, most_different

from .method_images import MethodImages
from .methods import CLEAN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "check_path", "image_block", "method_panel", "save_figure"]

FORMATS = (".png", ".jpg", ".pdf")
# Of a .jpg: colours as fine as the picture, since noise is what is to be seen.
JPEG = dict(quality=85, subsampling=0)
TRUTH = "ground truth"
BEST = 3


def method_panel(
    images: Iterable[MethodImages],
    region: Sequence[int] | None = None,
    classes: Sequence[str] = (),
) -> tuple[Figure, list[Region]]:
    """Draw images, their versions, and what a head sees in each.

    Args:
        images: From :meth:`mmdenoise.apis.method_images.MethodRunner.run`.
        region: What is shown enlarged: x, y, width, height; None takes for each image
            the square where two methods differ most.
        classes: Names of the head's classes.

    Returns:
        The figure, and each image's region.

    Raises:
        ValueError: If the region does not lie in an image.
    """
    blocks = [image_block(one, region, classes) for one in images]
    return draw_method_panel(blocks, classes), [block.region for block in blocks]


def image_block(
    image: MethodImages, region: Sequence[int] | None, classes: Sequence[str]
) -> Block:
    """One image of a panel; arguments as of :func:`method_panel`."""
    height, width = next(iter(image.images.values())).shape[-2:]
    if region is not None:
        found = checked_region(region, height, width)
    else:
        # With one method or none: against what it was made of.
        compared = list(image.denoised.values())
        if len(compared) < 2:
            compared = list(image.images.values())[-2:]
        found = most_different(compared) if len(compared) > 1 else None
    cells = {
        name: Cell(
            quantize(version).permute(1, 2, 0).numpy(),
            _caption(name, version, image.clean),
            label_map_of(image.samples[name], "pred"),
            best_classes(image.samples[name], classes, BEST),
        )
        for name, version in image.images.items()
    }
    sample = next(iter(image.samples.values()))
    truth = label_map_of(sample, "gt")
    if truth is not None:
        cells[TRUTH] = Cell(labels=truth)
    return Block(cells, found, true_class(sample, classes))


def _caption(name: str, image: Tensor, clean: Tensor | None) -> str:
    if clean is None or name == CLEAN:
        return ""
    value = psnr(image, clean)
    text = "PSNR exact" if math.isinf(value) else f"PSNR {value:.2f} dB"
    if min(image.shape[-2:]) >= WINDOW_SIZE:
        text += f", SSIM {ssim(image, clean):.3f}"
    return text


def check_path(path: str, overwrite: bool = False) -> None:
    """Check, before the work, that a figure may be written there.

    Raises:
        FileExistsError, OSError: If something is there, or nothing can be written.
        ValueError: If the ending is none of .png, .jpg and .pdf.
    """
    if os.path.splitext(path)[1].lower() not in FORMATS:
        raise ValueError(
            f"cannot write {path!r}: its ending must be .png, .jpg or .pdf"
        )
    refuse_existing([path], overwrite)
    check_writable(os.path.dirname(path))


def save_figure(figure: Figure, path: str) -> None:
    """Write a figure as PNG, JPEG or PDF, by its ending; whole or not at all."""
    with atomic_path(path) as temporary:
        # Writers of other kinds do not know the option.
        jpeg = path.lower().endswith(".jpg")
        figure.savefig(temporary, **(dict(pil_kwargs=JPEG) if jpeg else {}))
