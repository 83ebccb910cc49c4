"""Pascal VOC, with an error that says what is missing and where to get it."""

import os.path as osp

from mmseg.datasets import PascalVOCDataset

from mmdenoise.registry import DATASETS

from .data_list import refuse_empty_list

__all__ = ["VOCDataset"]

HOW_TO_GET = (
    "download VOCtrainval_11-May-2012.tar from the PASCAL VOC 2012 site and unpack it, "
    "so that the folder holds JPEGImages, SegmentationClass and ImageSets; for "
    "SegmentationClassAug and aug.txt run MMSegmentation's "
    "tools/dataset_converters/voc_aug.py on the SBD benchmark; or set data_root"
)


@DATASETS.register_module()
class VOCDataset(PascalVOCDataset):
    """MMSegmentation's VOC set; where files are missing that one fails without a word.

    Args:
        ann_file: List of images, relative to ``data_root``.
        **kwargs: Of ``mmseg.datasets.PascalVOCDataset``.

    Raises:
        FileNotFoundError: Naming what is missing and how to get it.
        ValueError: If the list names no image.
    """

    def __init__(self, ann_file: str, **kwargs) -> None:
        self.check_files(ann_file, **kwargs)
        super().__init__(ann_file=ann_file, **kwargs)

    @staticmethod
    def check_files(ann_file: str, data_root: str = "", **kwargs) -> None:
        """Raise if the folders or the list are missing; the arguments are the set's."""
        root = data_root or ""
        prefixes = kwargs.get("data_prefix", {}).values()
        for path in (root, *(osp.join(root, name) for name in (*prefixes, ann_file))):
            if path and not osp.exists(path):
                raise FileNotFoundError(f"VOC: there is no {path!r}; {HOW_TO_GET}")

    def load_data_list(self) -> list[dict]:
        """List the images, of which there must be one."""
        refuse_empty_list(self.ann_file)
        return super().load_data_list()
