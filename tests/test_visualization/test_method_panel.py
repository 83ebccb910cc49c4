"""Panels of methods: every part where it belongs, no text cut, no colour alone."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmdenoise.visualization.class_views import OKABE_ITO, class_colours
from mmdenoise.visualization.method_panel import Block, Cell, draw_method_panel
from mmdenoise.visualization.regions import Region

LONG = "the joint one, trained for another task, with a name of its own"
NAMES = ["background", "a class whose name is rather long, with synonyms", "cow"]


def picture(height=40, width=60, grey=100):
    return np.full((height, width, 3), grey, np.uint8)


def texts(figure):
    """Every text, with its box in pixels."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    found = [*figure.texts]
    for axes in figure.axes:
        found += axes.texts
    for legend in figure.legends:
        found += legend.get_texts()
    return [
        (t.get_text(), t.get_window_extent(renderer)) for t in found if t.get_text()
    ]


def check_texts(figure):
    boxes = texts(figure)
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in boxes:
        assert 0 <= box.x0 and box.x1 <= width, text
        assert 0 <= box.y0 and box.y1 <= height, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 < b.x0 or b.x1 < a.x0 or a.y1 < b.y0 or b.y1 < a.y0
        assert apart, (one, other)
    return [text for text, _ in boxes]


@pytest.fixture
def labels():
    made = np.zeros((40, 60), int)
    made[10:30, 5:25] = 1
    made[10:30, 35:55] = 2
    made[0, :] = 255
    return made


def test_no_text_is_cut_or_covers_another(labels):
    cells = {
        name: Cell(picture(), "PSNR 100.00 dB, SSIM 0.999", labels)
        for name in ["noisy", LONG, "c", "d"]
    }
    figure = draw_method_panel([Block(cells, Region(3, 4, 20, 20))] * 2, NAMES)
    found = check_texts(figure)
    assert found.count("PSNR 100.00 dB, SSIM 0.999") == 8
    assert LONG in [text.replace("\n", " ") for text in found]
    assert f"1 {NAMES[1]}" in [text.replace("\n", " ") for text in found]
    # Each patch of each map has its number: three classes, four methods, two images.
    assert [found.count(number) for number in "012"] == [8, 8, 8]


def test_best_classes_are_written_whole():
    best = [("Chesapeake Bay retriever, dog", 0.91), ("b", 0.05), ("c", 0.04)]
    block = Block({n: Cell(picture(), best=best) for n in "xy"}, None, best[0][0])
    found = check_texts(draw_method_panel([block]))
    lines = [text.replace("\n", " ") for text in found]
    assert lines.count("91% ✓ Chesapeake Bay retriever") == 2


def test_region_is_drawn_and_enlarged():
    wide = picture()
    wide[4:14, 20:40] = np.arange(20, dtype=np.uint8)[None, :, None]
    figure = draw_method_panel([Block({"a": Cell(wide)}, Region(20, 4, 20, 10))])
    whole, inset = figure.axes
    assert np.array_equal(inset.images[0].get_array(), wide[4:14, 20:40])
    assert [patch.get_bbox().bounds for patch in whole.patches] == [
        (19.5, 3.5, 20, 10)
    ] * 2
    box = inset.get_window_extent()
    assert box.width / box.height == pytest.approx(2, rel=0.01)


def test_label_map_has_the_colours_of_the_legend(labels):
    block = Block({"a": Cell(picture(), labels=labels), "truth": Cell(labels=labels)})
    figure = draw_method_panel([block], NAMES)
    shown = figure.axes[1].images[0].get_array()
    colours = [tuple(shown[35, 30]), tuple(shown[20, 15]), tuple(shown[20, 45])]
    faces = [patch.get_facecolor()[:3] for patch in figure.legends[0].get_patches()]
    assert [tuple(round(255 * f) for f in face) for face in faces] == colours
    assert tuple(shown[0, 0]) == (255, 255, 255)
    assert len(figure.axes) == 3  # the truth has a map alone


def test_panels_beside_each_other_share_colours(labels):
    few = Block({"a": Cell(picture(), labels=np.where(labels == 1, 1, 255))})
    both = Block({"a": Cell(picture(), labels=labels)})
    alone = draw_method_panel([few], NAMES, beside=[both])
    together = draw_method_panel([both], NAMES)
    texts_of = [
        [t.get_text() for t in f.legends[0].get_texts()] for f in (alone, together)
    ]
    assert texts_of[0] == texts_of[1]
    colours = [f.axes[1].images[0].get_array()[20, 15] for f in (alone, together)]
    assert np.array_equal(*colours)
    check_texts(alone)


def test_many_classes_stay_apart_by_number():
    colours = class_colours(range(40))
    assert len(set(list(colours.values())[:16])) == 16
    made = np.arange(40).repeat(10)[None, :].repeat(60, axis=0)
    figure = draw_method_panel([Block({"a": Cell(picture(60, 400), labels=made)})])
    check_texts(figure)
    assert len(figure.legends[0].get_texts()) == 40


def test_colours_differ_in_lightness_or_to_the_colour_blind():
    """Viénot, Brettel and Mollon (1999): what protanopes and deuteranopes see."""
    to_lms = np.array(
        [
            [17.8824, 43.5161, 4.1193],
            [3.4557, 27.1554, 3.8671],
            [0.0300, 0.1843, 1.4671],
        ]
    )
    protan = np.array([[0, 2.0234, -2.5258], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.4942, 0, 1.2483], [0, 0, 1]])
    linear = (np.array(OKABE_ITO) / 255) ** 2.2
    for lost in (protan, deutan):
        seen = linear @ (np.linalg.inv(to_lms) @ lost @ to_lms).T
        seen = 255 * seen.clip(0, 1) ** (1 / 2.2)
        for one, other in itertools.combinations(seen, 2):
            assert np.abs(one - other).max() > 25
