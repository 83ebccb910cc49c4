"""Commands killed ten times, with data changed in between, end as a fresh run does."""

import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

KILLS = 10


def lines_in(path):
    return path.read_text().count("\n") if path.is_file() else 0


def killed_often(arguments, finished, change):
    """Kill the command each time that it has finished a part more.

    Returns:
        How often it was killed in its work.
    """
    kills = 0
    for number in range(KILLS):
        if number == KILLS // 2:
            change()
        before = finished()
        process = subprocess.Popen(arguments, stdout=-1, stderr=subprocess.STDOUT)
        until = time.monotonic() + 120
        while process.poll() is None and finished() == before:
            assert time.monotonic() < until
            time.sleep(0.01)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return kills


def run(arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_compare(world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = shutil.copytree(world.data, tmp_path / "data")
    cfg = world.config("mmdenoise.IdentityDenoiser")
    cfg.test_dataloader.dataset.data_root = str(data)
    cfg.dump("seg.py")
    command = [sys.executable, "-m", "mmdenoise", "compare", "seg.py", "--keys", "mIoU"]
    command += ["PSNR", "--seed", *map(str, range(8))]
    command += ["--denoiser", "zoo=multiscale_sigma60"]

    def change():
        path = sorted((data / "SegmentationClass").glob("val*"))[0]
        image = Image.open(path)
        turned = Image.fromarray(np.asarray(image)[::-1].copy(), "P")
        turned.putpalette(image.getpalette())
        turned.save(path)

    cells = tmp_path / "out" / "cells"
    kills = killed_often(
        [*command, "--out", "out"], lambda: len(list(cells.glob("*.pth"))), change
    )
    assert kills == KILLS
    run([*command, "--out", "out"])
    run([*command, "--out", "fresh"])
    table = (tmp_path / "out" / "table.md").read_text()
    assert table == (tmp_path / "fresh" / "table.md").read_text()
    # Nothing that was finished after the change is tested again.
    assert len(list(cells.glob("*.pth"))) <= KILLS + 17


@pytest.mark.slow
def test_benchmark(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    for seed in range(8):
        pixels = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"{seed}.png")
    command = [sys.executable, "-m", "mmdenoise", "benchmark", "accuracy"]
    command += ["--denoiser", "zoo=multiscale_sigma{sigma}", "--data", "mine=set"]
    command += ["--denoiser", "noisy=IdentityDenoiser"]

    def change():
        Image.fromarray(np.full((24, 32, 3), 99, np.uint8)).save("set/0.png")

    results = tmp_path / "out" / "results.jsonl"
    kills = killed_often([*command, "--out", "out"], lambda: lines_in(results), change)
    assert kills == KILLS
    run([*command, "--out", "out"])
    run([*command, "--out", "fresh"])
    ours, fresh = (
        re.sub(
            r",[\d.]+,\d+$", "", (tmp_path / name / "images.csv").read_text(), flags=8
        )
        for name in ("out", "fresh")
    )
    assert ours == fresh and ours.count("\n") == 1 + 8 * 3 * 2
