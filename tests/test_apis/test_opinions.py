"""From the page's files to scores: known raters come back, bad files are named."""

import json

import numpy as np
import pytest

from mmdenoise.apis.opinions import collect_opinions
from mmdenoise.visualization.opinion_page import opinion_page

METHODS = ["weak", "middling", "strong"]
STRENGTHS = np.array([-1.0, 0.0, 1.0])


@pytest.fixture
def study(tmp_path):
    images = {
        f"{i}.png": {m: np.full((8, 8, 3), k, np.uint8) for k, m in enumerate(METHODS)}
        for i in range(12)
    }
    _, key = opinion_page(images)
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    return path, key


@pytest.fixture
def answer(tmp_path, study):
    """Write a rater's file as the page does; rankings follow utilities (I, M)."""
    _, key = study

    def write(rater, utilities, **change):
        answers = []
        for image, row in zip(key["images"], utilities):
            methods = [METHODS[i] for i in np.argsort(-np.asarray(row))]
            found = {method: one for one, method in image["results"].items()}
            ranking = [found[method] for method in methods]
            answers.append(dict(image=image["id"], ranking=ranking, seconds=3.5))
        content = dict(format="mmdenoise-opinions", version=1, study=key["study"])
        content.update(rater=rater, name="", answers=answers[::-1])
        content.update(change)
        path = tmp_path / f"{rater}.json"
        path.write_text(json.dumps(content))
        return str(path)

    return write


@pytest.fixture
def honest(answer):
    rng = np.random.default_rng(0)
    return [
        answer(f"r{i}", STRENGTHS + rng.gumbel(size=(12, 3)) * 0.8) for i in range(15)
    ]


def test_preferences_come_back_and_a_random_rater_is_out(study, honest, answer):
    random = answer("random", np.random.default_rng(5).random((12, 3)))
    found = collect_opinions(str(study[0]), [random, *honest])
    assert list(found.screened) == [random]
    assert found.raters == 15 and found.images == 12
    assert list(np.argsort(found.means)) == [0, 1, 2]
    # Gumbel noise of scale 0.8: strengths are 1 / 0.8 apart.
    assert found.strengths == pytest.approx(STRENGTHS / 0.8, abs=0.25)
    low, high = found.strength_interval
    assert (low < STRENGTHS / 0.8).all() and (STRENGTHS / 0.8 < high).all()
    text = found.markdown().splitlines()
    assert [row.split("|")[1].strip() for row in text[2:5]] == METHODS[::-1]
    assert "15 raters, 12 images" in found.markdown() and random in found.markdown()
    rows = found.csv().splitlines()
    assert len(rows) == 4 and float(rows[3].split(",")[1]) == found.means[2]


def test_all_agree(study, answer):
    files = [answer(f"r{i}", np.tile([1, 2, 3], (12, 1))) for i in range(4)]
    found = collect_opinions(str(study[0]), files)
    assert found.means == pytest.approx([1, 2, 3])
    assert found.halves == pytest.approx([0, 0, 0])
    assert found.agreement == pytest.approx(np.ones(12))
    assert found.first == pytest.approx([0, 0, 1])


def test_one_rater_has_no_interval(study, answer):
    found = collect_opinions(str(study[0]), [answer("r", np.tile([1, 2, 3], (12, 1)))])
    assert "±" not in found.markdown() and "1 rater," in found.markdown()


def test_raters_who_do_not_agree_give_no_scores(study, answer):
    rng = np.random.default_rng(2)
    files = [answer(f"r{i}", rng.random((12, 3))) for i in range(9)]
    with pytest.raises(ValueError, match="do not agree"):
        collect_opinions(str(study[0]), files)
    assert collect_opinions(str(study[0]), files, "none").raters == 9


def test_every_bad_file_is_named(study, honest, answer, tmp_path):
    truncated = tmp_path / "truncated.json"
    truncated.write_text((tmp_path / "r0.json").read_text()[:200])
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\x89PNG\xff\xfe")
    other = answer("other", STRENGTHS + np.zeros((12, 3)), study="0123")
    with pytest.raises(ValueError) as error:
        paths = [honest[0], str(truncated), str(binary), other, "nowhere.json"]
        collect_opinions(str(study[0]), paths)
    message = str(error.value)
    assert "\n" not in message and "r0.json" not in message
    for part in ("truncated.json' is no JSON", "binary.json' is no JSON"):
        assert part in message
    assert "other.json' belongs to another study" in message
    assert "there is no file 'nowhere.json'" in message


def drop_image(content):
    content["answers"].pop()


def rank_twice(content):
    ranking = content["answers"][0]["ranking"]
    ranking[0] = ranking[1]


def repeat_image(content):
    content["answers"][0] = content["answers"][1]


@pytest.mark.parametrize(
    "change, message",
    [
        (drop_image, "lacks the rankings of 1 images of 12"),
        (rank_twice, "does not rank each result"),
        (repeat_image, "twice"),
        (lambda c: c["answers"][0].pop("ranking"), "lacks a part"),
        (lambda c: c["answers"][0].update(ranking=[1, 2, 3]), "each result"),
        (lambda c: c["answers"][0].update(ranking=[[], {}, 3]), "each result"),
        (lambda c: c.update(answers=None), "lacks a part"),
        (lambda c: c.update(answers=[7]), "names none"),
        (lambda c: c.update(rater=None), "which rater"),
        (lambda c: c.update(version=2), "of version 2"),
        (lambda c: c.update(format="other"), "no file of the format"),
    ],
)
def test_changed_answers_are_refused(study, honest, change, message, tmp_path):
    path = tmp_path / "r0.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"r0.json' .*{message}"):
        collect_opinions(str(study[0]), honest)


def test_one_rater_twice_is_refused(study, honest, tmp_path):
    copy = tmp_path / "copy.json"
    copy.write_text((tmp_path / "r0.json").read_text())
    with pytest.raises(ValueError, match="same rater's answers as .*r0.json"):
        collect_opinions(str(study[0]), [*honest, str(copy)])
    with pytest.raises(ValueError, match="no answers"):
        collect_opinions(str(study[0]), [])


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": "mmdenoise-study-key"}', "x"])
def test_bad_key_is_named(honest, tmp_path, text):
    key = tmp_path / "bad_key.json"
    key.write_text(text)
    with pytest.raises(ValueError, match="bad_key.json"):
        collect_opinions(str(key), honest)
