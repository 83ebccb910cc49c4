"""Which files go where: each once, whatever links there are."""

import os

import numpy as np
import pytest
from PIL import Image

from mmdenoise.apis.file_plan import find_images, plan_files


def picture(path, size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "sub/b.png", "sub/c.jpg", ".hidden.png"):
        picture(tmp_path / "in" / name)
    return tmp_path


def pairs(sources, out):
    return plan_files(sources, out).pairs


def test_one_file(folder):
    plan = plan_files(["in/a.png"], "x.png")
    assert plan.pairs == [("in/a.png", "x.png")] and plan.folder is None
    (folder / "out").mkdir()
    for out in ("out", "out/", "new/"):
        plan = plan_files(["in/a.png"], out)
        assert plan.pairs == [("in/a.png", os.path.join(out, "a.png"))]
        assert plan.folder == out


def test_a_folder_keeps_its_places(folder):
    expected = [
        ("in/a.png", "out/a.png"),
        ("in/sub/b.png", "out/sub/b.png"),
        ("in/sub/c.jpg", "out/sub/c.jpg"),
    ]
    assert pairs(["in"], "out") == expected
    assert pairs(["in/"], "out") == expected
    # What an earlier run wrote into the folder itself is no input.
    picture(folder / "in" / "done" / "a.png")
    inside = [(path, path.replace("in/", "in/done/")) for path, _ in expected]
    assert pairs(["in"], "in/done") == inside


def test_a_pattern(folder):
    found = [("in/a.png", "out/a.png"), ("in/sub/b.png", "out/sub/b.png")]
    assert pairs(["in/**/*.png"], "out") == found
    deeper = [(path, f"out/{path}") for path, _ in found]
    assert pairs(["**/*.png"], "out") == deeper
    assert pairs(["in/**"], "out")[-1] == ("in/sub/c.jpg", "out/sub/c.jpg")
    assert pairs(["in/*/*.jpg"], "out") == [("in/sub/c.jpg", "out/sub/c.jpg")]
    assert pairs(["in/*"], "out") == [("in/a.png", "out/a.png")]


def test_other_files_are_passed_over_and_named(folder):
    (folder / "in" / "note.txt").write_text("hello")
    (folder / "in" / "sub" / "clip.mp4").write_bytes(b"video")
    for sources in (["in"], ["in/**/*"], ["in/a.png", "in/note.txt", "in/sub"]):
        plan = plan_files(sources, "out")
        assert len(plan.pairs) == 3
        assert plan.skipped == ["in/note.txt", "in/sub/clip.mp4"]
    with pytest.raises(FileNotFoundError, match="no images in 'in/\\*.txt'"):
        plan_files(["in/*.txt"], "out")
    # The only file that is named is tried.
    assert pairs(["in/note.txt"], "x.png") == [("in/note.txt", "x.png")]
    assert pairs(["in/note.txt"], "out/") == [("in/note.txt", "out/note.txt")]


def test_links_in_circles(folder):
    """Two of them, that glob would follow for ever."""
    (folder / "in" / "again").symlink_to(".")
    (folder / "in" / "sub" / "up").symlink_to("..")
    (folder / "in" / "broken.png").symlink_to("gone.png")
    expected = ["in/a.png", "in/sub/b.png", "in/sub/c.jpg"]
    assert [path for path, _ in pairs(["in"], "out")] == expected
    assert [path for path, _ in pairs(["in/**/*.*"], "out")] == expected


def test_links_are_followed_and_each_file_is_taken_once(folder):
    picture(folder / "other" / "d.png")
    (folder / "in" / "link").symlink_to("../other")
    (folder / "in" / "0.png").symlink_to("a.png")
    (folder / "in" / "twice.png").symlink_to("../other/d.png")
    images, others = find_images("in")
    assert sorted(name for _, name in images) == [
        "a.png",
        "link/d.png",
        "sub/b.png",
        "sub/c.jpg",
    ]
    assert others == []


@pytest.mark.parametrize(
    "sources, out, error, words",
    [
        (["gone.png"], "x.png", FileNotFoundError, "no file or folder 'gone.png'"),
        (["in/*.tif"], "out", FileNotFoundError, "no files in 'in/\\*.tif'"),
        (["in/**/*.tif"], "out", FileNotFoundError, "no files in 'in/"),
        (["in"], "in", ValueError, "over the input 'in/a.png'"),
        (["in/a.png"], "in/a.png", ValueError, "over the input"),
        (["in/a.png", "in/sub/b.png"], "in/a.png", ValueError, "name OUT, the folder"),
        (["in/a.png", "in/sub"], "out", None, ""),
    ],
)
def test_what_cannot_be(folder, sources, out, error, words):
    if error is None:
        assert len(pairs(sources, out)) == 3
        return
    with pytest.raises(error, match=words):
        plan_files(sources, out)


def test_two_images_of_one_name(folder):
    picture(folder / "other" / "a.png")
    with pytest.raises(ValueError, match="would both be written to 'out/a.png'"):
        plan_files(["in/a.png", "other/a.png"], "out")
