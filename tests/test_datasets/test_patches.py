"""Patches out of one tensor: equal to slices of the images, drawn fairly."""

import numpy as np
import pytest
import torch

from mmdenoise.datasets.patches import (
    ImageBank,
    Places,
    cut_patches,
    draw_places,
    gather_images,
)

SIZES = [(9, 14), (8, 8), (17, 8)]
SIZE = 8


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]


def symmetry_of(patch, number):
    """By NumPy, one step after the other."""
    if number & 1:
        patch = patch.transpose(1, 0, 2)
    if number & 2:
        patch = patch[::-1]
    if number & 4:
        patch = patch[:, ::-1]
    return patch


def test_images_lie_one_after_the_other(images):
    # As decoded by MMCV: with its channels reversed, a view.
    bank = gather_images([image[..., ::-1] for image in images])
    assert bank.heights.tolist() == [9, 8, 17] and bank.widths.tolist() == [14, 8, 8]
    assert bank.starts.tolist() == [0, 126, 190]
    expected = np.concatenate([image[..., ::-1].reshape(-1, 3) for image in images])
    assert np.array_equal(bank.pixels.numpy(), expected)


def test_patches_are_slices_under_the_drawn_places(images):
    bank = gather_images(images)
    places = draw_places(bank, SIZE, 300, torch.Generator().manual_seed(0))
    patches = cut_patches(bank, places, SIZE)
    assert patches.shape == (300, 3, SIZE, SIZE) and patches.dtype == torch.uint8
    for patch, image, top, left, number in zip(
        patches, *(values.tolist() for values in places)
    ):
        cut = images[image][top : top + SIZE, left : left + SIZE]
        assert cut.shape == (SIZE, SIZE, 3)
        expected = symmetry_of(cut, number).transpose(2, 0, 1)
        assert np.array_equal(patch.numpy(), expected)


def test_the_eight_symmetries_are_different(images):
    eight = torch.arange(8)
    zero = torch.zeros_like(eight)
    patches = cut_patches(gather_images(images), Places(zero, zero, zero, eight), SIZE)
    assert len({patch.numpy().tobytes() for patch in patches}) == 8


def test_images_places_and_symmetries_are_drawn_uniformly():
    """Also the last row and column; within four standard deviations."""
    heights, widths = torch.tensor([10, 8]), torch.tensor([8, 12])
    starts = torch.tensor([0, 80])
    bank = ImageBank(torch.zeros(176, 3, dtype=torch.uint8), starts, heights, widths)
    count = 40_000
    places = draw_places(bank, 8, count, torch.Generator().manual_seed(1))
    counts = {}
    for place in zip(*(values.tolist() for values in places)):
        counts[place] = counts.get(place, 0) + 1
    cells = {
        (image, top, left, number)
        for image, tops, lefts in ((0, 3, 1), (1, 1, 5))
        for top in range(tops)
        for left in range(lefts)
        for number in range(8)
    }
    assert set(counts) == cells
    for (image, *_), seen in counts.items():
        share = 1 / 2 / (3 if image == 0 else 5) / 8
        deviation = (count * share * (1 - share)) ** 0.5
        assert abs(seen - count * share) < 4 * deviation


def test_cutting_takes_as_many_operations_for_any_batch(images):
    """On a GPU a launch costs more than a patch of 48x48."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.count += 1
            return func(*args, **(kwargs or {}))

    bank, counts = gather_images(images), []
    for batch in (2, 64):
        with Counter() as counter:
            places = draw_places(bank, SIZE, batch, torch.Generator().manual_seed(0))
            cut_patches(bank, places, SIZE)
        counts.append(counter.count)
    assert counts[0] == counts[1] < 60
