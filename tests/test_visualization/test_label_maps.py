"""Label maps: found in any host's sample, and coloured."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, LabelData, PixelData

from mmdenoise.visualization import colour_labels, colour_table, label_map_of

PALETTE = [(10, 20, 30), (40, 50, 60), (70, 80, 90)]


@pytest.fixture
def sample():
    """Fields as MMSegmentation names them, the logits before the map."""
    made = BaseDataElement()
    made.seg_logits = PixelData(data=torch.rand(3, 2, 4))
    made.pred_logits = PixelData(data=torch.rand(1, 2, 4))
    made.pred_sem_seg = PixelData(data=torch.tensor([[[0, 1, 2, 1], [2, 2, 0, 0]]]))
    made.gt_sem_seg = PixelData(
        data=torch.tensor([[[1, 1, 1, 1], [0, 0, 0, 255]]], dtype=torch.uint8)
    )
    made.denoised = torch.rand(3, 2, 4)
    return made


def test_the_map_of_each_kind(sample):
    assert label_map_of(sample, "pred").tolist() == [[0, 1, 2, 1], [2, 2, 0, 0]]
    assert label_map_of(sample, "gt").tolist() == [[1, 1, 1, 1], [0, 0, 0, 255]]


def test_mmsegs_own_sample():
    from mmseg.structures import SegDataSample

    made = SegDataSample(pred_sem_seg=PixelData(data=torch.ones(1, 3, 2).long()))
    assert label_map_of(made, "pred").tolist() == [[1, 1]] * 3
    assert label_map_of(made, "gt") is None


def test_a_classifiers_sample_has_none():
    made = BaseDataElement()
    made.pred_label = torch.tensor([3])
    made.pred_score = torch.rand(5)
    made.gt_label = LabelData(label=torch.tensor([1]))
    assert label_map_of(made, "pred") is None
    assert label_map_of(made, "gt") is None


def test_colours():
    labels = np.array([[0, 1], [2, 255], [3, 1]])
    painted = colour_labels(labels, PALETTE)
    assert painted.dtype == np.uint8 and painted.shape == (3, 2, 3)
    white = [255] * 3
    assert painted.tolist() == [
        [[10, 20, 30], [40, 50, 60]],
        [[70, 80, 90], white],
        [white, [40, 50, 60]],
    ], "ignored pixels and classes without a colour are white"


def test_without_a_palette():
    assert (colour_labels(np.zeros((2, 3), np.int64), ()) == 255).all()
    assert colour_labels(np.zeros((2, 3), np.int64), []).shape == (2, 3, 3)


def test_a_table_has_a_colour_for_every_byte():
    table = colour_table(PALETTE)
    assert table.shape == (256, 3) and table.dtype == np.uint8
    assert table[:3].tolist() == [list(colour) for colour in PALETTE]
    assert (table[3:] == 255).all()
