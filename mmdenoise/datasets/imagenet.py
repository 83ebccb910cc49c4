"""ImageNet-1k, with an error that says what is missing and where to get it."""

import os.path as osp
from typing import Union

from mmengine.fileio import exists, list_dir_or_file, list_from_file
from mmpretrain.datasets import ImageNet

from mmdenoise.registry import DATASETS

from .data_list import refuse_empty_list

__all__ = ["ImageNetDataset"]

HOW_TO_GET = (
    "download ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar from image-net.org "
    "and unpack them into train and val, with a folder for each class or with the "
    "lists meta/train.txt and meta/val.txt ('name label' lines, labels 0 to 999); or "
    "set data_root"
)


@DATASETS.register_module()
class ImageNetDataset(ImageNet):
    """MMPretrain's ImageNet, whose own errors name neither the folder nor the line.

    Args:
        **kwargs: Of ``mmpretrain.datasets.ImageNet``: ``data_root`` and ``split``, or
            ``data_prefix`` and ``ann_file``.

    Raises:
        FileNotFoundError: Naming what is missing and how to get it.
        ValueError: If a list names no image, or a line of it has no name and label.
    """

    def __init__(self, **kwargs) -> None:
        self.check_files(**kwargs)
        super().__init__(**kwargs)

    @staticmethod
    def check_files(
        data_root: str = "",
        split: str = "",
        data_prefix: Union[str, dict] = "",
        ann_file: str = "",
        **_,
    ) -> None:
        """Raise if a folder or the list is missing; the arguments are the set's."""
        if isinstance(data_prefix, dict):
            data_prefix = data_prefix.get("img_path", "")
        names = filter(None, (data_prefix or split, ann_file))
        for path in (data_root, *(osp.join(data_root, name) for name in names)):
            if path and not exists(path):
                raise FileNotFoundError(f"ImageNet: there is no {path!r}; {HOW_TO_GET}")

    def load_data_list(self) -> list[dict]:
        """List images and labels, after a check of what they are read from."""
        if self.with_label:
            self._check_list() if self.ann_file else self._check_folders()
        return super().load_data_list()

    def _check_list(self) -> None:
        refuse_empty_list(self.ann_file)
        for number, line in enumerate(list_from_file(self.ann_file), start=1):
            label = line.rstrip().rpartition(" ")[2]
            if not (label.isdecimal() and int(label) < len(self.CLASSES)):
                raise ValueError(
                    f"ImageNet: {self.ann_file!r}, line {number}: {line!r} is not a "
                    f"name and a label from 0 to {len(self.CLASSES) - 1}"
                )

    def _check_folders(self) -> None:
        folders = list(list_dir_or_file(self.img_prefix, list_file=False))
        if len(folders) != len(self.CLASSES):
            raise FileNotFoundError(
                f"ImageNet: {self.img_prefix!r} holds {len(folders)} folders of "
                f"classes instead of {len(self.CLASSES)}, and there is no list of "
                f"labels; {HOW_TO_GET}"
            )
