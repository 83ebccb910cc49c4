"""DnCNN and FFDNet recognised by their weights, as their authors' code names them."""

import pytest
import torch
from torch import nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.authors_networks import recognise


def authors_network(inputs, channels, outputs, depth, norm=False):
    """Built as KAIR builds it: one flat Sequential called ``model``."""
    layers = [nn.Conv2d(inputs, channels, 3, padding=1), nn.ReLU()]
    for _ in range(depth - 2):
        layers.append(nn.Conv2d(channels, channels, 3, padding=1))
        if norm:
            layers.append(nn.BatchNorm2d(channels, momentum=0.9, eps=1e-4))
            nn.init.uniform_(layers[-1].running_mean, -0.2, 0.2)
            # So small that epsilon counts.
            nn.init.uniform_(layers[-1].running_var, 1e-4, 1e-3)
        layers.append(nn.ReLU())
    layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
    network = nn.Module()
    network.model = nn.Sequential(*layers)
    return network.eval()


def built(config, state):
    denoiser = MODELS.build(config)
    denoiser.load_state_dict(state)
    return denoiser.eval()


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("depth", [2, 5])
def test_dncnn(norm, depth):
    theirs = authors_network(3, 6, 3, depth, norm)
    config, state = recognise(theirs.state_dict(), "x")
    assert config["type"] == "mmdenoise.DnCNN"
    assert (config["depth"], config["channels"]) == (depth, 6)
    noisy = torch.rand(1, 3, 8, 9)
    with torch.no_grad():
        found = built(config, state)(noisy)
        torch.testing.assert_close(found, noisy - theirs.model(noisy))


@pytest.mark.parametrize("norm", [False, True])
def test_ffdnet(norm):
    theirs = authors_network(13, 8, 12, 4, norm)
    config, state = recognise(theirs.state_dict(), "x")
    assert config["type"] == "mmdenoise.FFDNet" and "sigma" not in config
    noisy = torch.rand(1, 3, 8, 6)
    levels = torch.full((1, 1, 4, 3), 30 / 255)
    with torch.no_grad():
        inputs = torch.cat([torch.pixel_unshuffle(noisy, 2), levels], 1)
        expected = torch.pixel_shuffle(theirs.model(inputs), 2)
        found = built(dict(config, sigma=30), state)(noisy)
    torch.testing.assert_close(found, expected)


def test_numbers_that_merging_left_out():
    """KAIR's merging deletes the batch norms and keeps the other modules' numbers."""
    theirs = authors_network(3, 6, 3, 4)
    state = theirs.state_dict()
    gaps = {"0": 0, "2": 2, "4": 5, "6": 8}
    gapped = {}
    for key, value in state.items():
        _, number, part = key.split(".")
        gapped[f"model.{gaps[number]}.{part}"] = value
    config, found = recognise(gapped, "x")
    assert config["norm_cfg"] is None
    noisy = torch.rand(1, 3, 8, 9)
    with torch.no_grad():
        expected = noisy - theirs.model(noisy)
        torch.testing.assert_close(built(config, found)(noisy), expected)


def test_names_of_other_networks():
    assert recognise({"stem.weight": torch.ones(1)}, "x") is None
    theirs = authors_network(3, 6, 3, 4).state_dict()
    assert (
        recognise({f"net.{key}": value for key, value in theirs.items()}, "x") is None
    )


@pytest.mark.parametrize(
    "inputs, outputs", [(1, 1), (5, 4), (4, 3), (15, 12), (18, 12), (13, 3)]
)
def test_networks_for_other_images(inputs, outputs):
    state = authors_network(inputs, 6, outputs, 4).state_dict()
    message = (
        f"'x' is a network of 4 convs from {inputs} to {outputs} channels; for RGB"
    )
    with pytest.raises(ValueError, match=message):
        recognise(state, "'x'")


def change(state, **changes):
    state = dict(state)
    for key, value in changes.items():
        key = key.replace("_", ".")
        state.pop(key) if value is None else state.update({key: value})
    return state


@pytest.mark.parametrize(
    "changes, error, message",
    [
        (dict(model_0_weight=torch.ones(6, 3, 5, 5)), ValueError, "not the 3x3 convs"),
        (dict(model_2_weight=torch.ones(6, 5, 3, 3)), RuntimeError, "wrong shape: mod"),
        (dict(model_2_bias=None), RuntimeError, "missing: model.2.bias"),
        (dict(model_9_bias=torch.ones(3)), ValueError, r"5 layers .* where .* has 4"),
    ],
)
def test_weights_that_do_not_fit_together(changes, error, message):
    state = change(authors_network(3, 6, 3, 4).state_dict(), **changes)
    with pytest.raises(error, match=message):
        recognise(state, "x")
