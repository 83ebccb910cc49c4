"""The table of what a file may say of its denoiser, and the classes it stands for."""

import inspect

import pytest

import mmdenoise.models  # noqa: F401 - registers the denoisers
from mmdenoise.registry import MODELS
from mmdenoise.weights import denoiser_table
from mmdenoise.weights.denoiser_file import whole_config
from mmdenoise.weights.denoiser_table import Integers, checked_denoiser, permit

SHIPPED = "IdentityDenoiser MultiScaleDenoiser DnCNN FFDNet SpandrelDenoiser".split()


@pytest.mark.parametrize("name", SHIPPED)
def test_it_has_every_option_of_a_class(name):
    """Else a file that we write ourselves would not open."""
    found = inspect.signature(MODELS.module_dict[name]).parameters.values()
    options = {
        p.name for p in found if p.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    assert set(denoiser_table._table[name]) == options


@pytest.mark.parametrize("name", SHIPPED[:-1])
def test_what_we_write_is_accepted(name):
    config = whole_config(dict(type=f"mmdenoise.{name}"))
    assert checked_denoiser(config, "x") == config


def test_a_class_of_ones_own(monkeypatch):
    monkeypatch.setattr(denoiser_table, "_table", dict(denoiser_table._table))
    config = dict(type="mmdenoise.Mine", depth=3)
    with pytest.raises(ValueError, match="x says that it holds a 'mmdenoise.Mine'"):
        checked_denoiser(config, "x")
    permit("Mine", depth=Integers(1, 5))
    assert checked_denoiser(config, "x") == config
    assert checked_denoiser(dict(type="Mine"), "x") == dict(type="mmdenoise.Mine")
    with pytest.raises(ValueError, match="depth=6 of Mine.*whole numbers from 1 to 5"):
        checked_denoiser(dict(config, depth=6), "x")
