"""Results that outlive a killed run."""

import json

import pytest

from mmdenoise.benchmarks.score_log import ResultLog, key_of


def test_a_key_is_all_that_a_result_depends_on():
    key = key_of("weights", "pixels", 25, 0)
    assert key == key_of("weights", "pixels", 25.0, 0)
    others = [("w", "pixels", 25, 0), ("weights", "p", 25, 0)]
    others += [("weights", "pixels", 25.5, 0), ("weights", "pixels", 25, 1)]
    assert len({key, *(key_of(*other) for other in others)}) == 5


def test_what_was_written_is_read(tmp_path):
    path = str(tmp_path / "folder" / "results.jsonl")
    log = ResultLog(path)
    assert log.get("a") is None
    log.add("a", psnr=30.5)
    log.add("b", psnr=float("inf"))
    assert log.get("a")["psnr"] == 30.5
    again = ResultLog(path)
    assert again.get("a") == dict(key="a", psnr=30.5)
    assert again.get("b")["psnr"] == float("inf")


@pytest.mark.parametrize("cut", range(1, 25, 4))
def test_a_line_that_a_killed_run_began(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    log = ResultLog(str(path))
    log.add("a", psnr=30.5)
    whole = path.read_bytes()
    log.add("b", psnr=31.5)
    path.write_bytes(path.read_bytes()[: len(whole) + cut])
    again = ResultLog(str(path))
    assert again.get("a")["psnr"] == 30.5
    assert again.get("b") is None
    again.add("c", psnr=32.5)
    assert ResultLog(str(path)).get("c")["psnr"] == 32.5


def test_another_file_is_not_appended_to(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text("name,psnr\n" + json.dumps([1, 2]))
    with pytest.raises(ValueError, match="holds no results of benchmarks: move it"):
        ResultLog(str(path))
