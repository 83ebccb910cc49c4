"""The level that was drawn reaches the denoiser: the values, image by image."""

import pytest
import torch

from mmdenoise.models import Denoiser, GaussianNoise, PoissonGaussianNoise
from mmdenoise.models.noise import Drawn, NoiseModel
from mmdenoise.registry import MODELS

BLIND = dict(type="mmdenoise.GaussianNoise", sigma=(0, 75))
SIZES = (48, 56), (40, 44), (31, 56)


@MODELS.register_module(force=True)
class Listener(Denoiser):
    """Keeps what it is given."""

    takes_sigma = True

    def __init__(self, sigma=None):
        super().__init__()
        self.sigma = sigma
        self.heard = []
        self.gain = torch.nn.Parameter(torch.ones(1))

    def estimate(self, noisy, level):
        self.heard.append((noisy, level))
        return noisy * self.gain


@MODELS.register_module(force=True)
class RampNoise(NoiseModel):
    """Adds its level, which rises from left to right and from top to bottom."""

    def draw(self, image, generator):
        height, width = image.shape[-2:]
        ramp = torch.arange(height)[:, None] * 100.0 + torch.arange(width)
        ramp = ramp.expand(*image.shape[:-3], 1, height, width) / 1000
        return Drawn((ramp / 255).expand_as(image), ramp)


def measured(data):
    """Level of each image's noise, by its pixels."""
    noise = (data["inputs"] - data["clean"]) * 255
    return [
        noise[i, :, :h, :w].std().item()
        for i, (h, w) in enumerate(data["canvas"].sizes)
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "flip", [dict(), dict(flip=True, flip_direction="horizontal")], ids=str
)
def test_each_images_own_level(make_cascade, plain_batch, training, flip):
    model = make_cascade(denoiser=dict(type="mmdenoise.Listener"), noise=BLIND)
    model.train(training)
    batch = plain_batch(*SIZES, **flip)
    data = model.data_preprocessor(batch, training)
    model(**data, mode="loss" if training else "predict")
    noisy, level = model.denoiser.heard[0]
    assert level.shape == (3, 1, 1, 1) and torch.equal(level, data["sigma"])
    assert noisy.shape == (3, 3, 48, 56)
    assert level.flatten().tolist() == pytest.approx(measured(data), rel=0.05)
    assert len(set(level.flatten().tolist())) == 3


@pytest.mark.parametrize("training", [True, False])
def test_a_number_is_told_as_it_is(make_cascade, plain_batch, training):
    listener = dict(type="mmdenoise.Listener", sigma=10)
    model = make_cascade(denoiser=listener, sigma=33).train(training)
    data = model.data_preprocessor(plain_batch(*SIZES), training)
    with torch.no_grad():
        model(**data, mode="tensor")
    level = model.denoiser.heard[0][1]
    # What was drawn wins over the denoiser's own, which is for images that are noisy.
    assert torch.equal(level, torch.full((3, 1, 1, 1), 33.0))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("direction", [None, "horizontal", "vertical", "diagonal"])
def test_maps_follow_flips_and_padding(make_cascade, plain_batch, training, direction):
    noise = dict(type="mmdenoise.RampNoise")
    model = make_cascade(denoiser=dict(type="mmdenoise.Listener"), noise=noise)
    flip = dict(flip=True, flip_direction=direction) if direction else {}
    data = model.train(training).data_preprocessor(
        plain_batch(*SIZES, **flip), training
    )
    with torch.no_grad():
        model(**data, mode="tensor")
    noisy, level = model.denoiser.heard[0]
    assert level.shape == (3, 1, 48, 56)
    added = (noisy - data["clean"]) * 255
    # Beyond the image both are mirrored alike, so the sum holds there, too.
    torch.testing.assert_close(added, level.expand_as(added), atol=2e-4, rtol=0)
    for one, (height, width) in zip(level[:, 0], SIZES):
        rows, columns = torch.arange(height), torch.arange(width)
        # Evaluation noise is drawn in the frame of the image as it was before.
        if direction in ("vertical", "diagonal") and not training:
            rows = rows.flip(0)
        if direction in ("horizontal", "diagonal") and not training:
            columns = columns.flip(0)
        expected = (rows[:, None] * 100.0 + columns) / 1000
        torch.testing.assert_close(one[:height, :width], expected)


def test_evaluation_levels_are_the_images_own(make_cascade, plain_batch):
    model = make_cascade(denoiser=dict(type="mmdenoise.Listener"), noise=BLIND).eval()
    together = model.data_preprocessor(plain_batch(*SIZES), False)["sigma"]
    for index in range(3):
        batch = plain_batch(*SIZES)
        alone = {key: value[index : index + 1] for key, value in batch.items()}
        found = model.data_preprocessor(alone, False)["sigma"]
        assert torch.equal(found[0], together[index])


@pytest.mark.parametrize(
    "denoiser",
    [
        dict(type="mmdenoise.FFDNet", depth=3, channels=8),
        dict(
            type="mmdenoise.MultiScaleDenoiser",
            takes_sigma=True,
            encoder_channels=8,
            decoder_channels=8,
            stem_channels=4,
        ),
    ],
    ids=["FFDNet", "MultiScaleDenoiser"],
)
def test_twenty_iterations(make_cascade, seg_head, seg_batch, denoiser):
    loss = dict(perceptual=1e-4, task=0.01)
    model = make_cascade(
        seg_head, denoiser, noise=BLIND, loss=loss, tap="backbone.layer2"
    )
    heard = []
    first = (
        model.denoiser.model[0] if "FFD" in denoiser["type"] else model.denoiser.stem
    )
    first.register_forward_pre_hook(lambda _, args: heard.append(args[0][:, -1]))
    optimiser = torch.optim.Adam(model.denoiser.parameters(), 1e-3)
    levels = []
    for seed in range(20):
        data = model.data_preprocessor(seg_batch((32, 40), (29, 33), seed=seed), True)
        total, _ = model.parse_losses(model(**data, mode="loss"))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        levels.append(data["sigma"].flatten())
        told = heard[-1].flatten(1) * 255
        assert torch.allclose(told, levels[-1][:, None].expand_as(told))
        assert levels[-1].tolist() == pytest.approx(measured(data), rel=0.06)
    levels = torch.cat(levels)
    assert levels.min() < 15 and levels.max() > 60 and len(levels.unique()) == 40
    assert total.isfinite()


def test_a_denoiser_that_takes_none_is_given_none(
    make_cascade, seg_head, seg_batch, forward
):
    for denoiser in ("small", "pointwise"):
        model = make_cascade(seg_head, denoiser, noise=BLIND).eval()
        [sample] = forward(model, seg_batch((48, 56)), "predict")
        with torch.no_grad():
            alone = model.denoiser(sample.noisy[None])[0]
        assert torch.equal(sample.denoised, alone)


# Images that are noisy already


def noisy_model(make_cascade, sigma=None):
    listener = dict(type="mmdenoise.Listener", sigma=sigma)
    loss = dict(perceptual=0, task=0)
    return make_cascade(denoiser=listener, sigma=None, loss=loss).eval()


def test_the_level_of_noisy_images_is_given(make_cascade, plain_batch, forward):
    model = noisy_model(make_cascade, sigma=20)
    forward(model, plain_batch((8, 9)), "tensor")
    assert model.denoiser.heard[-1][1].flatten().tolist() == [20]
    batch = dict(plain_batch((8, 9), (7, 9)), sigma=[15, 40])
    forward(model, batch, "tensor")
    assert model.denoiser.heard[-1][1].flatten().tolist() == [15, 40]
    forward(model, dict(batch, sigma=torch.tensor([1.0, 2.0])), "tensor")
    assert model.denoiser.heard[-1][1].shape == (2, 1, 1, 1)


def test_a_missing_or_wrong_level_is_said(make_cascade, plain_batch, forward):
    model = noisy_model(make_cascade)
    batch = plain_batch((8, 9), (7, 9))
    for sigma, message in (
        (None, "Listener is told the level of the noise: give sigma"),
        ([15], "1 levels under 'sigma' for 2 images"),
        ([15, -1], "not negative, in 8-bit units; got -1"),
        ([15, "auto"], "must be a number"),
    ):
        with pytest.raises(ValueError, match=message):
            forward(model, dict(batch, sigma=sigma), "tensor")
    model = make_cascade(denoiser=dict(type="mmdenoise.Listener"), sigma=30)
    with pytest.raises(ValueError, match="of its own, yet noise=GaussianNoise"):
        forward(model, dict(batch, sigma=[1, 2]), "tensor")


# What the models tell


def test_models_tell_what_they_draw():
    images = torch.full((4, 3, 64, 64), 0.5)
    generator = torch.Generator().manual_seed(0)
    for model in (
        GaussianNoise(30),
        GaussianNoise((5, 60)),
        PoissonGaussianNoise(30, 10),
        PoissonGaussianNoise((10, 100), (0, 20)),
    ):
        noisy, sigma = model.add_and_tell(images, generator)
        assert sigma.shape == (4, 1, 1, 1) and sigma.dtype == images.dtype
        spread = (noisy - images).flatten(1).std(dim=1) * 255
        torch.testing.assert_close(sigma.flatten(), spread, rtol=0.03, atol=0)
        alone, level = model.add_and_tell(images[0].double(), generator)
        assert level.shape == (1, 1, 1) and level.dtype == torch.float64
