"""What is asked of a batch, and of what the head's preprocessor makes of it.

Shapes as in :mod:`.data_preprocessor`.
"""

from collections.abc import Sequence
from typing import Union

import torch
from torch import Tensor, nn

from .canvas import Canvas
from .denoisers.base import checked_sigma

__all__ = [
    "checked_finite",
    "checked_image",
    "checked_levels",
    "checked_size",
    "names_of",
    "refuse_out_of_range",
    "refuse_smaller",
    "refuse_unknown_mixing",
    "refuse_wrongly_undone",
]

TOLERANCE = 1e-3  # of [0, 1]: normalising and undoing it in float32 errs by 1e-7
# MMPretrain's: weighted sums, or parts of other images, of one size.
MIXERS = ("Mixup", "CutMix", "ResizeMix")


def names_of(data: dict) -> list[str]:
    """Call each image of a batch by its path, where its sample knows one."""
    samples = data.get("data_samples") or [None] * len(data["inputs"])
    paths = [getattr(sample, "metainfo", {}).get("img_path") for sample in samples]
    return [repr(path) if path else "an image" for path in paths]


def checked_size(image: Tensor, name: str) -> tuple[int, int]:
    """Height and width of an image that the pipeline packed, (3, H, W)."""
    if image.dim() != 3 or image.shape[0] != 3:
        raise ValueError(
            f"{name} has shape {tuple(image.shape)}; the cascade takes (3, H, W): let "
            "the pipeline load colour images of 3 channels"
        )
    if image.dtype != torch.uint8 and not image.is_floating_point():
        raise ValueError(
            f"{name} is of type {image.dtype}; the cascade takes 8-bit values, as "
            "torch.uint8 or floats: let the pipeline load 8-bit images"
        )
    return image.shape[-2], image.shape[-1]


def checked_levels(levels: Union[Sequence, Tensor], count: int) -> Tensor:
    """Check the levels that a batch of ``count`` images brings: (N, 1, 1, 1)."""
    if isinstance(levels, Tensor):
        levels = levels.flatten().tolist()
    if len(levels) != count:
        raise ValueError(
            f"the batch brings {len(levels)} levels under 'sigma' for {count} images: "
            "one each"
        )
    return torch.tensor([checked_sigma(one) for one in levels]).view(-1, 1, 1, 1)


def checked_image(denoiser: nn.Module, noisy: Tensor, output: object) -> Tensor:
    """What a denoiser returned, in the type of what it was given.

    Under an outer autocast it may return a shorter type.

    Raises:
        RuntimeError: If it is no image of the same size.
    """
    name = type(denoiser).__name__
    if not isinstance(output, Tensor) or output.shape != noisy.shape:
        found = getattr(output, "shape", type(output).__name__)
        found = tuple(found) if isinstance(found, torch.Size) else found
        raise RuntimeError(
            f"{name} returns {found} for an image of {tuple(noisy.shape)}; a denoiser "
            "returns the same shape"
        )
    if not output.is_floating_point():
        raise RuntimeError(
            f"{name} returns {output.dtype}; a denoiser returns floats, RGB in [0, 1]"
        )
    return output.to(noisy.dtype)


def checked_finite(denoiser: nn.Module, output: Tensor) -> Tensor:
    """Return an output, unless it would be written as black, or scored as a class.

    Raises:
        RuntimeError: If a value is NaN or infinite.
    """
    if not output.isfinite().all():
        raise RuntimeError(
            f"{type(denoiser).__name__} returns NaN or infinite values for this image"
        )
    return output


def refuse_smaller(canvas: Canvas, names: Sequence[str]) -> None:
    """Refuse a frame that does not hold its images."""
    height, width = canvas.frame.shape[-2:]
    for (h, w), name in zip(canvas.sizes, names):
        if h > height or w > width:
            raise ValueError(
                f"the head's preprocessor made {height}x{width} of {name} of "
                f"{h}x{w}: it may pad to the right and the bottom, not cut or scale"
            )


def refuse_out_of_range(images: Tensor, names: Sequence[str]) -> None:
    """Refuse what is not RGB in [0, 1], and NaN."""
    low, high = images.flatten(1).aminmax(dim=1)
    # Written so that NaN fails as well.
    fits = (low >= -TOLERANCE) & (high <= 1 + TOLERANCE)
    if not fits.all():
        first = int(fits.int().argmin())
        raise ValueError(
            f"{names[first]} reaches from {low[first]:.4g} to {high[first]:.4g} "
            "instead of [0, 1]: the pipeline already normalises, or scales its "
            "pixels, or the file holds more than 8 bits a value; load 8-bit values "
            "and leave the rest to the head's data_preprocessor"
        )


def refuse_wrongly_undone(
    images: Sequence[Tensor], raw: Sequence[Tensor], names: Sequence[str], kind: str
) -> None:
    """Refuse images whose preprocessing, undone, does not give what was loaded.

    Args:
        images: N images (3, h_i, w_i), RGB in [0, 1], by undoing.
        raw: What the pipeline gave, 8-bit values in any order of channels.
        names: What to call each.
        kind: Class of the preprocessor.

    Raises:
        ValueError: If it scales them, or does anything else that is not undone.
    """
    for image, given, name in zip(images, raw, names):
        if given.is_floating_point() and given.max() <= 1 and given.frac().any():
            raise ValueError(
                f"{name} is scaled to [0, 1] by the pipeline; the cascade takes 8-bit "
                "values: leave scaling to the head's data_preprocessor"
            )
        given = given.to(image) / 255
        # In which order the pipeline loads is not known here.
        error = min((image - order).abs().max() for order in (given, given.flip(0)))
        if not error <= TOLERANCE:
            raise ValueError(
                f"the head's {kind} does more with {name} than mean, standard "
                "deviation, channel order and padding to the right and the bottom: "
                f"with these undone it is {error * 255:.3g} levels off; the cascade "
                "cannot put a denoised image through it. Let the pipeline do the "
                "rest"
            )


def refuse_unknown_mixing(augments: object, kind: str) -> None:
    """Refuse batch augmentations that are not known to be linear and to keep sizes.

    Raises:
        ValueError: Naming them.
    """
    mixers = getattr(augments, "augments", [augments])
    names = [type(mixer).__name__ for mixer in mixers]
    unknown = [name for name in names if name not in MIXERS]
    if unknown:
        raise ValueError(
            f"the head's {kind} has the batch augmentation {unknown[0]}, which the "
            f"cascade does not know: leave it out, or take {', '.join(MIXERS)}"
        )
