"""A digest of weights sees everything but their order."""

import pytest
import torch

from mmdenoise.weights.fingerprint import checked_fingerprint, fingerprint


@pytest.fixture
def weights():
    return {"conv.weight": torch.rand(2, 3), "conv.bias": torch.rand(2)}


def test_fingerprint_sees_everything_but_the_order(weights):
    print_ = fingerprint(weights)
    assert print_.dtype == torch.uint8 and print_.shape == (32,)
    assert torch.equal(print_, fingerprint(dict(reversed(weights.items()))))
    channels_last = torch.rand(2, 3, 4, 5)
    assert torch.equal(
        fingerprint(dict(a=channels_last)),
        fingerprint(dict(a=channels_last.to(memory_format=torch.channels_last))),
    )
    weight = weights["conv.weight"]
    nudged = weight.clone()
    nudged[1, 2] = torch.nextafter(nudged[1, 2], torch.tensor(2.0))
    others = [
        dict(weights, **{"conv.weight": nudged}),
        dict(weights, **{"conv.weight": weight.double()}),
        dict(weights, **{"conv.weight": weight.view(3, 2)}),
        {"conv.weight": weight},
        {"conv.weight": weight, "conv.bia": weights["conv.bias"]},
    ]
    for other in others:
        assert not torch.equal(print_, fingerprint(other))
    scalar = dict(n=torch.tensor(3), none=torch.zeros(0))
    assert fingerprint(scalar).shape == (32,)


def test_what_is_no_fingerprint():
    good = fingerprint(dict(a=torch.ones(1)))
    assert checked_fingerprint(good) is good
    for wrong in (good[:31], good.float(), good[None], "abc", None, [1] * 32):
        with pytest.raises(ValueError, match="head_fingerprint is damaged"):
            checked_fingerprint(wrong)
