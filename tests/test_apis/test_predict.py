"""A user's own noisy image: through the cascade and into files."""

import json
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdenoise.apis.predict import predict_image, write_prediction
from mmdenoise.datasets.textured_shapes import PALETTE
from mmdenoise.registry import DATASETS, MODELS


@pytest.fixture
def photo(tmp_path):
    """An image that is noisy already, of an odd size that the head never saw."""
    generator = np.random.default_rng(5)
    smooth = np.linspace(40, 200, 37 * 43 * 3).reshape(37, 43, 3)
    noisy = smooth + generator.normal(0, 40, smooth.shape)
    path = tmp_path / "photo.png"
    Image.fromarray(noisy.clip(0, 255).round().astype(np.uint8)).save(path)
    return str(path)


@pytest.fixture
def checkpoint(world, tmp_path):
    """Write a cascade's checkpoint as training does."""

    def write(cfg, **weights):
        model = MODELS.build(cfg.model)
        with torch.no_grad():
            for name, value in weights.items():
                getattr(model.denoiser, name).fill_(value)
        path = str(tmp_path / "cascade.pth")
        torch.save(dict(state_dict=model.state_dict(), meta={}), path)
        return path

    return write


def pixels(path):
    return np.asarray(Image.open(path))


def test_the_identity_cascade_predicts_as_the_head_does(world, photo):
    from mmseg.apis import inference_model, init_model

    cfg = world.config("mmdenoise.IdentityDenoiser")
    assert cfg.model.noise.sigma == 60
    sample = predict_image(cfg, None, photo)
    head = init_model(world.head, world.head_checkpoint, device="cpu")
    expected = inference_model(head, photo)
    labels = sample.pred_sem_seg.data
    assert labels.shape == (1, 37, 43)
    assert torch.equal(labels, expected.pred_sem_seg.data)
    assert len(labels.unique()) > 1, "else anything would be equal"
    torch.testing.assert_close(
        sample.seg_logits.data, expected.seg_logits.data, rtol=1e-5, atol=1e-5
    )


def test_the_head_sees_the_denoised_image(world, photo, tmp_path):
    """Darkened by whole levels, so that the file holds exactly what the head saw."""
    from mmseg.apis import inference_model, init_model

    @MODELS.register_module(force=True)
    class Darken(torch.nn.Module):
        def forward(self, noisy):
            return (noisy - 30 / 255).clamp(min=0)

    sample = predict_image(world.config("mmdenoise.Darken"), None, photo)
    (denoised, *_) = write_prediction(sample, world.config(), str(tmp_path / "out"))
    expected = (pixels(photo).astype(int) - 30).clip(0).astype(np.uint8)
    assert (pixels(denoised) == expected).all()
    head = init_model(world.head, world.head_checkpoint, device="cpu")
    found = inference_model(head, denoised).pred_sem_seg.data
    assert torch.equal(sample.pred_sem_seg.data, found)
    assert not torch.equal(found, inference_model(head, photo).pred_sem_seg.data)


def test_no_noise_is_added_to_a_noisy_image(world, photo):
    cfg = world.config("mmdenoise.IdentityDenoiser")
    sample = predict_image(cfg, None, photo)
    expected = torch.from_numpy(pixels(photo).copy()).permute(2, 0, 1) / 255
    torch.testing.assert_close(sample.noisy, expected, rtol=0, atol=1e-6)
    assert torch.equal(sample.denoised, sample.noisy)
    assert "clean" not in sample
    assert cfg.model.noise.sigma == 60, "the caller's config is as it was"


def test_the_checkpoint_is_used(world, photo, checkpoint):
    cfg = world.config()
    sample = predict_image(cfg, checkpoint(cfg, gain=0.5, bias=0.125), photo)
    torch.testing.assert_close(sample.denoised, sample.noisy * 0.5 + 0.125)


def test_the_checkpoint_is_enough(world, photo, checkpoint):
    """What the training began from is replaced, and may be gone."""
    cfg = world.config()
    path = checkpoint(cfg, bias=0.25)
    cfg.model.denoiser_checkpoint = "long/gone.pth"
    sample = predict_image(cfg, path, photo)
    gain = torch.tensor([0.9, 0.8, 0.95]).view(3, 1, 1)
    torch.testing.assert_close(sample.denoised, sample.noisy * gain + 0.25)
    with pytest.raises(FileNotFoundError, match="denoiser_checkpoint: .*long/gone.pth"):
        predict_image(cfg, None, photo)


def test_the_files(world, photo, tmp_path):
    sample = predict_image(world.config(), None, photo)
    out = tmp_path / "out"
    written = write_prediction(sample, world.config(), str(out))
    kinds = ["denoised", "labels", "overlay"]
    assert written == [str(out / f"photo_{kind}.png") for kind in kinds]
    assert sorted(os.listdir(out)) == [f"photo_{kind}.png" for kind in kinds]

    denoised = sample.denoised.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy()
    assert (pixels(written[0]) == denoised).all()

    labels = sample.pred_sem_seg.data[0].numpy()
    index = Image.open(written[1])
    assert index.mode == "P", "indices, as VOC's masks"
    assert (np.asarray(index) == labels).all()
    colours = np.array(PALETTE)[labels]
    assert (np.asarray(index.convert("RGB")) == colours).all()

    overlay = pixels(written[2]).astype(float)
    assert np.abs(overlay - (denoised + colours) / 2).max() <= 1


def test_a_host_data_set_gives_its_own_colours(world, photo, tmp_path):
    """The config of a user who knows nothing of our data sets."""
    from mmseg.datasets import PascalVOCDataset

    cfg = world.config()
    cfg.test_dataloader.dataset.type = "PascalVOCDataset"
    assert DATASETS.get("PascalVOCDataset") is None, "it is not ours"
    sample = predict_image(cfg, None, photo)
    written = write_prediction(sample, cfg, str(tmp_path / "out"))
    palette = np.array(PascalVOCDataset.METAINFO["palette"])
    labels = sample.pred_sem_seg.data[0].numpy()
    assert (np.asarray(Image.open(written[1]).convert("RGB")) == palette[labels]).all()


def test_colours_of_the_configs_own(world, photo, tmp_path):
    cfg = world.config()
    palette = [[i, 2 * i, 3 * i] for i in range(6)]
    cfg.test_dataloader.dataset.metainfo = dict(palette=palette)
    sample = predict_image(cfg, None, photo)
    written = write_prediction(sample, cfg, str(tmp_path / "out"))
    labels = sample.pred_sem_seg.data[0].numpy()
    found = np.asarray(Image.open(written[1]).convert("RGB"))
    assert (found == np.array(palette)[labels]).all()


def test_a_data_set_without_colours(world, photo, tmp_path):
    cfg = world.config()
    cfg.test_dataloader.dataset.type = "BaseSegDataset"
    sample = predict_image(cfg, None, photo)
    written = write_prediction(sample, cfg, str(tmp_path / "out"))
    labels = sample.pred_sem_seg.data[0].numpy()
    assert (pixels(written[1]) == labels).all()


def test_a_classifiers_prediction(cls_head, photo, tmp_path):
    cfg = Config(
        dict(
            default_scope="mmpretrain",
            model=dict(
                type="mmdenoise.CascadeClassifier",
                denoiser=dict(type="mmdenoise.IdentityDenoiser"),
                head=cls_head[0],
                head_checkpoint=cls_head[1],
                noise=dict(type="mmdenoise.GaussianNoise", sigma=60),
                loss=dict(type="mmdenoise.JointLoss", perceptual=0),
            ),
            test_dataloader=dict(
                dataset=dict(
                    type="CustomDataset",
                    pipeline=[
                        dict(type="mmdenoise.LoadImage"),
                        dict(type="PackInputs"),
                    ],
                )
            ),
        )
    )
    sample = predict_image(cfg, None, photo)
    written = write_prediction(sample, cfg, str(tmp_path / "out"))
    assert [os.path.basename(path) for path in written] == [
        "photo_denoised.png",
        "photo_prediction.json",
    ]
    with open(written[1]) as file:
        found = json.load(file)
    assert found["pred_label"] == sample.pred_label.tolist()
    assert sum(found["pred_score"]) == pytest.approx(1)
    assert np.argmax(found["pred_score"]) == found["pred_label"][0]


def test_a_missing_image(world):
    with pytest.raises(FileNotFoundError, match="there is no image 'gone.png'"):
        predict_image(world.config(), None, "gone.png")


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg"])
def test_a_truncated_image_is_named(world, photo, tmp_path, name):
    path = str(tmp_path / "cut" / name)
    os.makedirs(os.path.dirname(path))
    Image.open(photo).save(path)
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)
    cfg = world.config()
    # Also with a reader that would fill the rest with grey.
    cfg.test_dataloader.dataset.pipeline[0] = dict(type="LoadImageFromFile")
    with pytest.raises(ValueError, match=f"cannot read the image '.*{name}'") as error:
        predict_image(cfg, None, path)
    assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_head(world, photo, checkpoint, tmp_path):
    cfg = world.config()
    path = checkpoint(cfg)
    saved = torch.load(path)
    saved["state_dict"]["head_fingerprint"] += 1
    torch.save(saved, path)
    with pytest.raises(RuntimeError, match="another head"):
        predict_image(cfg, path, photo)
    with pytest.raises(FileNotFoundError, match="there is no file 'gone.pth'"):
        predict_image(cfg, "gone.pth", photo)
