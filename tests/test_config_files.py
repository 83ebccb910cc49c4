"""Opening configs: paths beside them, both styles, one line for what is none."""

from pathlib import Path

import pytest

from mmdenoise.config_files import open_config


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_paths_are_found_beside_the_config_before_the_working_folder(tmp_path):
    text = "model = dict(head='h.py', head_checkpoint='h.pth', denoiser_checkpoint='d')"
    config = write(tmp_path / "mine" / "c.py", text)
    for name in ("mine/h.py", "cwd/h.py", "cwd/h.pth"):
        write(tmp_path / name, "")
    model = open_config(config).model
    assert model.head == str(tmp_path / "mine" / "h.py")
    # In the working folder alone; and nowhere, perhaps a name of the zoo.
    assert (model.head_checkpoint, model.denoiser_checkpoint) == ("h.pth", "d")


def test_paths_are_found_beside_the_base_that_names_them(tmp_path):
    write(tmp_path / "base" / "b.py", "model = dict(head='h.py')")
    write(tmp_path / "base" / "h.py", "")
    config = write(tmp_path / "mine" / "c.py", "_base_ = '../base/b.py'")
    assert open_config(config).model.head == str(tmp_path / "base" / "h.py")


def test_a_path_from_the_working_folder_stays_as_it_is(tmp_path):
    write(Path("h.py"), "")
    write(Path("c.py"), "model = dict(head='h.py')")
    assert open_config("c.py").model.head == "h.py"


def test_a_config_of_pure_python_names_what_it_imports(tmp_path):
    pytest.importorskip("mmseg")
    write(
        tmp_path / "base.py",
        "from mmdenoise.models import MultiScaleDenoiser\n"
        "denoiser = dict(type=MultiScaleDenoiser, stem_channels=8)\n",
    )
    config = write(
        tmp_path / "c.py",
        "from mmengine.config import read_base\n"
        "with read_base():\n    from .base import *\n"
        "from mmdenoise.models import CascadeSegmentor\n"
        "from mmseg.models import EncoderDecoder\n"
        "model = dict(type=CascadeSegmentor, denoiser=denoiser, head=dict(\n"
        "    type=EncoderDecoder), loss=[dict(type='mmdenoise.JointLoss')])\n",
    )
    cfg = open_config(config)
    assert cfg.model.type == "mmdenoise.CascadeSegmentor"
    assert cfg.model.denoiser == dict(
        type="mmdenoise.MultiScaleDenoiser", stem_channels=8
    )
    assert cfg.model.head.type == "mmseg.models.EncoderDecoder"
    assert cfg.model.loss[0].type == "mmdenoise.JointLoss"
    assert cfg.filename == config


@pytest.mark.parametrize(
    "text, words",
    [
        ("model = dict(", "cannot read the config '.*c.py': SyntaxError"),
        ("raise SystemExit(0)", "cannot read the config '.*c.py': SystemExit"),
        ("x = 1 / 0", "cannot read the config '.*c.py': ZeroDivisionError"),
        ("_base_ = 'gone.py'", "cannot read the config '.*c.py': .*gone.py"),
        ("_base_ = 'mmdenoise::gone.py'", "no shipped config is called"),
    ],
)
def test_what_is_no_config_is_named(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        open_config(write(tmp_path / "c.py", text))


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="^there is no config 'gone.py'$"):
        open_config("gone.py")
    with pytest.raises(IsADirectoryError, match="is a folder: name a file in it"):
        open_config(str(tmp_path))
    hint = "one of that name is shipped: mmdenoise config demo/denoiser DIR copies it"
    with pytest.raises(FileNotFoundError, match=hint):
        open_config("configs/demo/denoiser.py")


def test_a_shipped_one_by_its_name():
    assert open_config("mmdenoise::demo/denoiser.py").train_cfg.max_iters > 0
