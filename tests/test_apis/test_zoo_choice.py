"""Which denoiser of the zoo is taken where none is named."""

import pytest

from mmdenoise.apis.denoiser import takes_sigma
from mmdenoise.apis.zoo_choice import zoo_choice
from mmdenoise.weights import zoo


def test_one_network_for_every_level():
    for level in (0, 12.5, 25, 75):
        assert zoo_choice(level) == ("multiscale", level)
    assert takes_sigma("multiscale")
    assert zoo_choice(None) == ("multiscale_blind", None)
    for level in (-1, 76, float("nan")):
        with pytest.raises(ValueError, match="the zoo has none for sigma"):
            zoo_choice(level)


def test_a_zoo_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", str(tmp_path))
    for level in (15, 25):
        (tmp_path / f"multiscale_sigma{level}.safetensors").touch()
    assert zoo_choice(25) == ("multiscale_sigma25", None)
    with pytest.raises(ValueError, match="nearest is --denoiser multiscale_sigma15$"):
        zoo_choice(19)
