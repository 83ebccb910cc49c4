"""Work folders: one a config, and none for two of one name."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from mmdenoise.cli.work_dirs import claim_work_dir, default_work_dir


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    for folder in ("a", "b", "c/b"):
        Path(folder).mkdir(parents=True)
        Path(folder, "x.py").write_text("")


def claim(config):
    folder = default_work_dir(config)
    claim_work_dir(SimpleNamespace(work_dir=folder, filename=config))
    return folder


def test_two_configs_of_one_name():
    assert default_work_dir("a/x.py") == default_work_dir("b/x.py") == "work_dirs/x"
    assert claim("a/x.py") == "work_dirs/x"
    assert claim("b/x.py") == "work_dirs/b_x"
    assert claim("c/b/x.py") == "work_dirs/c_b_x"
    for config, folder in (("a", "x"), ("b", "b_x"), ("c/b", "c_b_x")):
        assert claim(f"{config}/x.py") == f"work_dirs/{folder}"
        assert claim(str(Path(config, "x.py").resolve())) == f"work_dirs/{folder}"


def test_a_folder_of_before_is_the_first_ones():
    """It has no note of whose it is, and its training is to be resumed."""
    Path("work_dirs/x").mkdir(parents=True)
    assert claim("b/x.py") == "work_dirs/x"


def test_a_project_that_moved_keeps_its_folders(tmp_path, monkeypatch):
    claim("a/x.py"), claim("b/x.py")
    monkeypatch.chdir(tmp_path)
    shutil.move("project", "moved")
    monkeypatch.chdir("moved")
    assert claim("a/x.py") == "work_dirs/x" and claim("b/x.py") == "work_dirs/b_x"


def test_the_folder_of_a_config_that_is_gone_is_free():
    claim("a/x.py")
    Path("a/x.py").unlink()
    assert claim("b/x.py") == "work_dirs/x"
