"""Methods by name and level."""

import pytest

from mmdenoise.apis.methods import Method
from mmdenoise.weights.zoo import zoo_file


def test_the_level_in_a_name():
    method = Method("ours", "multiscale_sigma{sigma}")
    assert method.source(25.0) == "multiscale_sigma25"
    assert method.source(7.5) == "multiscale_sigma7.5"
    assert not method.takes_sigma(25)
    assert type(method.load(25)).__name__ == "MergedMultiScaleDenoiser"
    with pytest.raises(ValueError, match="no denoiser is called 'multiscale_sigma26'"):
        method.load(26)


def test_one_that_is_told_its_level():
    method = Method("MCWNNM", "MCWNNM")
    assert method.takes_sigma(25)
    assert method.load(25).sigma == 25


def test_a_digest_is_of_the_weights(tmp_path):
    blind, level = Method("a", "multiscale_blind"), Method("b", "multiscale_sigma25")
    assert blind.digest(25) == blind.digest(50) != level.digest(25)
    copy = tmp_path / "copy.safetensors"
    with open(zoo_file("multiscale_sigma25"), "rb") as file:
        copy.write_bytes(file.read())
    assert Method("c", str(copy)).digest(25) == level.digest(25)
    assert Method("d", "MCWNNM").digest(25) != Method("e", "IdentityDenoiser").digest(
        25
    )
    with pytest.raises(ValueError, match="no denoiser is called 'Gone'"):
        Method("f", "Gone").digest(25)
