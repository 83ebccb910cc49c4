"""The picture of a training: labels over images, classes in words."""

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData

from mmdenoise.visualization import training_pictures as module
from mmdenoise.visualization.picture_grid import GAP, TEXT
from mmdenoise.visualization.training_pictures import training_pictures

TOP = TEXT + 2 * GAP + GAP  # below the titles
INFO = dict(classes=("sea", "sand"), palette=[(200, 0, 0), (0, 200, 0)])


@pytest.fixture
def sample():
    def make(size=(20, 30), clean=0.5, **fields):
        shape = (3, *size)
        found = BaseDataElement(
            noisy=torch.full(shape, 0.9),
            denoised=torch.full(shape, 0.6),
            **fields,
        )
        if clean is not None:
            found.set_field(torch.full(shape, clean), "clean")
        return found

    return make


@pytest.fixture
def words(monkeypatch):
    """The lines of each text, in the order in which they are drawn."""
    found = []
    draw = module.text_cell
    monkeypatch.setattr(
        module,
        "text_cell",
        lambda lines, width: found.append(list(lines)) or draw(lines, width),
    )
    return found


def at(picture, column, width, down=3):
    return picture[TOP + down, GAP + column * (width + GAP) + 3].tolist()


def test_versions_and_their_psnr(sample, words):
    picture = training_pictures([sample()], {}, 100)
    assert picture.dtype == np.uint8
    assert picture.shape[1] == 3 * (90 + GAP) + GAP, "enlarged three times, not 3.3"
    values = [at(picture, column, 90) for column in range(3)]
    assert values == [[230] * 3, [153] * 3, [128] * 3]
    # 8-bit differences of 102 and 25: 10 log10(255^2 / d^2).
    assert words == [["PSNR 7.96 dB"], ["PSNR 20.17 dB"]]


def test_large_images_are_scaled_down(sample):
    picture = training_pictures([sample((200, 300))], {}, 100)
    assert picture.shape[1] == 3 * (100 + GAP) + GAP


def test_label_maps_lie_over_the_images(sample):
    labels = torch.zeros(1, 20, 30, dtype=torch.long)
    one = sample(
        pred_sem_seg=PixelData(data=labels), gt_sem_seg=PixelData(data=labels + 1)
    )
    picture = training_pictures([one], INFO, 90)
    assert picture.shape[1] == 5 * (90 + GAP) + GAP
    # Half the colour of "sea" and half of the denoised image's 153.
    assert np.abs(np.subtract(at(picture, 3, 90), [176, 76, 76])).max() <= 1
    assert np.abs(np.subtract(at(picture, 4, 90), [64, 164, 64])).max() <= 1
    for colour in INFO["palette"]:
        assert (picture[-60:] == colour).all(axis=2).any(), "in the legend"


def test_the_three_best_classes_in_words(sample, words):
    classes = ("cat", "dog", "cow", "owl")
    one = sample(
        pred_score=torch.tensor([0.1, 0.6, 0.26, 0.04]), gt_label=torch.tensor([2])
    )
    training_pictures([one], dict(classes=classes), 90)
    assert ["dog 60%", "cow 26%", "cat 10%"] in words and ["cow"] in words


def test_what_is_not_there_has_no_column(sample, words):
    truth = PixelData(data=torch.zeros(1, 20, 30, dtype=torch.long))
    picture = training_pictures([sample(clean=None, gt_sem_seg=truth)], INFO, 90)
    assert picture.shape[1] == 2 * (90 + GAP) + GAP, "no head, and no clean image"
    assert words == []


def test_an_exact_image(sample, words):
    training_pictures([sample(clean=0.6)], {}, 90)
    assert words[1] == ["PSNR exact"]
