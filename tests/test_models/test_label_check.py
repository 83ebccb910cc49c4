"""Labels that a head cannot mean are named with their file, never trained on."""

import shutil

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image
from torch import nn

from mmdenoise.apis.compare import compare
from mmdenoise.models.label_check import LabelCheck
from mmdenoise.registry import MODELS


class Head(nn.Module):
    """A segmentor, as far as its classes go."""

    def __init__(self, classes=5, ignored=255):
        super().__init__()
        self.decode_head = nn.Identity()
        self.decode_head.num_classes = classes
        self.decode_head.ignore_index = ignored


def sample(labels, **info):
    found = BaseDataElement(metainfo=dict(img_path="a.jpg", **info))
    found.gt_sem_seg = PixelData(data=torch.as_tensor(labels))
    return found


def check(labels, head=None, size=(4, 6), training=True, **info):
    LabelCheck(head or Head())(
        [torch.zeros(3, *size)], [sample(labels, **info)], training
    )


def full(value, size=(4, 6)):
    labels = torch.zeros(1, *size, dtype=torch.int64)
    labels[0, -1, -1] = value
    return labels


def test_what_a_head_can_mean_passes():
    for value in (0, 4, 255):
        check(full(value))
    check(full(7), Head(classes=8, ignored=None))
    LabelCheck(None)([torch.zeros(3, 4, 6)], [sample(full(99))])
    LabelCheck(Head())([torch.zeros(3, 4, 6)], [None])


@pytest.mark.parametrize("value", [5, 254, -1, 70000])
def test_a_label_beyond_the_classes(value):
    words = (
        f"mask 'm.png' holds {value}: the head has the classes 0 to 4 and ignores 255"
    )
    with pytest.raises(ValueError, match=words):
        check(full(value), seg_map_path="m.png")


def test_many_labels_are_not_all_told():
    labels = torch.arange(24).view(1, 4, 6)
    with pytest.raises(ValueError, match="holds 5, 6, 7, 8, 9 and 14 more: .* 0 to 4$"):
        check(labels, Head(ignored=None))


def test_the_size():
    with pytest.raises(ValueError, match="the mask of 'a.jpg' has 5x6 pixels .* 4x6"):
        check(full(0, (5, 6)))
    # In testing a mask may have the size of the file, which the prediction gets, too.
    check(full(0, (8, 12)), training=False, ori_shape=(8, 12))
    with pytest.raises(ValueError, match="has 8x12 pixels"):
        check(full(0, (8, 12)), training=True, ori_shape=(8, 12))
    with pytest.raises(ValueError, match="has 9x12 pixels .*, its image 4x6 or 8x12"):
        check(full(0, (9, 12)), training=False, ori_shape=(8, 12))


def test_colours():
    with pytest.raises(ValueError, match=r"has the shape \(4, 6, 3\): a mask has one"):
        check(torch.zeros(4, 6, 3, dtype=torch.int64))


@pytest.mark.parametrize("classes, largest, refused", [(5, 3, True), (300, 299, True)])
def test_sixteen_bits_of_which_eight_were_loaded(tmp_path, classes, largest, refused):
    path = str(tmp_path / "wide.png")
    values = np.zeros((4, 6), np.uint16)
    values[-1, -1] = largest
    Image.fromarray(values).save(path)
    loaded = torch.from_numpy(values.astype(np.uint8).astype(np.int64))[None]
    with pytest.raises(ValueError, match="wide.png' has more than 8 bits a value"):
        check(loaded, Head(classes), seg_map_path=path)
    if classes > 256:
        whole = torch.from_numpy(values.astype(np.int64))[None]
        check(whole, Head(classes), seg_map_path=path)


def test_a_classifiers_label():
    head = nn.Identity()
    head.head = nn.Identity()
    head.head.num_classes = 3
    one = BaseDataElement(metainfo=dict(img_path="a.jpg"))
    one.gt_label = torch.tensor([2])
    LabelCheck(head)([torch.zeros(3, 4, 6)], [one])
    one.gt_label = torch.tensor([3])
    with pytest.raises(ValueError, match="label of 'a.jpg' is 3: .* classes 0 to 2$"):
        LabelCheck(head)([torch.zeros(3, 4, 6)], [one])


def test_a_depth_is_no_label():
    one = BaseDataElement(metainfo=dict(img_path="a.jpg"))
    one.gt_depth_map = PixelData(data=torch.full((1, 4, 6), 99.5))
    LabelCheck(Head())([torch.zeros(3, 4, 6)], [one])


# Through a host's data set, in testing and in training


def spoilt(kind, pixels):
    if kind == "value":
        return np.where(pixels == pixels.max(), 77, pixels).astype(np.uint8)
    if kind == "size":
        return pixels[:-3]
    if kind == "channels":
        return np.stack([pixels] * 3, axis=-1)
    return pixels.astype(np.uint16) * 256


@pytest.mark.parametrize("kind", ["value", "size", "channels", "bits"])
def test_a_bad_mask_is_named_and_never_scored(world, tmp_path, kind):
    data = shutil.copytree(world.data, tmp_path / "data")
    cfg = world.config()
    for loader in (cfg.test_dataloader, cfg.train_dataloader):
        loader.dataset.data_root = str(data)
        loader.dataset.type = "mmseg.BaseSegDataset"
        loader.dataset.data_prefix = dict(
            img_path="JPEGImages", seg_map_path="SegmentationClass"
        )
        loader.dataset.img_suffix = next((data / "JPEGImages").iterdir()).suffix
        names = [f"class {n}" for n in range(6)]
        loader.dataset.metainfo = dict(
            classes=names, palette=[[n] * 3 for n in range(6)]
        )
    words = "the mask '.*/SegmentationClass/.*png' h(as|olds) "
    paths = sorted((data / "SegmentationClass").iterdir())
    for path in paths:
        Image.fromarray(spoilt(kind, np.asarray(Image.open(path)))).save(path)
    with pytest.raises(ValueError, match=words):
        compare(cfg, {}, str(tmp_path / "out"))
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import DATASETS, init_default_scope

    init_default_scope("mmseg")
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    with pytest.raises(ValueError, match=words):
        model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), True)
