"""Files: what is wrong with one stops no other, and nothing is lost."""

import errno
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from torch import nn

from mmdenoise import precision
from mmdenoise.apis.denoise_files import Options, check_outputs, denoise_files
from mmdenoise.apis.file_plan import plan_files
from mmdenoise.apis.finished_files import RECORD
from mmdenoise.models import IdentityDenoiser


def picture(path, size=(20, 30), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


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
    assert sorted(os.listdir("out")) == [RECORD, "good.png", "wide.png"]
    assert np.array_equal(np.asarray(Image.open("out/good.png")), mixed[0])
    assert np.array_equal(np.asarray(Image.open("out/wide.png")), mixed[1])
    assert sorted(outcome.failed) == ["in/half.png", "in/note.png"]
    lines = capsys.readouterr().err.splitlines()
    said = [line for line in lines if line.startswith("error: ")]
    assert len(said) == 2
    assert "cannot read the image 'in/half.png'" in said[0] and "truncated" in said[0]
    assert "cannot read the image 'in/note.png': it is no PNG" in said[1]
    assert any(line.startswith("megapixels: ") and "ETA" in line for line in lines)


def test_the_command(mixed, command, monkeypatch):
    monkeypatch.setattr(precision, "_cpu_has_it", lambda: True)
    run = command("denoise", "in", "out", "--sigma", "25")
    assert run.code == 1
    assert run.out.startswith("denoised 2 of 4 images (1 in bfloat16 and 1 in float32)")
    assert run.out.endswith("; 2 failed, as said above\n")
    assert run.err.count("error: ") == 2
    run = command("denoise", "in/good.png", "one.jpg", "--precision", "float32")
    assert (run.code, run.out) == (0, "denoised 1 of 1 images (in float32)\n")
    assert Image.open("one.jpg").size == (30, 20)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--sigma", "99"], "the zoo has none for sigma 99; its levels are 15, 25,"),
        (["--sigma", "99"], "; the nearest is --denoiser multiscale_sigma60"),
        (["--denoiser", "gone.pth"], "there is no file 'gone.pth'"),
        (["--denoiser", "multiscale_sigma25", "--sigma", "25"], "takes no sigma"),
        (["--tile", "10"], "a tile of 10 px is too small"),
    ],
)
def test_wrong_options(mixed, command, arguments, words):
    run = command("denoise", "in/good.png", "x.png", *arguments)
    assert run.code == 1 and words in run.err
    assert not os.path.exists("x.png")


def test_nothing_is_overwritten_unless_asked(mixed, command):
    """`denoise photos/*.png`, with OUT forgotten, and other ways to lose a photo."""
    before = open("in/wide.png", "rb").read()
    run = command("denoise", "in/good.png", "in/wide.png")
    assert run.code == 1 and "'in/wide.png' exists already" in run.err
    assert open("in/wide.png", "rb").read() == before
    run = command("denoise", "in/good.png", "in/note.png", "in/wide.png")
    assert run.code == 1 and "several images need a folder" in run.err
    assert open("in/wide.png", "rb").read() == before
    run = command("denoise", "in/good.png", "in/wide.png", "--overwrite")
    assert run.code == 0
    assert open("in/wide.png", "rb").read() != before


def test_the_folder_is_tried_before_the_work(mixed, command):
    run = command("denoise", "in/good.png", "in/note.png/x.png", "--denoiser", "gone")
    assert run.code == 1 and "cannot write into 'in/note.png'" in run.err


# Contrast that was divided by sqrt(3) is multiplied again.
GREY_STEP = 20 / 255 * math.sqrt(3)


class Brighter(nn.Module):
    """Counts its work, and may be told to fail."""

    stop = None

    def __init__(self, step=20 / 255):
        super().__init__()
        self.step = nn.Parameter(torch.tensor(step))
        self.calls = 0

    def forward(self, noisy):
        self.calls += 1
        if self.calls == self.stop:
            raise KeyboardInterrupt
        return noisy + self.step


@pytest.fixture
def four(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index, name in enumerate(("a.png", "b.png", "sub/c.png", "d.tif")):
        picture(tmp_path / "in" / name, seed=index)
    return tmp_path


def contents(folder):
    return {
        path: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD
    }


def run(denoiser, resume=True, **options):
    plan = plan_files(["in"], "out")
    check_outputs(plan, resume=resume)
    return denoise_files(denoiser, plan, Options(**options), resume)


def test_a_stopped_run_goes_on(four):
    expected = {}
    for stop in (None, 3):
        denoiser = Brighter()
        denoiser.stop = stop
        if stop:
            with pytest.raises(KeyboardInterrupt):
                run(denoiser)
            assert len(contents(four / "out")) == 2
            denoiser.stop = None
        outcome = run(denoiser)
        if stop:
            assert (len(outcome.finished), len(outcome.written)) == (2, 2)
            assert denoiser.calls == 5 and contents(four / "out") == expected
            assert "; 2 were done before" in outcome.summary(4)
        else:
            assert len(outcome.written) == 4
            expected = contents(four / "out")
            shutil.rmtree("out")


def test_what_changed_is_made_anew(four):
    run(Brighter())
    first = contents(four / "out").values()
    assert len(run(Brighter()).finished) == 4
    picture(four / "in" / "b.png", seed=9)
    assert run(Brighter()).written == ["out/b.png"]
    changed = contents(four / "out").values()
    assert sum(a != b for a, b in zip(first, changed)) == 1
    assert len(run(Brighter(40 / 255)).written) == 4
    assert len(run(Brighter(40 / 255), tile=0).written) == 4
    os.remove("out/a.png")
    assert run(Brighter(40 / 255), tile=0).written == ["out/a.png"]


def test_what_somebody_else_made_is_not_replaced(four):
    run(Brighter())
    (four / "out" / "a.png").write_text("edited")
    with pytest.raises(FileExistsError, match="'out/a.png' exists already"):
        run(Brighter())
    with pytest.raises(FileExistsError, match=r"\(and 3 more\) exists already"):
        run(Brighter(), resume=False)
    os.remove("out/a.png")
    os.remove(f"out/{RECORD}")
    with pytest.raises(FileExistsError, match=r"'out/b.png' \(and 2 more\)"):
        run(Brighter())


def test_half_a_line_of_the_record(four):
    """A writer was killed in it: the line's file was not there yet."""
    run(Brighter())
    with open(f"out/{RECORD}", "rb+") as file:
        file.truncate(os.path.getsize(f"out/{RECORD}") - 20)
    os.remove("out/sub/c.png")
    outcome = run(Brighter())
    assert (outcome.written, len(outcome.finished)) == (["out/sub/c.png"], 3)
    assert len(run(Brighter()).finished) == 4


def test_a_full_disk_names_the_file_and_leaves_the_old_one(four, monkeypatch, capsys):
    run(Brighter())
    before = contents(four / "out")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    outcome = run(Brighter(40 / 255))
    assert outcome.written == [] and len(outcome.failed) == 4
    assert "No space left on device: 'out/a.png'" in outcome.failed["in/a.png"]
    assert contents(four / "out") == before


def test_lines_on_what_is_not_plain(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    ramp = np.arange(48 * 4, dtype=np.uint8).reshape(8, 6, 4)
    tifffile.imwrite(
        "in/nir.tif", ramp, photometric="rgb", extrasamples=["unspecified"]
    )
    dark = np.arange(4000, dtype=np.uint16).reshape(50, 80)
    tifffile.imwrite("in/twelve.tif", dark, description="a view", metadata=None)
    open("in/note.txt", "w").close()
    outcome = run(Brighter())
    assert len(outcome.written) == 2
    said = capsys.readouterr().err
    assert "skipped, as no images: 'in/note.txt'" in said
    assert "'in/nir.tif': samples that are neither colour nor alpha stay" in said
    assert "'in/twelve.tif': no value is above 3999: white is taken to be 4095" in said
    written = tifffile.imread("out/nir.tif")
    np.testing.assert_array_equal(written[..., 3], ramp[..., 3])
    np.testing.assert_array_equal(written[..., :3], ramp[..., :3].astype(int) + 20)
    brighter = np.minimum(dark + GREY_STEP * 4095, 4095)
    np.testing.assert_allclose(tifffile.imread("out/twelve.tif"), brighter, atol=1)
    denoise_files(Brighter(), plan_files(["in/twelve.tif"], "twelve.png"))
    said = capsys.readouterr().err
    assert "not in 'twelve.png': ImageDescription (270)" in said


def test_floats_come_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image = np.random.default_rng(0).random((20, 30), np.float32) * 4000
    tifffile.imwrite("in.tif", image)
    outcome = denoise_files(Brighter(), plan_files(["in.tif"], "out.tif"))
    assert "where white is 1: give --white-level" in outcome.failed["in.tif"]
    options = Options(white_level=4000)
    denoise_files(Brighter(), plan_files(["in.tif"], "out.tif"), options)
    expected = image + GREY_STEP * 4000
    np.testing.assert_allclose(tifffile.imread("out.tif"), expected, rtol=1e-4)


def visible(folder):
    """Files that are whole; the folder may come and go meanwhile."""
    found = (name for _, _, names in os.walk(folder) for name in names)
    return [name for name in found if not name.startswith(".")]


@pytest.mark.slow
def test_ten_kills(four):
    """Killed at ten places, each time gone on: as if nothing had happened."""
    for index in range(40):  # more than a fast machine does before the tenth kill
        picture(four / "in" / f"{index}.png", (260, 300), seed=index)
    arguments = [sys.executable, "-m", "mmdenoise", "denoise", "in", "--sigma", "25"]
    subprocess.run([*arguments, "fresh"], check=True)
    kills = 0
    for _ in range(40):
        made = len(visible(four / "out"))
        process = subprocess.Popen([*arguments, "out", "--resume"])
        while process.poll() is None and kills < 10:
            if len(visible(four / "out")) > made:  # within the next one
                time.sleep(0.01 * kills)
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        kills += process.wait() == -signal.SIGKILL
        if process.returncode == 0:
            break
    assert process.returncode == 0 and kills == 10
    fresh, out = contents(four / "fresh"), contents(four / "out")
    assert list(out.values()) == list(fresh.values()) and len(out) == 44


def test_an_ending_that_is_not_written_is_refused_before_the_work(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    plan = plan_files([str(tmp_path / "a.png")], str(tmp_path / "b.gif"))
    with pytest.raises(ValueError, match=r"b\.gif'.*\.png"):
        check_outputs(plan)
