"""--smoke: a few iterations on a few images, in a folder of its own."""

import re
from pathlib import Path

import pytest
from mmengine.config import Config

from mmdenoise.cli.smoke import IMAGES, shorten
from mmdenoise.shipped_configs import config_names, find_config


def test_a_training_and_a_test(tool, tiny, tmp_path):
    options = ["train_cfg.max_iters=1000"]
    run = tool("train", tiny.config, "--smoke", options=options)
    assert run.code == 0, run.err
    assert re.findall(r"Iter\(train\) \[(\d)/3\]", run.out) == ["1", "2", "3"]
    assert [p.name for p in (tmp_path / "work_smoke").glob("*.pth")] == ["iter_3.pth"]
    assert not (tmp_path / "work").exists()
    run = tool("test", tiny.config, tiny.denoiser, "--smoke")
    assert run.code == 0 and "Iter(test) [2/2]" in run.out


@pytest.mark.parametrize(
    "name", [name for name in config_names() if not name.startswith("cross_task")]
)
def test_every_shipped_config_is_shortened(name):
    cfg = Config.fromfile(find_config(name))
    cfg.work_dir = "work_dirs/x"
    shorten(cfg)
    assert cfg.work_dir == "work_dirs/x_smoke"
    assert cfg.train_cfg.max_iters == 3
    dataset = cfg.train_dataloader.dataset
    for one in dataset.get("datasets", [dataset]):
        assert one.indices == IMAGES


def test_a_shipped_config_runs(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = find_config("demo/denoiser")
    made = command("data", "shapes", "work_dirs/demo/data", "--train", 4, "--val", 2)
    assert made.code == 0
    run = command("train", config, "--smoke")
    assert run.code == 0, run.err
    assert Path("work_dirs/denoiser_smoke/iter_3.pth").is_file()
