"""``mmdenoise demo --page``: what is wrong is said before anything is trained."""

import importlib.util

import pytest


@pytest.mark.parametrize(
    "given", [["--config", "a.py"], ["--checkpoint", "a.pth"], ["--port", "80"]]
)
def test_options_of_the_page_need_it(command, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    run = command("demo", *given)
    assert run.code == 1 and f"{given[0]} goes with --page" in run.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("gradio"), reason="gradio is installed")
def test_without_gradio_it_says_what_to_install(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = command("demo", "--page")
    assert run.code == 1 and "pip install 'mmdenoise[demo]'" in run.err
    assert run.err.count("error:") == 1 and list(tmp_path.iterdir()) == []


def test_wrong_config_and_lonely_checkpoint_are_named(command, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="the live page's package is not installed")
    monkeypatch.chdir(tmp_path)
    run = command("demo", "--page", "--config", "none.py")
    assert run.code == 1 and "there is no config 'none.py'" in run.err
    run = command("demo", "--page", "--checkpoint", "a.pth")
    assert (
        run.code == 1 and "--checkpoint and --cfg-options go with --config" in run.err
    )
