"""MMPretrain's view of the generated classes (`textured_classes.py` makes them)."""

import os.path as osp

from mmpretrain.datasets import CustomDataset

from mmdenoise.datasets.textured_shapes import CLASSES
from mmdenoise.registry import DATASETS

__all__ = ["TexturedClassesDataset"]


@DATASETS.register_module()
class TexturedClassesDataset(CustomDataset):
    """Windows of still lifes: 6 classes, images (H, W, 3) uint8 as PNG.

    Args:
        data_root: The set's folder.
        split: ``'train'`` or ``'val'``.
        **kwargs: As of :class:`mmpretrain.datasets.CustomDataset`.

    Raises:
        FileNotFoundError: If the set is not there, with the command that makes it.
    """

    METAINFO = dict(classes=CLASSES)

    def __init__(self, data_root: str, split: str = "train", **kwargs) -> None:
        self.check_files(data_root, split)
        super().__init__(
            data_root=data_root,
            data_prefix=split,
            ann_file=f"meta/{split}.txt",
            **kwargs,
        )

    @staticmethod
    def check_files(data_root: str, split: str = "train", **_) -> None:
        """Raise if the set is not there; the arguments are the set's."""
        for name in (split, f"meta/{split}.txt"):
            path = osp.join(data_root, name)
            if not osp.exists(path):
                raise FileNotFoundError(
                    f"there is no {path!r}; make the set with: "
                    f"mmdenoise data classes {data_root}"
                )
