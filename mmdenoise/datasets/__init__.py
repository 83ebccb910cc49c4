"""Clean-image folders, the embedded segmentation set, and pipeline steps."""

import importlib.util

from .clean_images import CleanImageDataset
from .transforms import LoadImage, PackImage, RandomPatch

__all__ = ["CleanImageDataset", "LoadImage", "PackImage", "RandomPatch"]

if importlib.util.find_spec("mmseg") is not None:
    from .textured_shapes_dataset import TexturedShapesDataset
    from .voc import VOCDataset

    __all__ += ["TexturedShapesDataset", "VOCDataset"]
