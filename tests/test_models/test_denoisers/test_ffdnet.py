"""FFDNet: its sub-images pixel by pixel, its noise level, and its training."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmdenoise.models import FFDNet


def small(sigma=25, **options):
    torch.manual_seed(1)
    model = FFDNet(sigma, **dict(dict(depth=3, channels=6), **options)).eval()
    for parameter in model.parameters():
        if parameter.dim() == 1:
            nn.init.uniform_(parameter, -0.1, 0.1)
    return model


def by_hand(model, image, level):
    """Section III-A: four sub-images of each colour, a map of levels, and back.

    Of a colour's four the authors' PyTorch code numbers the upper left one 0, the upper
    right one 1, the lower left one 2 and the lower right one 3.
    """
    colours, height, width = image.shape
    even = torch.zeros(colours, height + height % 2, width + width % 2)
    for row in range(even.shape[1]):
        for column in range(even.shape[2]):
            even[:, row, column] = image[
                :, min(row, height - 1), min(column, width - 1)
            ]
    rows, columns = even.shape[1] // 2, even.shape[2] // 2
    inputs = torch.empty(13, rows, columns)
    for row in range(rows):
        for column in range(columns):
            for colour in range(3):
                for number in range(4):
                    inputs[4 * colour + number, row, column] = even[
                        colour, 2 * row + number // 2, 2 * column + number % 2
                    ]
            inputs[12, row, column] = level / 255
    features = inputs[None]
    weights = list(model.parameters())
    for index in range(0, len(weights), 2):
        features = F.conv2d(features, weights[index], weights[index + 1], padding=1)
        features = features if index + 2 == len(weights) else features.clamp(min=0)
    for row in range(rows):
        for column in range(columns):
            for colour in range(3):
                for number in range(4):
                    even[colour, 2 * row + number // 2, 2 * column + number % 2] = (
                        features[0, 4 * colour + number, row, column]
                    )
    return even[:, :height, :width]


def test_parameters_and_multiply_adds():
    model = FFDNet(25)
    assert sum(p.numel() for p in model.parameters()) == 852_108
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 8, 6))
    assert counter.get_total_flops() / 2 / (8 * 6) == 212_760


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 2), (6, 8), (5, 9)])
def test_sub_images_by_an_explicit_loop(size):
    model = small()
    images = torch.rand(2, 3, *size)
    with torch.no_grad():
        found = model(images)
        for image, denoised in zip(images, found):
            torch.testing.assert_close(denoised, by_hand(model, image, 25))


def test_sigma_changes_later():
    model = small()
    image = torch.rand(1, 3, 6, 4)
    with torch.no_grad():
        before = model(image)
        model.sigma = 50
        torch.testing.assert_close(model(image)[0], by_hand(model, image[0], 50))
        assert not torch.allclose(model(image), before)
    assert model.sigma == 50.0
    assert "sigma" not in " ".join(model.state_dict())


def test_levels_that_differ():
    model = small()
    images = torch.rand(2, 3, 5, 6)
    levels = torch.tensor([10.0, 60.0])
    with torch.no_grad():
        found = model(images, levels.view(2, 1, 1, 1))
        for image, denoised, level in zip(images, found, levels):
            torch.testing.assert_close(denoised, by_hand(model, image, level))
        uniform = model(images, torch.full((2, 1, 5, 6), 25.0))
        torch.testing.assert_close(uniform, model(images))
        rising = torch.arange(6.0).view(1, 1, 1, 6) * 30
        assert not torch.allclose(model(images, rising), uniform)


def test_a_map_of_levels_by_hand():
    """A sub-image's pixel is told the mean level of the four it stands for."""
    model = small()
    told = []
    model.model.register_forward_pre_hook(lambda _, args: told.append(args[0][:, 12]))
    levels = torch.arange(15.0).view(1, 1, 3, 5)
    with torch.no_grad():
        model(torch.rand(2, 3, 3, 5), levels)
    # Beyond the border the last line goes on: (0 + 1 + 5 + 6) / 4, and so on.
    by_hand = torch.tensor([[3.0, 5.0, 6.5], [10.5, 12.5, 14.0]]) / 255
    torch.testing.assert_close(told[0], by_hand.expand(2, 2, 3))


def test_weights_start_orthogonal():
    for conv in (m for m in FFDNet(25).model if isinstance(m, nn.Conv2d)):
        filters = conv.weight.flatten(1)
        gram = filters @ filters.T
        torch.testing.assert_close(gram, torch.eye(len(gram)), rtol=0, atol=1e-5)
        assert not conv.bias.any()


def test_the_authors_names():
    """KAIR, models/network_ffdnet.py."""
    assert [key for key in FFDNet(25).state_dict() if key.endswith("bias")] == [
        f"model.{2 * index}.bias" for index in range(12)
    ]


def test_it_learns_in_a_cascade(make_cascade, plain_batch, forward):
    denoiser = dict(type="mmdenoise.FFDNet", sigma=50, depth=4, channels=16)
    cascade = make_cascade(denoiser=denoiser, sigma=50)
    optimiser = torch.optim.Adam(cascade.denoiser.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        found = forward(cascade, plain_batch((31, 32), (31, 32)), "loss", training=True)
        loss = sum(value for key, value in found.items() if "loss" in key)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    assert all(p.grad is not None for p in cascade.denoiser.parameters())


@pytest.mark.parametrize("sigma", [0, 25, 12.5, np.float32(30), np.int64(15)])
def test_numbers_that_are_levels(sigma):
    assert FFDNet(sigma, depth=2, channels=1).sigma == float(sigma)


@pytest.mark.parametrize(
    "sigma, message",
    [
        (-1, "not negative, in 8-bit units; got -1"),
        (float("nan"), "must be finite"),
        (float("inf"), "must be finite"),
        ("25", "must be a number in 8-bit units, got '25'"),
        ((0, 50), r"must be a number in 8-bit units, got \(0, 50\)"),
        (True, "must be a number"),
    ],
)
def test_what_is_no_level(sigma, message):
    with pytest.raises(ValueError, match=message):
        FFDNet(sigma)
    model = small()
    with pytest.raises(ValueError, match=message):
        model.sigma = sigma
    assert model.sigma == 25
