"""The panel, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from mmdenoise.visualization import compose_panel, legend
from mmdenoise.visualization.picture_grid import GAP, TEXT

TITLE = TEXT + 2 * GAP
WHITE = (255, 255, 255)


def plain(height, width, colour):
    return np.full((height, width, 3), colour, np.uint8)


def box_of(panel, colour):
    """Left, top, right and bottom of what has a colour, and whether it is all."""
    found = (np.asarray(panel) == colour).all(axis=2)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    box = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    assert found.sum() == (box[2] - box[0]) * (box[3] - box[1]), "a full rectangle"
    return tuple(map(int, box))


def test_pictures_stand_in_columns_and_rows():
    colours = [[(200, 0, 0), (0, 200, 0)], [(0, 0, 200), (200, 200, 0)]]
    rows = [
        [plain(20, 32, colour) for colour in colours[0]],
        [plain(40, 32, colour) for colour in colours[1]],
    ]
    panel = compose_panel(["one", "two"], rows, cell_width=64)
    tops = [TITLE + GAP, TITLE + GAP + 40 + GAP]
    for row, height in enumerate((40, 80)):
        for column in range(2):
            left = GAP + column * (64 + GAP)
            assert box_of(panel, colours[row][column]) == (
                left,
                tops[row],
                left + 64,
                tops[row] + height,
            )
    assert panel.mode == "RGB"
    assert panel.size == (2 * 64 + 3 * GAP, tops[1] + 80 + GAP)


def test_titles_stand_above_their_columns():
    cells = [plain(16, 16, (200, 0, 0))] * 3
    panel = np.asarray(compose_panel(["noisy", "", "joint"], [cells], cell_width=64))
    inked = (panel[:TITLE] < 128).all(axis=2)
    starts = [GAP + column * (64 + GAP) for column in range(3)]
    by_column = [inked[:, start : start + 64] for start in starts]
    assert [bool(part.any()) for part in by_column] == [True, False, True]
    assert inked.sum() == sum(part.sum() for part in by_column), "none in the gaps"
    for part in (by_column[0], by_column[2]):
        middle = np.flatnonzero(part.any(0))
        assert abs(middle[0] + middle[-1] - 63) <= 4, "centred"
        assert np.flatnonzero(part.any(1))[-1] < TITLE


def test_a_missing_picture_leaves_its_place():
    rows = [[plain(16, 16, (200, 0, 0)), None], [None, plain(16, 16, (0, 200, 0))]]
    panel = compose_panel(["a", "b"], rows, cell_width=32)
    assert box_of(panel, (200, 0, 0))[:2] == (GAP, TITLE + GAP)
    assert box_of(panel, (0, 200, 0))[:2] == (GAP + 32 + GAP, TITLE + GAP + 32 + GAP)
    assert panel.getpixel((GAP + 32 + GAP + 16, TITLE + GAP + 16)) == WHITE


def test_whole_multiples_keep_the_pixels_square_and_sharp():
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (5, 8, 3), dtype=np.uint8)
    panel = np.asarray(compose_panel([""], [[picture]], cell_width=32))
    inside = panel[TITLE + GAP : TITLE + GAP + 20, GAP : GAP + 32]
    assert (inside == picture.repeat(4, axis=0).repeat(4, axis=1)).all()


def test_large_pictures_are_averaged_not_sampled():
    """Stripes of one pixel, at half the size, are grey."""
    picture = plain(64, 64, 0)
    picture[:, ::2] = 200
    panel = np.asarray(compose_panel([""], [[picture]], cell_width=32))
    inside = panel[TITLE + GAP : TITLE + GAP + 32, GAP + 4 : GAP + 28]
    assert (np.abs(inside.astype(int) - 100) <= 8).all()


def test_a_row_is_as_tall_as_its_tallest_picture():
    rows = [[plain(10, 20, (200, 0, 0)), plain(20, 20, (0, 200, 0))]]
    panel = compose_panel(["", ""], rows, cell_width=40)
    assert panel.size[1] == TITLE + GAP + 40 + GAP
    assert box_of(panel, (200, 0, 0))[3] == TITLE + GAP + 20


@pytest.mark.parametrize("height", [96, 40])
def test_the_legend(height):
    palette = [(200, 10, 10), (10, 200, 10), (10, 10, 200)]
    key = legend(["sea", "sand", "sky"], palette, 120, height)
    assert key.shape == (height, 120, 3) and key.dtype == np.uint8
    boxes = [box_of(Image.fromarray(key), colour) for colour in palette]
    assert all(box[0] == boxes[0][0] for box in boxes), "one under the other"
    tops = [box[1] for box in boxes]
    assert tops[1] - tops[0] == tops[2] - tops[1] == min(height // 3, 2 * TEXT)
    assert boxes[2][3] <= height
    for _, top, right, bottom in boxes:
        beside = key[top - 1 : bottom + 1, right + 2 :]
        assert (beside < 128).all(axis=2).any(), "a name beside each colour"


def test_a_legend_of_nothing_is_blank():
    assert (legend((), (), 30, 20) == 255).all()


def test_a_palette_of_lists():
    """As data sets give it, rather than tuples."""
    key = legend(["a"], [[200, 10, 10]], 60, 40)
    assert box_of(Image.fromarray(key), (200, 10, 10))[0] == GAP + 1
