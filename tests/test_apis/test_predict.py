"""A user's own noisy image: through the cascade and into files."""

import json
import os

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import BaseDataElement, PixelData
from PIL import Image

from mmdenoise.apis.predict import predict_files, predict_image
from mmdenoise.apis.prediction_files import write_prediction
from mmdenoise.apis.test_set_info import info_of_test_set
from mmdenoise.datasets.textured_shapes import CLASSES, PALETTE
from mmdenoise.models.denoisers import Denoiser
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
    denoised = written(sample, world.config(), tmp_path)["denoised"]
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


def written(sample, cfg, tmp_path):
    """Paths of what is written of a prediction, by what they are."""
    stem = str(tmp_path / "out" / "photo")
    write_prediction(sample, stem, info_of_test_set(cfg))
    folder = tmp_path / "out"
    return {path.stem.rpartition("_")[2]: str(path) for path in folder.iterdir()}


def test_the_files(world, photo, tmp_path):
    sample = predict_image(world.config(), None, photo)
    found = written(sample, world.config(), tmp_path)
    assert sorted(found) == ["denoised", "labels", "overlay", "prediction"]

    denoised = sample.denoised.clamp(0, 1).mul(255).round().permute(1, 2, 0).numpy()
    assert (pixels(found["denoised"]) == denoised).all()

    labels = sample.pred_sem_seg.data[0].numpy()
    index = Image.open(found["labels"])
    assert index.mode == "P", "indices, as VOC's masks"
    assert (np.asarray(index) == labels).all()
    colours = np.array(PALETTE)[labels]
    assert (np.asarray(index.convert("RGB")) == colours).all()

    overlay = pixels(found["overlay"]).astype(float)
    assert np.abs(overlay - (denoised + colours) / 2).max() <= 1

    with open(found["prediction"]) as file:
        classes = json.load(file)["classes"]
    shares = {one["label"]: one["share"] for one in classes}
    assert shares == {int(n): float((labels == n).mean()) for n in np.unique(labels)}
    assert [one["name"] for one in classes] == [
        CLASSES[one["label"]] for one in classes
    ]
    assert classes[0]["share"] == max(shares.values())


def palette_image(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_host_data_set_gives_its_own_colours(world, photo, tmp_path):
    """The config of a user who knows nothing of our data sets."""
    from mmseg.datasets import PascalVOCDataset

    cfg = world.config()
    cfg.test_dataloader.dataset.type = "PascalVOCDataset"
    assert DATASETS.get("PascalVOCDataset") is None, "it is not ours"
    sample = predict_image(cfg, None, photo)
    palette = np.array(PascalVOCDataset.METAINFO["palette"])
    labels = sample.pred_sem_seg.data[0].numpy()
    found = written(sample, cfg, tmp_path)
    assert (palette_image(found["labels"]) == palette[labels]).all()


def test_colours_of_the_configs_own_in_a_wrapped_set(world, photo, tmp_path):
    cfg = world.config()
    palette = [[i, 2 * i, 3 * i] for i in range(6)]
    inner = dict(cfg.test_dataloader.dataset, metainfo=dict(palette=palette))
    wrapped = dict(type="RepeatDataset", times=2, dataset=inner)
    cfg.test_dataloader.dataset = dict(type="ConcatDataset", datasets=[wrapped])
    sample = predict_image(cfg, None, photo)
    labels = sample.pred_sem_seg.data[0].numpy()
    found = written(sample, cfg, tmp_path)
    assert (palette_image(found["labels"]) == np.array(palette)[labels]).all()


def test_a_missing_palette_is_the_hosts(world, photo, tmp_path):
    """MMSegmentation makes one up, always the same."""
    from mmseg.datasets import BaseSegDataset

    cfg = world.config()
    cfg.test_dataloader.dataset.type = "mmseg.BaseSegDataset"
    cfg.test_dataloader.dataset.metainfo = dict(classes=[str(n) for n in range(6)])
    host = BaseSegDataset(
        metainfo=dict(classes=[str(n) for n in range(6)]), lazy_init=True
    )
    sample = predict_image(cfg, None, photo)
    labels = sample.pred_sem_seg.data[0].numpy()
    found = written(sample, cfg, tmp_path)
    expected = np.array(host.metainfo["palette"])[labels]
    assert (palette_image(found["labels"]) == expected).all()


def test_without_classes_or_colours(world, photo, tmp_path):
    cfg = world.config()
    cfg.test_dataloader.dataset.type = "BaseSegDataset"
    sample = predict_image(cfg, None, photo)
    labels = sample.pred_sem_seg.data[0].numpy()
    found = written(sample, cfg, tmp_path)
    assert (pixels(found["labels"]) == labels).all()
    with open(found["prediction"]) as file:
        assert json.load(file)["classes"][0]["name"].startswith("class ")


def test_labels_of_a_reduced_set_are_those_of_its_files(world, photo, tmp_path):
    """As the host's metric writes them, with ``output_dir``."""
    from mmseg.datasets import ADE20KDataset
    from mmseg.evaluation import IoUMetric

    cfg = world.config()
    cfg.test_dataloader.dataset.type = "mmseg.ADE20KDataset"
    assert info_of_test_set(cfg)["reduce_zero_label"] is True, "the class's default"
    sample = predict_image(cfg, None, photo)
    metric = IoUMetric(format_only=True, output_dir=str(tmp_path / "host"))
    metric.dataset_meta = ADE20KDataset.METAINFO
    theirs = dict(sample.to_dict(), reduce_zero_label=True)
    metric.process({}, [theirs])
    found = written(sample, cfg, tmp_path)
    assert (pixels(found["labels"]) == pixels(tmp_path / "host" / "photo.png")).all()
    labels = sample.pred_sem_seg.data[0].numpy()
    colours = np.array(ADE20KDataset.METAINFO["palette"])[labels]
    assert (palette_image(found["labels"]) == colours).all()
    with open(found["prediction"]) as file:
        first = json.load(file)["classes"][0]
    assert first["name"] == ADE20KDataset.METAINFO["classes"][first["label"] - 1]


def test_more_than_256_classes_take_16_bits(tmp_path):
    labels = torch.arange(300).view(1, 15, 20)
    sample = BaseDataElement(denoised=torch.rand(3, 15, 20))
    sample.pred_sem_seg = PixelData(data=labels)
    palette = [[n % 256, n // 256, 7] for n in range(300)]
    info = dict(classes=[f"c{n}" for n in range(300)], palette=palette)
    write_prediction(sample, str(tmp_path / "x"), info)
    found = Image.open(tmp_path / "x_labels.png")
    assert found.mode.startswith("I;16")
    assert (np.asarray(found) == labels[0].numpy()).all()
    overlay = pixels(tmp_path / "x_overlay.png").astype(float)
    image = sample.denoised.mul(255).round().permute(1, 2, 0).numpy()
    expected = (image + np.array(palette).reshape(15, 20, 3)) / 2
    assert np.abs(overlay - expected).max() <= 1


def test_a_map_of_numbers(tmp_path):
    sample = BaseDataElement(denoised=torch.rand(3, 4, 6))
    depth = torch.linspace(1, 9, 24).view(1, 4, 6)
    sample.pred_depth_map = PixelData(data=depth)
    seen = write_prediction(sample, str(tmp_path / "x"), {})
    assert seen == "depth_map from 1 to 9"
    assert (np.load(tmp_path / "x_map.npy") == depth[0].numpy()).all()
    assert pixels(tmp_path / "x_map.png")[[0, -1], [0, -1]].tolist() == [0, 255]


@pytest.fixture
def classifier(cls_head):
    return Config(
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
                    classes=["ant", "bee", "cat", "dog", "eel"],
                    pipeline=[
                        dict(type="mmdenoise.LoadImage"),
                        dict(type="PackInputs"),
                    ],
                )
            ),
        )
    )


def test_a_classifiers_prediction(classifier, photo, tmp_path):
    sample = predict_image(classifier, None, photo)
    found = written(sample, classifier, tmp_path)
    assert sorted(found) == ["denoised", "prediction"]
    with open(found["prediction"]) as file:
        numbers = json.load(file)
    assert numbers["pred_label"] == sample.pred_label.tolist()
    assert sum(numbers["pred_score"]) == pytest.approx(1)
    (label,) = numbers["pred_label"]
    assert np.argmax(numbers["pred_score"]) == label
    assert numbers["pred_class"] == [["ant", "bee", "cat", "dog", "eel"][label]]


# Files, folders, patterns


def test_a_folder(classifier, photo, tmp_path, capsys):
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.png"):
        Image.open(photo).save(folder / name)
    (folder / "c.png").write_bytes(b"no image")
    out = str(tmp_path / "out")
    failed = predict_files(classifier, None, [str(folder)], out)
    assert list(failed) == [str(folder / "c.png")]
    names = sorted(os.listdir(out)) + sorted(os.listdir(os.path.join(out, "sub")))
    kinds = ["denoised.png", "prediction.json"]
    assert names == [f"a_{k}" for k in kinds] + ["sub"] + [f"b_{k}" for k in kinds]
    seen = capsys.readouterr()
    assert seen.err.startswith("error: ") and "c.png" in seen.err
    assert seen.out.splitlines()[1].split(": ")[1].split(" ")[0] in {
        *("ant", "bee", "cat", "dog", "eel")
    }
    with pytest.raises(FileExistsError, match="a_denoised.png'.* exists already"):
        predict_files(classifier, None, [str(folder)], out)
    assert len(predict_files(classifier, None, [str(folder)], out, overwrite=True)) == 1


def test_two_images_of_one_name(classifier, photo, tmp_path):
    Image.open(photo).save(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match="photo.jpg' and .*photo.png' would both be"):
        predict_files(classifier, None, [str(tmp_path / "photo.*")], "out")


def test_the_level_reaches_a_denoiser_that_takes_one(world, photo):
    @MODELS.register_module(force=True)
    class Less(Denoiser):
        takes_sigma = True

        def estimate(self, noisy, level=None):
            return noisy - level / 255

    cfg = world.config("mmdenoise.Less")
    sample = predict_image(cfg, None, photo, sigma=51)
    torch.testing.assert_close(sample.denoised, sample.noisy - 0.2)
    with pytest.raises(ValueError, match="Less needs the level of the noise"):
        predict_image(cfg, None, photo)
    with pytest.raises(ValueError, match="--sigma: .* takes no level"):
        predict_image(world.config(), None, photo, sigma=51)


def test_any_denoiser_in_front_of_the_head(world, photo):
    sample = predict_image(world.config(), "multiscale_sigma50", photo)
    assert not torch.equal(sample.denoised, sample.noisy)
    sample = predict_image(world.config(), "IdentityDenoiser", photo)
    assert torch.equal(sample.denoised, sample.noisy)


def test_a_heads_own_config(world, photo):
    with pytest.raises(ValueError, match="head.py is no cascade's config"):
        predict_image(Config.fromfile(world.head), None, photo)


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
