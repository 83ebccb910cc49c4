"""Arrays and tensors, read piece by piece as a denoiser wants them, and written back.

Shapes: H, W the height and width, C the channels: 1 grey, 2 grey and alpha, 3 RGB,
4 RGB and alpha. Arrays have channels last, or none if they are grey; tensors have them
first.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from mmdenoise.images import guessed_white

from .grey_images import estimated_level, is_grey
from .hidden_colours import filled

__all__ = ["ArrayImage", "TensorImage", "opened_image"]

# Noise takes floats out of [0, 1], but the strongest that is simulated not so far.
LOWEST, HIGHEST = -5.0, 6.0
# Rows that are checked at once, so that checking takes no second image.
CHECKED_ROWS = 256


def opened_image(
    image: np.ndarray | Tensor, white_level: float | None
) -> ArrayImage | TensorImage:
    """Wrap an image for :func:`mmdenoise.apis.denoise`, which says what is taken.

    Raises:
        TypeError, ValueError: As that function.
    """
    if white_level is not None and not (np.isfinite(white_level) and white_level > 0):
        raise ValueError(
            f"the white level must be finite and above 0, got {white_level}"
        )
    if isinstance(image, Tensor):
        return TensorImage(image, white_level or 1.0)
    if isinstance(image, np.ndarray):
        return ArrayImage(image, white_level)
    raise TypeError(
        f"an image must be a NumPy array or a tensor, got {type(image).__name__}"
    )


class ArrayImage:
    """An array (H, W, C), read as floats and written as what it is.

    Args:
        image: As :func:`mmdenoise.apis.denoise` takes it.
        white_level: The value of white; None for the largest of the type, or 1.

    Attributes:
        size: Height and width.
        grey: (1,), whether it goes through as a grey image.
        levels: (1,), the estimated level of its noise in 8-bit units, if it is grey.
        result: What is written, of the image's type.
    """

    def __init__(self, image: np.ndarray, white_level: float | None = None) -> None:
        kind = image.dtype.kind
        if kind != "f" and not (kind == "u" and image.dtype.itemsize <= 2):
            raise TypeError(
                f"an array must be uint8, uint16 or float in [0, 1], got {image.dtype}"
            )
        self._shape = image.shape
        image = image[..., None] if image.ndim == 2 else image
        if image.ndim != 3 or not 1 <= image.shape[2] <= 4 or not image.size:
            raise ValueError(
                "an array must be (H, W) or (H, W, C) with 1 to 4 channels, the last, "
                f"and not empty; got {self._shape}"
            )
        self.size = image.shape[:2]
        self._colours = 1 if image.shape[2] <= 2 else 3
        self._integer = kind == "u"
        self._image = image
        colours = image[..., : self._colours]
        self._peak = self._white(colours, white_level)
        for top in range(0, self.size[0], CHECKED_ROWS):
            part = colours[top : top + CHECKED_ROWS]
            _check_range(float(part.min()), float(part.max()), self._peak)
        self._result = np.empty_like(image)
        self._result[..., self._colours :] = image[..., self._colours :]
        self._visible = None
        self._seen = colours
        if image.shape[2] in (2, 4) and not image[..., -1].all():
            self._visible = image[..., -1] > 0
            self._seen = filled(colours, self._visible)
        self.grey = torch.tensor([is_grey(self._seen)])
        self.levels = torch.zeros(1)
        if self.grey[0]:
            plane = self._seen[..., 0]
            self.levels[0] = estimated_level(plane, self._peak, self._visible)

    def _white(self, colours: np.ndarray, given: float | None) -> float:
        if not self._integer:
            return given or 1.0
        largest = float(np.iinfo(colours.dtype).max)
        if given is None:
            guessed = guessed_white(colours)
            if guessed is not None:
                warnings.warn(
                    f"no value of this uint16 image is above {guessed:g}, and white is "
                    f"taken to be {largest:g}: say white_level={guessed:g} if it has "
                    "fewer significant bits",
                    stacklevel=4,
                )
            return largest
        if given > largest or int(colours.max()) > given:
            raise ValueError(
                f"the image holds values up to {int(colours.max())} of at most "
                f"{largest:g}: the white level {given:g} does not fit"
            )
        return given

    @property
    def result(self) -> np.ndarray:
        """What was written, in the shape that was given."""
        return self._result.reshape(self._shape)

    def read(self, rows: slice, columns: slice) -> Tensor:
        """Return (1, C, h, w), float in [0, 1]; what alpha hides is as around it."""
        part = self._seen[rows, columns]
        wide = np.float64 if part.dtype.itemsize == 8 else np.float32
        part = torch.from_numpy(part.astype(wide)).permute(2, 0, 1)[None]
        return part if self._peak == 1 else part.div_(self._peak)

    def write(self, rows: slice, columns: slice, output: Tensor) -> None:
        """Take (1, 3, h, w), of grey images (1, 1, h, w)."""
        # In float32 at least: half precision has too few steps.
        output = (
            output[0]
            .permute(1, 2, 0)
            .to(torch.promote_types(output.dtype, torch.float32))
        )
        if self._integer:
            output = output.clamp(0, 1).mul(self._peak).round()
        elif self._peak != 1:
            output = output.mul(self._peak)
        found = output.cpu().numpy()
        target = self._result[rows, columns, : self._colours]
        if self._visible is None:
            target[...] = found
        else:
            visible = self._visible[rows, columns, None]
            colours = self._image[rows, columns, : self._colours]
            target[...] = np.where(visible, found, colours)


class TensorImage:
    """A tensor (N, C, H, W).

    Args:
        image: As :func:`mmdenoise.apis.denoise` takes it.
        white_level: The value of white.

    Attributes:
        size: Height and width.
        grey: (N,), which go through as grey images.
        levels: (N,), the estimated levels of their noise in 8-bit units.
        result: What is written, of the image's type.
    """

    def __init__(self, image: Tensor, white_level: float = 1.0) -> None:
        if not image.is_floating_point():
            raise TypeError(f"a tensor must be float in [0, 1], got {image.dtype}")
        self._image = image[None] if image.ndim == 3 else image
        self._shape, self._peak = image.shape, white_level
        if self._image.ndim != 4 or self._image.shape[1] not in (1, 3):
            raise ValueError(
                "a tensor must be (C, H, W) or (N, C, H, W) with C 1 or 3, got "
                f"{tuple(image.shape)}"
            )
        if not image.numel():
            raise ValueError(f"a tensor must not be empty, got {tuple(image.shape)}")
        self.size = tuple(self._image.shape[2:])
        _check_range(float(image.min()), float(image.max()), white_level)
        self._result = torch.empty_like(self._image)
        first = self._image[:, :1]
        self.grey = (self._image == first).flatten(1).all(dim=1).cpu()
        self.levels = torch.zeros(len(self.grey))
        for index in torch.where(self.grey)[0].tolist():
            plane = first[index, 0].detach().float().cpu().numpy()
            self.levels[index] = estimated_level(plane, white_level)

    @property
    def result(self) -> Tensor:
        """What was written, in the shape that was given."""
        return self._result.reshape(self._shape)

    def read(self, rows: slice, columns: slice) -> Tensor:
        """Return (N, C, h, w), in [0, 1]."""
        part = self._image[..., rows, columns]
        return part if self._peak == 1 else part / self._peak

    def write(self, rows: slice, columns: slice, output: Tensor) -> None:
        """Take (N, 3, h, w), or (N, 1, h, w)."""
        self._result[..., rows, columns] = output * self._peak


def _check_range(low: float, high: float, white: float) -> None:
    """Refuse what is no image in [0, 1]; NaN passes through minimum and maximum.

    Raises:
        ValueError: Saying what the values are.
    """
    if not np.isfinite([low, high]).all():
        raise ValueError("the image holds NaN or infinite values")
    if low / white < LOWEST or high / white > HIGHEST:
        raise ValueError(
            f"the image's floats reach from {low:.4g} to {high:.4g}; they must be in "
            f"[0, {white:g}], plus noise: say the white level, or give uint8"
        )
