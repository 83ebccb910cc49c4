"""Folders of images and pairs, the hosts' sets, generated ones, pipeline steps."""

from mmdenoise.hosts import has_host

from .clean_images import CleanImageDataset
from .draws import DrawSampler
from .flat_areas import FlatBars, FlatPatches, StretchContrast
from .pair_transforms import LoadPair, PackPair
from .pairs import PairedImageDataset
from .patch_dataset import PatchDataset
from .transforms import LoadImage, PackImage, RandomPatch

__all__ = [
    "CleanImageDataset",
    "DrawSampler",
    "FlatBars",
    "FlatPatches",
    "LoadImage",
    "LoadPair",
    "PackImage",
    "PackPair",
    "PairedImageDataset",
    "PatchDataset",
    "RandomPatch",
    "StretchContrast",
]

if has_host("mmpretrain"):
    from .imagenet import ImageNetDataset
    from .textured_classes_dataset import TexturedClassesDataset

    __all__ += ["ImageNetDataset", "TexturedClassesDataset"]

if has_host("mmseg"):
    from .textured_shapes_dataset import TexturedShapesDataset
    from .voc import VOCDataset

    __all__ += ["TexturedShapesDataset", "VOCDataset"]
