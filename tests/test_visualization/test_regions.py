"""Regions: where methods differ most, and which ones a user may ask for."""

import pytest
import torch

from mmdenoise.visualization.regions import Region, checked_region, most_different


def test_the_place_of_the_largest_difference_is_found():
    images = [torch.zeros(3, 80, 100) for _ in range(3)]
    images[1][:, 5:15, 70:90] = 0.2
    images[2][:, 40:60, 30:50] = 1.0  # the stronger one, of another pair
    assert most_different(images) == Region(30, 40, 20, 20)
    assert most_different(images[:2])[0] in range(60, 81)


def test_what_no_screen_shows_is_no_difference():
    images = [torch.ones(3, 64, 64), torch.ones(3, 64, 64)]
    images[1][:, :16, :16] = 3.0  # beyond white
    images[1][:, 48:, 48:] = 0.9
    assert most_different(images) == Region(48, 48, 16, 16)


@pytest.mark.parametrize("height, width", [(1, 1), (9, 200), (17, 15)])
def test_small_pictures_have_a_region(height, width):
    region = most_different(
        [torch.zeros(3, height, width), torch.ones(3, height, width)]
    )
    assert checked_region(region, height, width) == region


@pytest.mark.parametrize(
    "given", [(-1, 0, 5, 5), (0, 0, 0, 5), (18, 0, 3, 3), (0, 8, 3, 3), (0, 0, 21, 1)]
)
def test_a_region_outside_is_refused(given):
    with pytest.raises(ValueError, match="does not lie in the picture of 20x10"):
        checked_region(given, 10, 20)


def test_cut():
    picture = torch.arange(200).view(10, 20).numpy()
    assert Region(3, 2, 2, 1).cut(picture).tolist() == [[43, 44]]
