"""Block matching: the nearest patches, every pixel covered, images of any size."""

import pytest
import torch

from mmdenoise.models.denoisers.patch_groups import (
    match_patches,
    patch_pixels,
    reference_starts,
)


def picture(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, height, width, generator=generator)


def cut(image, position, patch):
    row, column = divmod(int(position), image.shape[-1])
    return image[:, row : row + patch, column : column + patch]


@pytest.mark.parametrize(
    ("length", "starts"),
    [(6, [0]), (8, [0, 1, 2]), (11, [0, 5]), (13, [0, 5, 6, 7])],
)
def test_reference_patches_cover_the_side(length, starts):
    assert reference_starts(length, patch=6, step=5).tolist() == starts


def test_patch_pixels_are_the_patch():
    image = picture(9, 11)
    pixels = patch_pixels(3, 9, 11, patch=4) + (2 * 11 + 5)
    assert torch.equal(image.flatten()[pixels], cut(image, 2 * 11 + 5, 4).flatten())


@pytest.mark.parametrize("radius", [2, 3])
def test_matches_are_those_of_an_explicit_search(radius):
    image, patch, step, size = picture(17, 14), 4, 3, 5
    groups = match_patches(image, patch, step, radius, size)
    rows, columns = (reference_starts(side, patch, step) for side in (17, 14))
    assert groups.shape == (len(rows) * len(columns), size)
    expected = []
    for row in rows.tolist():
        for column in columns.tolist():
            reference = image[:, row : row + patch, column : column + patch]
            found = []
            for y in range(max(row - radius, 0), min(row + radius, 13) + 1):
                for x in range(max(column - radius, 0), min(column + radius, 10) + 1):
                    other = image[:, y : y + patch, x : x + patch]
                    distance = float((other - reference).square().sum())
                    found.append((distance, y * 14 + x))
            expected.append([position for _, position in sorted(found)[:size]])
    assert groups.tolist() == expected


def test_in_a_flat_image_the_reference_is_of_its_group():
    groups = match_patches(torch.zeros(3, 20, 20), patch=6, step=5, radius=4, size=7)
    starts = reference_starts(20, 6, 5)
    assert groups[:, 0].tolist() == (starts[:, None] * 20 + starts).flatten().tolist()
    covered = torch.zeros(400)
    covered[(groups[..., None] + patch_pixels(1, 20, 20, 6)).flatten()] = 1
    assert covered.all()


def test_few_patches_make_small_groups():
    assert match_patches(picture(6, 6), 6, 5, 20, 60).tolist() == [[0]]
    assert match_patches(picture(7, 8), 6, 5, 20, 60).shape == (6, 6)
    # The reference in the corner sees a quarter of its window.
    assert match_patches(picture(20, 20), 6, 5, 2, 60).shape[1] == 9
