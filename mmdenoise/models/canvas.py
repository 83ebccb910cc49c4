"""Where the images lie in a batch.

Shapes: N images of true sizes (h_i, w_i), each at the upper left of its place in a
batch (N, 3, H, W), where H and W are the largest h_i and w_i. The head's own batch, the
frame (N, 3, Hb, Wb), may be larger: its preprocessor pads to the right and the bottom.
"""

from collections.abc import Sequence
from typing import Optional

import torch
from torch import Tensor

from .image_padding import pad_to

__all__ = ["Canvas", "by_size"]

Size = tuple[int, int]


class Canvas:
    """The true sizes of the images of a batch, and the head's padding around them.

    Args:
        sizes: (h_i, w_i) of each image.
        frame: (N, 3, Hb, Wb), the output of the head's preprocessor. None where the
            head is to get the images as they are.

    Example:
        >>> canvas = Canvas([(2, 3), (1, 2)])
        >>> [tuple(image.shape) for image in canvas.crop(torch.zeros(2, 3, 2, 3))]
        [(3, 2, 3), (3, 1, 2)]
    """

    def __init__(self, sizes: Sequence[Size], frame: Optional[Tensor] = None) -> None:
        self.sizes = [tuple(size) for size in sizes]
        self.frame = frame

    @classmethod
    def filled_by(cls, images: Tensor) -> "Canvas":
        """The canvas of images (N, 3, H, W) that fill their batch."""
        return cls([images.shape[-2:]] * len(images))

    def crop(self, batch: Tensor) -> list[Tensor]:
        """Cut the N images of true size (C, h_i, w_i) out of a batch."""
        return [image[:, :h, :w] for image, (h, w) in zip(batch, self.sizes)]

    def cut(self, batch: Tensor) -> Tensor:
        """Cut a batch (N, C, Hb, Wb) to the images (N, C, H, W) that lie in it."""
        # Hundreds of patches, taken apart and put together, would cost more time than
        # the denoiser does.
        if set(self.sizes) == {tuple(batch.shape[-2:])}:
            return batch
        return self.stack(self.crop(batch))

    @staticmethod
    def stack(images: Sequence[Tensor]) -> Tensor:
        """Stack N images (C, h_i, w_i), smaller ones continued to the largest size."""
        height = max(image.shape[-2] for image in images)
        width = max(image.shape[-1] for image in images)
        return torch.stack([pad_to(image, height, width) for image in images])

    def area(self, batch: Tensor) -> Optional[Tensor]:
        """Mask of the images in a batch (N, C, H, W): (N, 1, H, W) booleans.

        None where the images fill the batch.
        """
        height, width = batch.shape[-2:]
        if all(size == (height, width) for size in self.sizes):
            return None
        sizes = torch.tensor(self.sizes, device=batch.device)
        heights, widths = sizes.T.view(2, -1, 1, 1, 1)
        rows = torch.arange(height, device=batch.device).view(1, 1, -1, 1)
        columns = torch.arange(width, device=batch.device).view(1, 1, 1, -1)
        return (rows < heights) & (columns < widths)

    def place(self, inputs: Tensor) -> Tensor:
        """Put (N, 3, H, W) head inputs in the images' place, padding left as it is."""
        if self.frame is None:
            return inputs
        placed = self.frame.to(inputs.dtype).clone()
        for index, (height, width) in enumerate(self.sizes):
            placed[index, :, :height, :width] = inputs[index, :, :height, :width]
        return placed


def by_size(data: dict) -> list[tuple[list[int], dict]]:
    """Take a batch, as a pipeline packed it, apart into batches of one image size.

    Args:
        data: ``inputs``, N images (3, h_i, w_i), and lists of N others or None.

    Returns:
        Indices of the images, and what the batch has of them.
    """
    groups: dict[tuple, list[int]] = {}
    for index, image in enumerate(data["inputs"]):
        groups.setdefault(tuple(image.shape), []).append(index)
    return [
        (
            indices,
            {k: v if v is None else [v[i] for i in indices] for k, v in data.items()},
        )
        for indices in groups.values()
    ]
