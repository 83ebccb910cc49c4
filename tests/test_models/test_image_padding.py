"""Padding that continues an image."""

import pytest
import torch

from mmdenoise.models.image_padding import pad_to, pad_to_multiple


def test_mirror_by_hand():
    row = torch.tensor([[[[1.0, 2.0, 3.0, 4.0]]]])
    assert pad_to(row, 1, 6).flatten().tolist() == [1, 2, 3, 4, 3, 2]
    assert pad_to(row.transpose(2, 3), 7, 1).flatten().tolist() == [
        *(1, 2, 3, 4),
        *(3, 2, 1),
    ]


def test_too_short_to_mirror_repeats_the_last_line():
    row = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert pad_to(row, 1, 6).flatten().tolist() == [1, 2, 3, 3, 3, 3]
    assert pad_to(row, 2, 3).tolist() == [[[1, 2, 3], [1, 2, 3]]]


def test_corner_is_mirrored_both_ways():
    image = torch.arange(9.0).view(1, 3, 3)
    expected = [[0, 1, 2, 1], [3, 4, 5, 4], [6, 7, 8, 7], [3, 4, 5, 4]]
    assert pad_to(image, 4, 4).tolist() == [expected]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 50), (5, 8), (4, 4)])
@pytest.mark.parametrize("multiple", [1, 2, 4, 8])
def test_multiples(size, multiple):
    image = torch.rand(2, 3, *size)
    padded = pad_to_multiple(image, multiple)
    for side, result in zip(size, padded.shape[-2:]):
        assert result % multiple == 0
        assert side <= result < side + multiple
    assert torch.equal(padded[..., : size[0], : size[1]], image)


def test_nothing_to_do_changes_nothing():
    image = torch.rand(2, 3, 8, 4)
    assert torch.equal(pad_to(image, 8, 4), image)


def test_cannot_shrink():
    with pytest.raises(ValueError, match="cannot pad .* to 3x4: it is larger"):
        pad_to(torch.zeros(3, 4, 4), 3, 4)
