"""Results that outlive a killed run."""

import json

import pytest

from mmdenoise.benchmarks.score_log import ResultLog, parts_of

NAMES = dict(method="m", data="d", image="a.png", sigma=25, seed=0)
PARTS = parts_of("weights", "pixels", "code")
RESULT = dict(psnr=30.5, ssim=0.9, seconds=1.0, pixels=12)


def test_a_key_is_all_that_a_result_depends_on(tmp_path):
    log = ResultLog(str(tmp_path / "results.jsonl"))
    log.add(NAMES, PARTS, **RESULT)
    assert log.get(dict(NAMES, sigma=25.0), PARTS)["psnr"] == 30.5
    renamed = dict(NAMES, method="n", data="e", image="b.png")
    assert log.get(renamed, PARTS)["psnr"] == 30.5, "a name is no key"
    assert log.get(dict(NAMES, sigma=25.5), PARTS) is None
    assert log.get(dict(NAMES, seed=1), PARTS) is None
    for part in PARTS:
        assert log.get(NAMES, dict(PARTS, **{part: "other"})) is None


def test_what_changed(tmp_path):
    log = ResultLog(str(tmp_path / "results.jsonl"))
    assert log.changes(NAMES, PARTS) == []
    log.add(NAMES, PARTS, **RESULT)
    log.add(NAMES, dict(PARTS, weights="x", code="x"), **RESULT)
    changed = dict(PARTS, image="y")
    assert log.changes(NAMES, changed) == ["image"], "since the most alike"
    assert log.changes(dict(NAMES, method="n"), changed) == []


def test_what_was_written_is_read(tmp_path):
    path = str(tmp_path / "folder" / "results.jsonl")
    log = ResultLog(path)
    assert log.get(NAMES, PARTS) is None
    log.add(NAMES, PARTS, **RESULT)
    log.add(dict(NAMES, seed=1), PARTS, **dict(RESULT, psnr=float("inf")))
    again = ResultLog(path)
    for one in (log, again):
        found = one.get(NAMES, PARTS)
        assert {name: found[name] for name in RESULT} == RESULT
        assert one.get(dict(NAMES, seed=1), PARTS)["psnr"] == float("inf")


def test_a_result_that_is_none_is_not_taken(tmp_path):
    path = tmp_path / "results.jsonl"
    log = ResultLog(str(path))
    log.add(NAMES, PARTS, **RESULT)
    path.write_text(path.read_text().replace("30.5", '"thirty"'))
    assert ResultLog(str(path)).get(NAMES, PARTS) is None


@pytest.mark.parametrize("cut", range(1, 25, 4))
def test_a_line_that_a_killed_run_began(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    log = ResultLog(str(path))
    log.add(NAMES, PARTS, **RESULT)
    whole = path.read_bytes()
    second, third = dict(NAMES, seed=1), dict(NAMES, seed=2)
    log.add(second, PARTS, **RESULT)
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    again = ResultLog(str(path))
    assert again.get(NAMES, PARTS)["psnr"] == 30.5
    assert again.get(second, PARTS) is None
    again.add(third, PARTS, **RESULT)
    assert ResultLog(str(path)).get(third, PARTS)["psnr"] == 30.5


def test_another_file_is_not_appended_to(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("name,psnr\n" + json.dumps([1, 2]))
    with pytest.raises(ValueError, match="holds no results of benchmarks: move it"):
        ResultLog(str(path))
