"""Random patches of a folder of images that lie decoded on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.device import get_device
from torch import Tensor
from torch.utils.data import get_worker_info

from mmdenoise.registry import DATASETS, TRANSFORMS

from .clean_images import CleanImageDataset
from .draws import Draw
from .patches import ImageBank, cut_patches, draw_places, gather_images
from .transforms import LoadImage

__all__ = ["PatchDataset"]


@DATASETS.register_module()
class PatchDataset(CleanImageDataset):
    """Patches for training a denoiser (Section IV-A): 48x48 there.

    All images are decoded once, when the data set is built, and kept on the device (3
    bytes a pixel; 0.2 GB for the 432 Berkeley images). A batch is cut there in a few
    operations, whatever its size. Each patch is drawn from an image, a place in it and
    one of the square's 8 symmetries, all uniformly.

    A batch is a function of the name of its first sample, (seed, rank, number), and its
    size: use it with ``sampler=dict(type='mmdenoise.DrawSampler')``, and with
    ``collate_fn=dict(type='default_collate')``, which keeps the batch in one piece.
    Sets beyond the device's memory: ``CleanImageDataset`` with ``LoadImage`` and
    ``RandomPatch`` in its pipeline.

    Args:
        data_root: The folder.
        size: Side of a patch in pixels.
        transforms: Configs of :class:`PatchTransform`, applied to each batch one after
            the other: ``[dict(type='mmdenoise.FlatBars', share=0.1)]``.
        device: Where images lie and patches are cut. None: on the GPU, or the CPU where
            there is none. Worker processes (``num_workers``) need the CPU.
        convert: Modes that are turned into RGB; see ``LoadImage``.
        first: Take only so many images.
        how_to_get: A line for the error where the folder is missing.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If a file is not a whole image of 8-bit RGB, or smaller than a
            patch, by name; or if a number is below 1.
    """

    def __init__(
        self,
        data_root: str,
        size: int,
        transforms: Sequence[dict] = (),
        device: str | None = None,
        convert: Sequence[str] = (),
        first: int | None = None,
        **kwargs,
    ) -> None:
        if not isinstance(size, int) or size < 1:
            raise ValueError(
                f"the patch size must be a number, 1 or more, got {size!r}"
            )
        if kwargs.get("pipeline"):
            raise ValueError(
                "PatchDataset cuts its patches itself and takes no pipeline: give "
                "CleanImageDataset one"
            )
        self.size = size
        self.device = _checked_device(get_device() if device is None else device)
        self.convert = convert
        self.transforms = [TRANSFORMS.build(config) for config in transforms]
        self._bank: ImageBank | None = None
        super().__init__(data_root, first=first, **kwargs)

    def full_init(self) -> None:
        """List the images, and decode them."""
        super().full_init()
        if self._bank is None:
            self._bank = gather_images(self._decode(), self.device)

    def _decode(self) -> list:
        load = LoadImage(convert=self.convert)
        images = []
        for index in range(len(self)):
            path = self.get_data_info(index)["img_path"]
            image = load(dict(img_path=path))["img"]
            if image.dtype != np.uint8:
                raise ValueError(
                    f"the image {path!r} has more than 8 bits a value, and patches on "
                    "the device have 8: convert it, or take CleanImageDataset"
                )
            if min(image.shape[:2]) < self.size:
                height, width = image.shape[:2]
                raise ValueError(
                    f"{path!r} is {height}x{width}, too small for a patch of "
                    f"{self.size}x{self.size}"
                )
            images.append(image)
        return images

    def __getitem__(self, draw: Draw) -> dict[str, Tensor]:
        """Draw one patch; the first of any batch that begins with this name."""
        return self.__getitems__([draw])[0]

    def __getitems__(self, draws: Sequence[Draw]) -> list[dict[str, Tensor]]:
        """Draw a batch: ``inputs`` (3, size, size) uint8 BGR for each name.

        PyTorch's loader asks for a whole batch where a data set has this method.
        """
        if not isinstance(draws[0], Draw):
            raise ValueError(
                "PatchDataset draws its patches at random: let its loader have "
                "sampler=dict(type='mmdenoise.DrawSampler')"
            )
        if self.device.type != "cpu" and get_worker_info() is not None:
            raise ValueError(
                f"patches are cut on {self.device.type!r} by the training's own "
                "process: set num_workers=0 and persistent_workers=False, or the "
                "data set's device='cpu'"
            )
        self.full_init()
        generator = draws[0].generator(self.device)
        places = draw_places(self._bank, self.size, len(draws), generator)
        patches = cut_patches(self._bank, places, self.size)
        for transform in self.transforms:
            patches = transform(patches, generator)
        return [dict(inputs=patch) for patch in patches.unbind()]


def _checked_device(device: str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    # PyTorch's own errors of a device that is unknown, absent, or not compiled for.
    except (AssertionError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"patches cannot lie on device {device!r}: {reason}") from None
