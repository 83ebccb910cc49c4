"""``mmdenoise config``: lists, shows and copies."""

from pathlib import Path

import pytest
from mmengine.config import Config

from mmdenoise.shipped_configs import config_names, find_config


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_list(command):
    assert command("config").out.splitlines() == config_names()


def test_one_is_shown_with_its_bases(command):
    out = command("config", "cascade_deeplab_sigma30").out
    parts = [line for line in out.splitlines() if line.startswith("# ---- ")]
    assert parts[:2] == [
        "# ---- cascade_deeplab_sigma30.py",
        "# ---- cascade_deeplab_sigma60.py",
    ]
    assert "# ---- _base_/default_runtime.py" in parts
    assert find_config("cascade_deeplab_sigma30").read_text().rstrip() in out


@pytest.mark.parametrize(
    "name", ["cascade_deeplab_sigma30", "cross_task/seg_to_cls_sigma60"]
)
def test_a_copy_reads_the_same(command, name):
    run = command("config", name, "mine")
    assert run.code == 0 and f"written: mine/{name}.py" in run.out
    copy = Config.fromfile(f"mine/{name}.py").to_dict()
    original = Config.fromfile(find_config(name)).to_dict()
    head = copy["model"].get("head")
    if head and "deeplab" in head:
        assert Path(head) == Path("mine/deeplab_largefov_voc12aug.py").resolve()
        copy["model"]["head"] = original["model"]["head"]
    assert copy == original


def test_what_is_there_is_not_replaced(command):
    assert command("config", "demo/joint", "mine").code == 0
    # Shared bases are the same; nothing else is in the way.
    assert command("config", "demo/separate", "mine").code == 0
    Path("mine/demo/joint.py").write_text("changed\n")
    error = command("config", "demo/joint", "mine").error
    assert "'mine/demo/joint.py' exists already" in error
    assert Path("mine/demo/joint.py").read_text() == "changed\n"
    assert command("config", "demo/joint", "mine", "--overwrite").code == 0
    assert (
        Path("mine/demo/joint.py").read_bytes()
        == find_config("demo/joint").read_bytes()
    )


def test_an_unknown_name(command):
    assert "did you mean demo/joint" in command("config", "demo/jiont").error
