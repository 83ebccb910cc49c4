"""A folder of clean images: all that training a denoiser by itself needs."""

import os
from collections.abc import Sequence
from typing import Optional

from mmengine.dataset import BaseDataset
from mmengine.fileio import list_dir_or_file

from mmdenoise.images import ENDINGS
from mmdenoise.registry import DATASETS

__all__ = ["CleanImageDataset"]


@DATASETS.register_module()
class CleanImageDataset(BaseDataset):
    """All images in a folder and the folders in it, in the order of their names.

    Args:
        data_root: The folder.
        pipeline: Transforms.
        first: Take only so many images, 1 or more.
        how_to_get: A line for the error where the folder is missing.
        **kwargs: Of ``mmengine.dataset.BaseDataset``.

    Raises:
        FileNotFoundError: If there is no such folder, or no image in it.
        ValueError: If ``first`` is below 1.
    """

    METAINFO = dict(dataset_type="clean_images")

    def __init__(
        self,
        data_root: str,
        pipeline: Sequence = (),
        first: Optional[int] = None,
        how_to_get: str = "any folder of clean images will do: set data_root to yours",
        **kwargs,
    ) -> None:
        if first is not None and first < 1:
            raise ValueError(f"first must be at least 1, got {first}")
        self.first = first
        self.how_to_get = how_to_get
        super().__init__(data_root=data_root, pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images."""
        if not os.path.isdir(self.data_root):
            raise FileNotFoundError(
                f"there is no image folder {self.data_root!r}; {self.how_to_get}"
            )
        names = sorted(
            name
            for name in list_dir_or_file(self.data_root, list_dir=False, recursive=True)
            if name.lower().endswith(ENDINGS)
        )
        if not names:
            raise FileNotFoundError(
                f"no image ({', '.join(ENDINGS)}) in {self.data_root!r}; "
                f"{self.how_to_get}"
            )
        paths = (os.path.join(self.data_root, name) for name in names[: self.first])
        return [dict(img_path=path) for path in paths]
