"""Images that no cascade takes: one line each, which names the file."""

import math

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import BaseDataElement
from torch import nn

from mmdenoise.models import Cascade
from mmdenoise.models.data_preprocessor import CascadeDataPreprocessor
from mmdenoise.models.head_input import HeadInput
from mmdenoise.models.noise import GaussianNoise
from mmdenoise.registry import MODELS

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
DEEP = [
    pytest.param(
        getattr(torch, "uint16", None),
        marks=pytest.mark.skipif(
            not hasattr(torch, "uint16"), reason="this PyTorch has no such type"
        ),
        id="uint16",
    ),
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
]


def build(noise=None):
    inner = MODELS.build(
        dict(type="mmengine.ImgDataPreprocessor", bgr_to_rgb=True, **NORM)
    )
    return CascadeDataPreprocessor(HeadInput(inner, "rgb"), noise)


def batch_of(*images, paths=None):
    paths = paths or [f"folder/{index}.png" for index in range(len(images))]
    samples = [BaseDataElement(metainfo=dict(img_path=path)) for path in paths]
    return dict(inputs=list(images), data_samples=samples)


def refuse(batch, words, training=False, noise=None):
    with pytest.raises(ValueError, match=words) as error:
        build(noise)(batch, training)
    assert "\n" not in str(error.value)
    return str(error.value)


def good():
    return torch.zeros(3, 8, 9, dtype=torch.uint8)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(1, 8, 9), (4, 8, 9), (2, 8, 9), (8, 9), (8, 9, 3)])
def test_other_than_three_channels(shape, training):
    bad = torch.zeros(shape, dtype=torch.uint8)
    words = rf"^'folder/1.png' has shape \({shape[0]}, .*takes \(3, H, W\)"
    refuse(batch_of(good(), bad), words, training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", DEEP)
def test_other_types_than_8_bits(dtype, training):
    bad = torch.zeros((3, 8, 9), dtype=dtype)
    words = rf"^'folder/1.png' is of type {dtype}; the cascade takes 8-bit values"
    refuse(batch_of(good(), bad), words, training)
    stacked = batch_of(*torch.zeros((2, 3, 8, 9), dtype=dtype))
    stacked["inputs"] = torch.stack(stacked["inputs"])
    refuse(stacked, words.replace("/1", "/0"), training)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_16_bit_values_as_floats(dtype):
    bad = torch.full((3, 8, 9), 65535, dtype=dtype)
    words = r"^'folder/1.png' reaches from 257 to 257 instead of \[0, 1\]"
    said = refuse(batch_of(good().float(), bad), words)
    assert "more than 8 bits" in said and "normalises" in said


def test_without_a_path_it_is_an_image():
    bad = torch.zeros(1, 8, 9, dtype=torch.uint8)
    refuse(dict(inputs=[good(), bad]), "^an image has shape")
    refuse(batch_of(bad, paths=[None]), "^an image has shape")


def test_a_clean_image_is_told_from_its_noisy_one():
    batch = batch_of(good(), good())
    batch["clean"] = [good(), torch.zeros(1, 8, 9, dtype=torch.uint8)]
    refuse(batch, "^the clean image of 'folder/1.png' has shape", training=True)
    batch["clean"] = [good().float(), torch.full((3, 8, 9), 6e4)]
    refuse(batch, "^the clean image of 'folder/1.png' reaches from 235")


FILES = {
    "grey": (np.zeros((8, 9), np.uint8), r"has shape \(1, 8, 9\)"),
    "alpha": (np.zeros((8, 9, 4), np.uint8), r"has shape \(4, 8, 9\)"),
    "deep": (np.full((8, 9, 3), 4000, np.uint16), r"is of type torch.uint16"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_that_a_pipeline_loads_as_they_are(tmp_path, kind):
    """MMCV's loader makes 8-bit colour of any file, unless it is told not to."""
    pytest.importorskip("mmseg")
    if kind == "deep" and not hasattr(torch, "uint16"):
        pytest.skip("this PyTorch has no such type")
    pixels, words = FILES[kind]
    path = str(tmp_path / f"{kind}.png")
    assert cv2.imwrite(path, pixels)
    init_default_scope("mmseg")

    def load(**options):
        steps = [dict(type="LoadImageFromFile", **options), dict(type="PackSegInputs")]
        return pseudo_collate([Compose(steps)(dict(img_path=path))])

    for noise in (None, GaussianNoise(30)):
        said = refuse(load(color_type="unchanged"), words, noise=noise)
        assert said.startswith(repr(path))
    assert build()(load())["inputs"].shape == (1, 3, 8, 9)


def _constant(name, function):
    class Made(nn.Module):
        def forward(self, images):
            return function(images)

    Made.__name__ = name
    return Made()


@pytest.mark.parametrize(
    "function, expected",
    [
        (lambda x: x[..., :-1], r"Odd returns \(2, 3, 16, 17\) for .*\(2, 3, 16, 18\)"),
        (lambda x: x[:1], r"Odd returns \(1, 3, 16, 18\) for"),
        (lambda x: (x,), "Odd returns tuple for"),
        (lambda x: None, "Odd returns NoneType for"),
        (lambda x: (x * 255).to(torch.uint8), "Odd returns torch.uint8; .* floats"),
        (lambda x: x.to(torch.complex64), "Odd returns torch.complex64"),
        (lambda x: x * math.nan, "Odd returns NaN or infinite"),
        (lambda x: x / 0, "Odd returns NaN or infinite"),
    ],
)
def test_a_denoiser_that_returns_no_image_is_named(function, expected):
    """NaN would be the first class to a head, and scored without a word."""
    cascade = Cascade(denoiser=dict(type="mmdenoise.IdentityDenoiser"))
    cascade.denoiser = _constant("Odd", function)
    with pytest.raises(RuntimeError, match=expected):
        cascade.eval()(torch.rand(2, 3, 16, 18), mode="predict")


def test_another_float_is_the_images_again():
    cascade = Cascade(denoiser=dict(type="mmdenoise.IdentityDenoiser")).eval()
    cascade.denoiser = _constant("Short", lambda x: x.half())
    images = torch.full((1, 3, 4, 4), 0.5)
    (sample,) = cascade(images, mode="predict")
    assert sample.denoised.dtype == torch.float32 and (sample.denoised == 0.5).all()
