"""Files: which go where, and that what is wrong with one stops no other."""

import os

import numpy as np
import pytest
from PIL import Image

from mmdenoise.apis.denoise_files import denoise_files, plan_files
from mmdenoise.models import IdentityDenoiser


def picture(path, size=(20, 30), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "sub/b.png", "sub/c.jpg", ".hidden.png"):
        picture(tmp_path / "in" / name)
    return tmp_path


def test_one_file(folder):
    assert plan_files(["in/a.png"], "x.png") == [("in/a.png", "x.png")]
    (folder / "out").mkdir()
    for out in ("out", "out/", "new/"):
        expected = os.path.join(out, "a.png")
        assert plan_files(["in/a.png"], out) == [("in/a.png", expected)]


def test_a_folder_keeps_its_places(folder):
    expected = [
        ("in/a.png", "out/a.png"),
        ("in/sub/b.png", "out/sub/b.png"),
        ("in/sub/c.jpg", "out/sub/c.jpg"),
    ]
    assert plan_files(["in"], "out") == expected
    # What an earlier run wrote into the folder itself is no input.
    picture(folder / "in" / "done" / "a.png")
    inside = [(path, path.replace("in/", "in/done/")) for path, _ in expected]
    assert plan_files(["in"], "in/done") == inside


def test_a_pattern(folder):
    found = [("in/a.png", "out/a.png"), ("in/sub/b.png", "out/sub/b.png")]
    assert plan_files(["in/**/*.png"], "out") == found
    assert plan_files(["in/*/*.jpg"], "out") == [("in/sub/c.jpg", "out/sub/c.jpg")]


@pytest.mark.parametrize(
    "sources, out, error, words",
    [
        (["gone.png"], "x.png", FileNotFoundError, "no file or folder 'gone.png'"),
        (["in/*.tif"], "out", FileNotFoundError, "no files in 'in/\\*.tif'"),
        (["in"], "in", ValueError, "over the input 'in/a.png'"),
        (["in/a.png"], "in/a.png", ValueError, "over the input"),
        (["in/a.png", "in/sub/b.png"], "in/a.png", ValueError, "several images need"),
        (["in/a.png", "in/sub"], "out", None, ""),
    ],
)
def test_what_cannot_be(folder, sources, out, error, words):
    if error is None:
        assert len(plan_files(sources, out)) == 3
        return
    with pytest.raises(error, match=words):
        plan_files(sources, out)


def test_two_images_of_one_name(folder):
    picture(folder / "other" / "a.png")
    with pytest.raises(ValueError, match="would both be written to 'out/a.png'"):
        plan_files(["in/a.png", "other/a.png"], "out")


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A good image, a truncated one, a text, and one of 16 bits."""
    monkeypatch.chdir(tmp_path)
    good = picture(tmp_path / "in" / "good.png")
    whole = (tmp_path / "in" / "good.png").read_bytes()
    (tmp_path / "in" / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "note.png").write_text("hello")
    wide = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    Image.fromarray(wide).save(tmp_path / "in" / "wide.png")
    return good, wide


def test_what_is_wrong_with_one_file_is_said_and_the_rest_go_on(mixed, capsys):
    outcome = denoise_files(IdentityDenoiser(), plan_files(["in"], "out"))
    assert outcome.written == ["out/good.png", "out/wide.png"]
    assert sorted(os.listdir("out")) == ["good.png", "wide.png"]
    assert np.array_equal(np.asarray(Image.open("out/good.png")), mixed[0])
    assert np.array_equal(np.asarray(Image.open("out/wide.png")), mixed[1])
    assert sorted(outcome.failed) == ["in/half.png", "in/note.png"]
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if line.startswith("error: ")]
    assert len(said) == 2
    assert "cannot read 'in/half.png'" in said[0] and "truncated" in said[0]
    assert said[1] == "error: 'in/note.png' is no PNG, JPEG or TIFF image"
    assert any(line.startswith("megapixels: ") and "ETA" in line for line in lines)


def test_the_command(mixed, command):
    run = command("denoise", "in", "out", "--sigma", "25")
    assert run.code == 1
    assert run.out == "denoised 2 of 4 images; 2 failed, as said above\n"
    assert run.err.count("error: ") == 2
    run = command("denoise", "in/good.png", "one.jpg")
    assert (run.code, run.out) == (0, "denoised 1 of 1 images\n")
    assert Image.open("one.jpg").size == (30, 20)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--sigma", "33"], "the zoo has none for sigma 33; its levels are 15, 25,"),
        (["--sigma", "-1"], "the zoo has none for sigma -1"),
        (["--denoiser", "gone.pth"], "there is no file 'gone.pth'"),
        (["--denoiser", "multiscale_sigma25", "--sigma", "25"], "takes no sigma"),
        (["--tile", "10"], "a tile of 10 px is too small"),
    ],
)
def test_wrong_options(mixed, command, arguments, words):
    run = command("denoise", "in/good.png", "x.png", *arguments)
    assert run.code == 1 and words in run.err
    assert not os.path.exists("x.png")
