"""The command sweep: heads by their configs' names, methods for all or for one."""

import pytest

from mmdenoise.cli.runs import names_of
from mmdenoise.cli.sweep import _methods


def test_methods_for_all_heads_and_for_one():
    given = {"a": "CBM3D", "joint@seg": "s.pth", "joint@cls": "c.pth"}
    assert _methods(given) == {"a": "CBM3D", "joint": dict(seg="s.pth", cls="c.pth")}
    with pytest.raises(ValueError, match="'a' is given for all heads as well"):
        _methods({"a": "x", "a@seg": "y"})
    with pytest.raises(ValueError, match="'a' is given for one head as well"):
        _methods({"a@seg": "y", "a": "x"})


def test_names_of_heads():
    assert names_of(["x/seg.py", "cls.py"]) == ["seg", "cls"]
    assert names_of(["x/seg.py", "y/seg.py"]) == ["x_seg", "y_seg"]
    with pytest.raises(ValueError, match="a config is given twice"):
        names_of(["x/seg.py", "x/seg.py"])


def test_a_sweep(command, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world.config().dump("seg.py")
    arguments = ["sweep", "seg.py", "--sigma", "60", "--keys", "PSNR", "--out", "out"]
    run = command(*arguments, "--denoiser", "none@seg=IdentityDenoiser")
    assert run.code == 0, run.err
    assert "## seg" in run.out and run.out.rstrip().endswith("sweep.tex, sweep.png")
    assert (tmp_path / "out" / "sweep.md").is_file()
    run = command(*arguments)
    assert run.code == 1 and "exists already" in run.err
    run = command(*arguments[:-1], "other", "--denoiser", "a@cls=CBM3D")
    assert run.code == 1 and "a: no head is called 'cls'; there are seg" in run.err
