"""Which denoiser of the zoo is taken where none is named."""

import pytest

from mmdenoise.apis import zoo_choice


def test_a_level_the_zoo_has_no_network_for(monkeypatch):
    """One that takes any level is told it; without one, the nearest is named."""
    assert zoo_choice.zoo_choice(25) == ("multiscale_sigma25", None)
    assert zoo_choice.zoo_choice(None) == ("multiscale_blind", None)
    with pytest.raises(ValueError, match="nearest is --denoiser multiscale_sigma15$"):
        zoo_choice.zoo_choice(20)
    monkeypatch.setattr(zoo_choice, "takes_sigma", lambda name: name.endswith("blind"))
    assert zoo_choice.zoo_choice(20) == ("multiscale_blind", 20)
    assert zoo_choice.zoo_choice(25) == ("multiscale_sigma25", None)
    with pytest.raises(ValueError, match="none for sigma -1"):
        zoo_choice.zoo_choice(-1)
