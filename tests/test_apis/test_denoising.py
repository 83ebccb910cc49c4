"""One image in memory: what goes in comes out in its own form."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from mmdenoise import precision
from mmdenoise.apis import denoise, load_denoiser
from mmdenoise.apis.denoising import precision_of
from mmdenoise.models import IdentityDenoiser
from mmdenoise.registry import MODELS

SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)


class Record(nn.Module):
    """Gives back what it gets, and keeps it."""

    def forward(self, noisy):
        self.seen = noisy
        return noisy


def array(shape, kind, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(kind).kind == "f":
        return rng.random(shape).astype(kind)
    return rng.integers(0, np.iinfo(kind).max, shape, endpoint=True, dtype=kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_an_array_comes_back_as_it_was(kind, channels):
    shape = (13, 17) if channels is None else (13, 17, channels)
    image = array(shape, kind)
    before = image.copy()
    result = denoise(IdentityDenoiser(), image)
    assert (result.dtype, result.shape) == (image.dtype, image.shape)
    if np.dtype(kind).kind == "u":
        assert np.array_equal(result, image)
    else:
        assert np.allclose(result, image, atol=1e-6)
    assert np.array_equal(image, before) and result is not image


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 5, 6), (2, 3, 5, 6), (2, 1, 5, 6)])
def test_a_tensor_comes_back_as_it_was(shape):
    image = torch.rand(shape)
    result = denoise(IdentityDenoiser(), image)
    assert result.shape == image.shape
    assert torch.allclose(result, image, atol=1e-6)


def test_the_network_sees_rgb_in_01():
    network, image = Record(), array((4, 5, 3), "uint8")
    denoise(network, image)
    expected = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    assert torch.allclose(network.seen, expected)
    wide = np.full((4, 5, 4), 65535, "uint16")
    wide[..., 1] = 32768
    denoise(network, wide)
    assert network.seen.shape == (1, 3, 4, 5) and (network.seen[:, ::2] == 1).all()


def test_unclipped_floats_and_clipped_integers():
    class Beyond(nn.Module):
        def forward(self, noisy):
            return noisy * 3 - 1

    floats = denoise(Beyond(), np.array([[[0.0, 0.5, 1.0]]], "float32"))
    assert np.allclose(floats, [[[-1, 0.5, 2]]])
    integers = denoise(Beyond(), np.array([[[0, 100, 255]]], "uint8"))
    assert integers.tolist() == [[[0, 45, 255]]]


def test_alpha_is_left_alone():
    image = array((6, 7, 4), "uint8")
    result = denoise(lambda_denoiser(0.5), image)
    assert np.array_equal(result[..., 3], image[..., 3])
    assert not np.array_equal(result[..., :3], image[..., :3])


def lambda_denoiser(factor):
    class Scale(nn.Module):
        def forward(self, noisy):
            return noisy * factor

    return Scale()


def test_training_mode_comes_back():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5)).train()
    network[1].eval()
    denoise(network, torch.rand(3, 8, 8))
    assert [m.training for m in network.modules()] == [True, True, False]


@pytest.mark.parametrize(
    "image, error, words",
    [
        ([[1]], TypeError, "NumPy array or a tensor, got list"),
        (np.zeros((4, 4), "int32"), TypeError, "uint8, uint16 or float"),
        (np.zeros((4, 4, 5), "uint8"), ValueError, "1 to 4 channels"),
        (np.zeros((0, 4), "uint8"), ValueError, "not empty"),
        (np.full((4, 4), 200.0), ValueError, "reach from 200 to 200"),
        (np.full((4, 4), np.nan), ValueError, "NaN or infinite"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), TypeError, "must be float"),
        (torch.zeros(4, 4), ValueError, r"\(C, H, W\)"),
        (torch.full((3, 4, 4), torch.inf), ValueError, "NaN or infinite"),
        (torch.zeros(3, 0, 4), ValueError, "not be empty"),
    ],
)
def test_what_is_no_image(image, error, words):
    with pytest.raises(error, match=words):
        denoise(IdentityDenoiser(), image)


class Tinted(nn.Module):
    """Mistakes that no image survives."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, noisy):
        return self.output(noisy)


@pytest.mark.parametrize(
    "output, words",
    [
        (lambda x: x * float("nan"), "returns NaN or infinite values"),
        (lambda x: x / 0, "returns NaN or infinite values"),
        (
            lambda x: x[..., 1:],
            r"returns \(1, 3, 6, 6\) for an image of \(1, 3, 6, 7\)",
        ),
        (lambda x: (x, x), "returns tuple for an image"),
    ],
)
@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_a_denoiser_that_fails_is_an_error(output, words, kind):
    with pytest.raises(RuntimeError, match=words):
        denoise(Tinted(output), array((6, 7, 3), kind))


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_equal_pixels_give_equal_results(kind):
    """Grey, three equal channels, with and without alpha, arrays and tensors."""
    network = load_denoiser("multiscale_blind")
    grey = array((40, 50), kind)
    expected = denoise(network, grey)
    assert not np.array_equal(expected, grey)
    for channels in (1, 2, 3, 4):
        image = np.stack([grey] * channels, -1)
        if channels in (2, 4):
            image[..., -1] = 1 if kind == "float32" else np.iinfo(kind).max
        found = denoise(network, image)
        colours = found[..., : 1 if channels < 3 else 3]
        assert np.array_equal(
            colours, np.broadcast_to(expected[..., None], colours.shape)
        )
    if kind == "float32":
        for channels in (1, 3):
            tensor = torch.from_numpy(grey).expand(channels, -1, -1)
            found = denoise(network, tensor)
            assert torch.equal(found, torch.from_numpy(expected).expand_as(tensor))


def test_colour_and_grey_images_in_one_batch():
    network = load_denoiser("multiscale_sigma25")
    grey, colour = torch.rand(1, 24, 24).expand(3, -1, -1), torch.rand(3, 24, 24)
    both = denoise(network, torch.stack([grey, colour]))
    assert torch.allclose(both[0], denoise(network, grey), atol=1e-5)
    assert torch.allclose(both[1], denoise(network, colour), atol=1e-5)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [2, 4])
def test_hidden_colours_reach_nothing(kind, channels):
    """Whatever lies under alpha 0, it stays, and visible pixels do not know of it."""
    network = load_denoiser("multiscale_sigma25")
    full = 1 if kind == "float32" else np.iinfo(kind).max
    image = array((64, 64, channels), kind)
    y, x = np.mgrid[:64, :64]
    visible = (y - 32) ** 2 + (x - 20) ** 2 < 300
    image[..., -1] = visible * full
    results = []
    for hidden in (0, full):
        image[~visible, :-1] = hidden
        found = denoise(network, image)
        assert (found[~visible, :-1] == hidden).all()
        assert np.array_equal(found[..., -1], image[..., -1])
        results.append(found[visible])
    assert np.array_equal(*results)
    image[..., -1] = 0
    assert np.array_equal(denoise(network, image), image)


def test_what_surrounds_hidden_pixels_is_found_in_them():
    network = Record()
    image = np.full((40, 60, 4), 200, "uint8")
    image[..., 1], image[10:30, 20:50] = 90, 0
    denoise(network, image)
    assert torch.allclose(
        network.seen[0, :, 20, 35] * 255, torch.tensor([200.0, 90, 200])
    )


@pytest.mark.parametrize(
    "kind, white", [("uint16", 4095), ("float32", 4095), ("uint8", 63)]
)
def test_another_white(kind, white):
    network = Record()
    image = (array((6, 7, 3), "uint8") % 64).astype(kind) * (white // 63)
    result = denoise(network, image, white_level=white)
    expected = torch.from_numpy(image.astype("float32")).permute(2, 0, 1)[None] / white
    assert torch.allclose(network.seen, expected)
    assert np.allclose(result, image, rtol=1e-6)
    if kind != "float32":
        bright = denoise(lambda_denoiser(9), image, white_level=white)
        assert bright.max() == white
        with pytest.raises(ValueError, match="the white level 9 does not fit"):
            denoise(network, image, white_level=9)


def test_twelve_bits_are_not_taken_for_a_dark_image_in_silence():
    image = array((6, 7, 3), "uint16") >> 4
    with pytest.warns(UserWarning, match="say white_level=4095 if it has fewer"):
        denoise(IdentityDenoiser(), image)


class Told(nn.Module):
    """Shows the level it is told."""

    takes_sigma, stride, reach = True, 1, 0

    def forward(self, noisy, sigma=None):
        return (sigma / 255).expand_as(noisy)


def test_levels_reach_a_denoiser_that_takes_them():
    image = torch.rand(2, 3, 30, 40)
    level = torch.rand(30, 40) * 50
    assert torch.allclose(denoise(Told(), image, sigma=25), torch.tensor(25 / 255))
    found = denoise(Told(), image, sigma=[10, 20])
    assert torch.allclose(found[:, 0, 0, 0] * 255, torch.tensor([10.0, 20]))
    for tile in (0, 16):
        found = denoise(Told(), image, tile=tile, sigma=level)
        assert torch.allclose(found * 255, level.expand_as(image), atol=1e-4)
    array = image[0].permute(1, 2, 0).numpy()
    found = denoise(Told(), array, tile=16, sigma=level.numpy())
    assert np.allclose(found * 255, level[..., None], atol=1e-4)
    with pytest.raises(ValueError, match=r"sigma of shape \(1, 1, 9, 9\) does not fit"):
        denoise(Told(), image, sigma=np.ones((9, 9)))
    with pytest.raises(ValueError, match="takes no sigma"):
        denoise(IdentityDenoiser(), image, sigma=25)


def test_several_threads_give_what_one_gives():
    network = MODELS.build(SMALL).train()
    network.stem.eval()
    flags = [module.training for module in network.modules()]
    before = {key: value.clone() for key, value in network.state_dict().items()}
    images = [array((70, 40 + i, 3), "uint8", seed=i) for i in range(6)]
    expected = [denoise(network, image, tile=60) for image in images]
    found = [None] * len(images)

    def work(index):
        for _ in range(3):
            found[index] = denoise(network, images[index], tile=60)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(*pair) for pair in zip(found, expected))
    assert [module.training for module in network.modules()] == flags
    after = network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


@pytest.fixture
def bfloat16(monkeypatch):
    """PyTorch computes in it on any CPU, if slowly."""
    monkeypatch.setattr(precision, "_cpu_has_it", lambda: True)


def test_auto_is_bfloat16_for_networks_and_8_bits(bfloat16):
    network = load_denoiser("multiscale_sigma25")
    assert precision_of(network, np.dtype("uint8"), "auto") == "bfloat16"
    for wide in (np.dtype("uint16"), np.dtype("float32"), torch.float32):
        assert precision_of(network, wide, "auto") == "float32"
        assert precision_of(network, wide, "bfloat16") == "bfloat16"
    assert precision_of(network.double(), np.dtype("uint8"), "auto") == "float32"
    assert precision_of(IdentityDenoiser(), np.dtype("uint8"), "bfloat16") == "float32"


@pytest.mark.parametrize("name", ["multiscale_sigma25", "multiscale_blind"])
@pytest.mark.parametrize("channels", [1, 3])
def test_both_precisions_give_the_same_picture(bfloat16, name, channels):
    """Less than 0.6 grey levels rms apart, and not the same."""
    y, x = np.mgrid[:64, :64]
    planes = [90 + 60 * np.sin(x / 9 + c) * np.cos(y / 13) for c in range(channels)]
    noisy = np.random.default_rng(0).normal(np.stack(planes, -1), 25)
    noisy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    network = load_denoiser(name)
    exact, faster = (
        denoise(network, noisy, precision=how).astype(float)
        for how in ("float32", "bfloat16")
    )
    assert 0 < np.sqrt(np.mean((exact - faster) ** 2)) < 0.6


def test_what_runs_is_what_is_said(bfloat16):
    class Shows(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, noisy):
            self.seen = self.conv(noisy).dtype
            return noisy

    network, image = Shows(), np.zeros((4, 4, 3), np.uint8)
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        denoise(network, image, precision=name)
        assert network.seen == dtype
    denoise(network, image)
    assert network.seen == torch.float32
