"""The page on which raters rank: blind, by itself, and driven as people drive it."""

import json
import re

import numpy as np
import pytest

from mmdenoise.visualization.opinion_page import opinion_page

METHODS = ["Zylonet", "Quuxfilter", "Vorpal", "Borogove"]


def pictures(count=3, methods=METHODS, size=(40, 60)):
    """Each method's own grey, the same in every image."""
    greys = {method: 40 + 50 * i for i, method in enumerate(methods)}
    return {
        f"image_{i}.png": {
            method: np.full((*size, 3), grey + i, np.uint8)
            for method, grey in greys.items()
        }
        for i in range(count)
    }


@pytest.fixture
def study(tmp_path):
    page, key = opinion_page(pictures())
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri(), key


def method_of(key, image, result):
    return next(i for i in key["images"] if i["id"] == image)["results"][result]


def test_page_names_no_method_and_no_file():
    page, key = opinion_page(pictures())
    for word in (*METHODS, "image_0.png"):
        assert word.lower() not in page.lower()
    ids = [one for image in key["images"] for one in image["results"]]
    assert len(set(ids)) == 3 * len(METHODS)
    assert all(one in page for one in ids)


def test_order_in_the_source_tells_nothing():
    first = [opinion_page(pictures(1))[1]["images"][0] for _ in range(40)]
    orders = {tuple(image["results"].values()) for image in first}
    assert len(orders) > 8


def test_page_fetches_nothing():
    page, _ = opinion_page(pictures())
    assert not re.findall(r"(?:https?:)?//[a-z]", re.sub(r"base64,[^\"]*", "", page))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda p: p.clear(), "at least one image"),
        (lambda p: p["image_0.png"].pop("Vorpal"), "'image_1.png' has results of"),
        (
            lambda p: p["image_1.png"].update(Vorpal=np.zeros((9, 9, 3), "u1")),
            r"\(9, 9",
        ),
        (lambda p: p["image_1.png"].update(Vorpal=np.zeros((40, 60, 3))), "float64"),
        (
            lambda p: p["image_1.png"].update(Vorpal=p["image_1.png"]["Zylonet"]),
            "'Zylonet' and 'Vorpal' gave the same picture of 'image_1.png'",
        ),
    ],
)
def test_what_cannot_be_ranked_is_refused(change, message):
    images = pictures()
    change(images)
    with pytest.raises(ValueError, match=message):
        opinion_page(images)


def test_one_method_or_ten_or_a_telling_title_are_refused():
    with pytest.raises(ValueError, match="2 to 9 methods, got 1"):
        opinion_page(pictures(methods=METHODS[:1]))
    with pytest.raises(ValueError, match="2 to 9 methods, got 10"):
        images = {"a": {f"m{i}": np.full((4, 4, 3), i, "u1") for i in range(10)}}
        opinion_page(images)
    with pytest.raises(ValueError, match="names the method 'Vorpal'"):
        opinion_page(pictures(), title="Is vorpal better?")
    opinion_page(pictures(methods=["B", "est"]), title="Which is best?")


def wanted_ranks(browser, key, best_first):
    """Rank of each version that is shown, by the place it is shown at."""
    state = json.loads(browser.run(f"localStorage['opinion-study-{key['study']}']"))
    image = state["order"][state["at"]]
    shown = state["answers"][image]["shown"]
    return [best_first.index(method_of(key, image, one)) + 1 for one in shown]


def check_answers(browser, key, best_first, name):
    content = json.loads(browser.downloaded().read_text())
    assert content["study"] == key["study"] and content["name"] == name
    assert len(content["answers"]) == len(key["images"])
    for answer in content["answers"]:
        methods = [method_of(key, answer["image"], one) for one in answer["ranking"]]
        assert methods == best_first
        assert sorted(answer["shown"]) == sorted(answer["ranking"])
        assert 0 <= answer["seconds"] < 60
    assert browser.problems() == []
    assert all(url.startswith("file:") for url in browser.requests())


@pytest.mark.parametrize("width, height", [(1920, 1080), (390, 844)])
def test_whole_study_by_keyboard_alone(browser, study, width, height):
    url, key = study
    order = ["Vorpal", "Zylonet", "Borogove", "Quuxfilter"]
    page = browser(width=width, height=height, mobile=width < 500)
    page.open(url)
    for letter in "R7":
        page.key(letter)
    page.key("Enter")
    for index in range(3):
        page.says("#position", f"Picture {index + 1} of 3")
        if index == 1:
            # The first image's answers, and a half of this one's, outlive a reload.
            ranks = wanted_ranks(page, key, order)
            page.key(str(ranks[0]))
            page.reload()
            page.says("#position", "Picture 2 of 3")
            pressed = page.run(
                "[...document.querySelectorAll('[aria-pressed=true]')]"
                ".map((one) => Number(one.innerText))"
            )
            assert pressed == ranks[:1]
        ranks = wanted_ranks(page, key, order)
        if index == 2:
            # In another order, by letters, with a wrong one that is changed.
            page.key("d")
            page.key(str(ranks[0]))
            for place in (3, 0, 1, 2):
                page.key("abcd"[place])
                page.key(str(ranks[place]))
        else:
            page.key("Enter")
            page.says("#position", f"Picture {index + 1} of 3")
            for rank in ranks[1 if index == 1 else 0 :]:
                page.key(str(rank))
        page.key("Enter")
    page.wait("document.querySelector('#end').offsetParent !== null")
    page.key("Enter")
    check_answers(page, key, order, "R7")


def given(page, count):
    """Wait until the page took so many ranks: it hears of a click a while after it."""
    page.wait(f"document.querySelectorAll('[aria-pressed=true]').length === {count}")


@pytest.mark.parametrize("width, height", [(1920, 1080), (390, 844)])
def test_whole_study_by_mouse_alone(browser, study, width, height):
    url, key = study
    order = METHODS[::-1]
    page = browser(width=width, height=height)
    page.open(url)
    page.click("#begin button")
    for index in range(3):
        page.says("#position", f"Picture {index + 1} of 3")
        for place, rank in enumerate(wanted_ranks(page, key, order)):
            assert page.run("document.getElementById('next').disabled")
            page.click(f"figure:nth-child({place + 1}) .ranks button", rank - 1)
            given(page, place + 1)
            if index == 1 and place == 1:
                page.reload()
                page.says("#position", "Picture 2 of 3")
                given(page, 2)
        page.click("#next")
    page.click("#save")
    check_answers(page, key, order, "")


def test_whole_study_by_touch(browser, study):
    url, key = study
    page = browser(width=390, height=844, mobile=True)
    page.open(url)
    page.tap("#begin button")
    for index in range(3):
        page.says("#position", f"Picture {index + 1} of 3")
        for place, rank in enumerate(wanted_ranks(page, key, METHODS)):
            page.tap(f"figure:nth-child({place + 1}) .ranks button", rank - 1)
            given(page, place + 1)
        page.tap("#next")
    page.tap("#save")
    check_answers(page, key, METHODS, "")


def transforms(page):
    script = (
        "[...document.querySelectorAll('.window img')].map((i) => i.style.transform)"
    )
    return page.run(script)


def test_all_versions_zoom_and_move_in_step(browser, study):
    page = browser()
    page.open(study[0])
    page.key("Enter")
    whole = transforms(page)
    assert len(whole) == 4 and len(set(whole)) == 1

    page.wheel(".window", -120)
    page.wait("document.querySelector('.window').classList.contains('near')")
    near = transforms(page)
    assert len(set(near)) == 1 and near != whole

    x, y = page.place(".window")
    page.drag((x, y), (x - 20, y - 10))
    moved = transforms(page)
    assert len(set(moved)) == 1 and moved != near

    page.key("0")
    assert transforms(page) == whole
    page.key("+")
    page.key("ArrowRight", shift=True)
    keyed = transforms(page)
    assert len(set(keyed)) == 1 and keyed != whole


def test_two_fingers_zoom(browser, study):
    page = browser(width=390, height=844, mobile=True)
    page.open(study[0])
    page.tap("#begin button")
    before = transforms(page)
    x, y = page.place(".window")
    page.touch("touchStart", [(x - 10, y), (x + 10, y)])
    for wide in (20, 30, 40):
        page.touch("touchMove", [(x - wide, y), (x + wide, y)])
    page.touch("touchEnd", [])
    after = transforms(page)
    assert len(set(after)) == 1 and after != before


@pytest.mark.parametrize("width", [320, 390, 768, 1920])
def test_nothing_is_wider_than_the_window(browser, study, width):
    page = browser(width=width, height=800, mobile=width < 500)
    page.open(study[0])
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.run(fits)
    page.key("Enter")
    assert page.run(fits)


def test_next_person_begins_anew(browser, study):
    url, key = study
    page = browser()
    page.open(url)
    page.key("Enter")
    for _ in range(3):
        for rank in "1234":
            page.key(rank)
        page.key("Enter")
    page.run("window.confirm = () => true")
    first = page.run(f"JSON.parse(localStorage['opinion-study-{key['study']}']).rater")
    page.click("#anew")
    assert page.shown("#start")
    second = page.run(f"JSON.parse(localStorage['opinion-study-{key['study']}']).rater")
    assert first != second
