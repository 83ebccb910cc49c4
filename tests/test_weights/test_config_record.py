"""The text of a config in a checkpoint, which may come from anyone, is not run."""

import pytest

from mmdenoise.weights.config_record import model_in_text


@pytest.fixture
def cfg(world):
    return world.config("mmdenoise.MultiScaleDenoiser")


def test_what_mmengine_writes_is_read(cfg):
    expected = cfg.model.to_dict()
    assert model_in_text(cfg.pretty_text) == expected
    cfg.model.update({"a": (1, -2.5, None), "b.c": [True, "x\n'"], "d": ()})
    cfg.model.noise.sigma = (0, 60)
    assert model_in_text(cfg.pretty_text) == cfg.model.to_dict()


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.mkdir({mark!r})",
        "model = __import__('os').mkdir({mark!r})",
        "model = dict(denoiser=__import__('os').mkdir({mark!r}))",
        "model = dict(denoiser=dict(__import__('os').mkdir({mark!r})))",
        "model = dict(a=f'{{__import__(\"os\").mkdir({mark!r})}}')",
        "model = dict(a=[__import__('os').mkdir(m) for m in [{mark!r}]])",
        "dict = __import__('os').mkdir\nmodel = dict(path={mark!r})[0]",
        "_base_ = 'x.py'",
        "model = dict(a=1",
        "model = " + "(" * 10000,
        "model = " + "-" * 3000 + "1",
        "model = \x00",
        None,
        7,
    ],
)
def test_text_is_not_run(text, tmp_path):
    mark = tmp_path / "mark"
    if isinstance(text, str):
        text = text.replace("{{", "{").replace("}}", "}")
        text = text.replace("{mark!r}", repr(str(mark)))
    assert model_in_text(text) is None
    assert not mark.exists()
