"""MMSegmentation's view of the generated set (`textured_shapes.py` makes it)."""

from pathlib import Path

from mmseg.datasets import BaseSegDataset

from mmdenoise.datasets.data_list import refuse_empty_list
from mmdenoise.datasets.textured_shapes import CLASSES, PALETTE
from mmdenoise.registry import DATASETS

__all__ = ["TexturedShapesDataset"]


@DATASETS.register_module()
class TexturedShapesDataset(BaseSegDataset):
    """Still lifes of textured things: 6 classes, images (H, W, 3) uint8 as PNG.

    Index 0 is the background, a class like the others; borders hold 255 and are
    ignored.

    Args:
        ann_file: List of names, one a line, relative to ``data_root``: normally
            ``'ImageSets/Segmentation/train.txt'`` or ``.../val.txt``.
        data_prefix: Folders of images and masks, relative to ``data_root``.
        **kwargs: As of :class:`mmseg.datasets.BaseSegDataset`.

    Raises:
        FileNotFoundError: If the list is not there, with the command that makes the
            set.
        ValueError: If the list names no image.
    """

    METAINFO = dict(classes=CLASSES, palette=[list(colour) for colour in PALETTE])

    def __init__(
        self,
        ann_file: str = "ImageSets/Segmentation/train.txt",
        data_prefix: dict = dict(  # noqa: B006 - read only
            img_path="JPEGImages", seg_map_path="SegmentationClass"
        ),
        **kwargs,
    ) -> None:
        super().__init__(
            ann_file=ann_file,
            data_prefix=dict(data_prefix),
            img_suffix=".png",
            seg_map_suffix=".png",
            reduce_zero_label=False,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """List the images, after a check that the set has been made."""
        # Without this, MMSegmentation would take a missing list for an empty one and
        # go through the folder instead, which holds both splits.
        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f"{self.ann_file} does not exist; make the set with: "
                f"mmdenoise data shapes {self.data_root or 'OUT'}"
            )
        refuse_empty_list(self.ann_file)
        return super().load_data_list()
