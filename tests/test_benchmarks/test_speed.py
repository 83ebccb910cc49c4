"""Speed: what is timed, how it is laid out, and what the tool refuses."""

import pytest
import torch
from torch import nn

from mmdenoise.apis.methods import Method
from mmdenoise.benchmarks.speed import (
    image_size,
    load_all,
    measure_speed,
    noisy_image,
    speed_table,
)


class Count(nn.Module):
    def __init__(self):
        super().__init__()
        self.shapes = []

    def forward(self, noisy):
        self.shapes.append(tuple(noisy.shape))
        return noisy


def test_every_method_gets_the_whole_image_in_every_round():
    one, other = Count(), Count()
    found = measure_speed(dict(one=one, other=other), (20, 30), 25, 3, warm_up=2)
    assert one.shapes == other.shapes == [(1, 3, 20, 30)] * 5
    assert [len(seconds) for seconds in found.values()] == [3, 3]
    assert min(min(seconds) for seconds in found.values()) > 0


def test_the_image_has_noise_of_the_level():
    image, clean = noisy_image((64, 96), 25), noisy_image((64, 96), 0)
    assert image.shape == (3, 64, 96)
    assert (image - clean).std() * 255 == pytest.approx(25, rel=0.02)
    assert torch.equal(image, noisy_image((64, 96), 25))


def test_a_table_by_hand():
    text = speed_table(dict(ours=[1.0, 2.0, 4.0], other=[3.0, 4.0, 6.0]))
    assert text.splitlines()[0].startswith(
        "| | s / megapixel | quartiles | ratio to ours"
    )
    assert "| ours | 2 | 1.5 to 3 | 1.00 | 1.00 to 1.00 |" in text
    # Ratios within a round: 3, 2, 1.5.
    assert "| other | 4 | 3.5 to 5 | 2.00 | 1.75 to 2.50 |" in text


def test_sizes():
    assert image_size("768x512") == (512, 768)
    for wrong in ("768", "768x", "768X512", "-1x2"):
        with pytest.raises(ValueError, match="WIDTHxHEIGHT"):
            image_size(wrong)
    with pytest.raises(ValueError, match="at least 1x1"):
        noisy_image((0, 5), 25)


def test_a_method_that_fails_is_named():
    with pytest.raises(ValueError, match="^mine: no denoiser is called 'Gone'"):
        load_all([Method("mine", "Gone")], 25)


def test_the_command(command):
    given = [
        "--denoiser",
        "ours=multiscale_sigma25",
        "--denoiser",
        "n=IdentityDenoiser",
    ]
    given += ["--size", "40x30", "--rounds", "2", "--threads", "1", "--device", "cpu"]
    run = command("benchmark", "speed", *given)
    assert run.code == 0, run.err
    assert "\n| ours | " in run.out and "\n| n | " in run.out
    assert "One image of 40x30, 2 interleaved rounds; CPU" in run.out
