"""Shipped configs: their names, their parts, and the names that bases use."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmdenoise.shipped_configs import (
    base_files,
    config_names,
    configs_folder,
    find_config,
    needed_files,
)


def test_names():
    names = config_names()
    assert {"cascade_deeplab_sigma60", "denoise/multiscale_blind"} <= set(names)
    assert names == sorted(names)
    assert not any(name.startswith("_base_") for name in names)


@pytest.mark.parametrize(
    "name",
    [
        "demo/joint",
        "demo/joint.py",
        "mmdenoise::demo/joint.py",
        "configs/demo/joint.py",
        "./configs/demo/joint.py",
    ],
)
def test_one_is_found_by_any_of_its_names(name):
    assert find_config(name) == configs_folder() / "demo" / "joint.py"


@pytest.mark.parametrize(
    "name, words",
    [
        ("cascade_deeplab_sigma61", "did you mean cascade_deeplab_sigma60"),
        ("joint", "did you mean demo/joint?"),
        ("../setup", "no shipped config is called '../setup'"),
        ("", "no shipped config is called ''"),
    ],
)
def test_one_that_is_not_there(name, words):
    with pytest.raises(FileNotFoundError) as error:
        find_config(name)
    assert words in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", config_names())
def test_parts_are_what_the_config_is_made_of(name):
    path = find_config(name)
    # MMEngine joins the texts of all files, each after its path.
    text = Config.fromfile(path).text
    parts = {line.strip() for line in text.splitlines() if line.endswith(".py")}
    parts = {str(Path(part).resolve()) for part in parts if Path(part).is_file()}
    assert {str(part.resolve()) for part in base_files(path)} == parts


def test_a_head_that_is_named_belongs_to_it():
    names = {part.name for part in needed_files(find_config("demo/joint"))}
    assert {"joint.py", "head.py", "fcn_r18_small.py", "default_runtime.py"} <= names


def test_a_base_by_its_name(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("_base_ = 'mmdenoise::cascade_deeplab_sigma60.py'\n")
    ours = Config.fromfile(find_config("cascade_deeplab_sigma60"))
    assert Config.fromfile(path).to_dict() == ours.to_dict()
