"""Panels by the command: on files, on a test set with a head, on real noise."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmdenoise.apis.method_images import MethodImages, MethodRunner, config_without_head
from mmdenoise.apis.panels import image_block, method_panel
from mmdenoise.evaluation.psnr_ssim import psnr

BLIND = "--denoiser=ours=multiscale_blind"


@pytest.fixture
def photo(tmp_path):
    def write(name, height=48, width=64, seed=None):
        y, x = np.mgrid[:height, :width]
        colours = np.stack([3 * x, 4 * y, 80 + x + y], axis=-1).astype(float)
        if seed is not None:
            colours += np.random.default_rng(seed).normal(0, 25, colours.shape)
        path = tmp_path / name
        Image.fromarray(colours.clip(0, 255).astype(np.uint8)).save(path)
        return str(path)

    return write


def test_captions_hold_what_the_metrics_say(photo):
    runner = MethodRunner({"ours": "multiscale_sigma50"}, config_without_head(50))
    image = runner.run(runner.read(photo("a.png")))
    block = image_block(image, None, [])
    assert list(block.cells) == ["clean", "noisy", "ours"]
    value = psnr(image.images["ours"], image.clean)
    assert block.cells["ours"].caption.startswith(f"PSNR {value:.2f} dB, SSIM 0.")
    assert value > psnr(image.images["noisy"], image.clean) + 5
    assert block.cells["clean"].caption == ""


def test_one_method_is_compared_with_its_input():
    flat = torch.full((3, 64, 64), 0.5)
    ours = flat.clone()
    ours[:, 32:48, 16:32] = 1
    samples = dict.fromkeys(["noisy", "ours"], {})
    image = MethodImages(dict(noisy=flat, ours=ours), _Samples(samples), {})
    assert image_block(image, None, []).region == (16, 32, 16, 16)
    assert image_block(image, (1, 2, 3, 4), []).region == (1, 2, 3, 4)


class _Samples(dict):
    def __init__(self, names):
        from mmengine.structures import BaseDataElement

        super().__init__({name: BaseDataElement() for name in names})


def test_files_png_jpeg_and_pdf(command, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = [photo("a.png"), photo("b.png", 40, 40)]
    run = command("panels", *images, "--sigma", "50", BLIND, "--out", "p.png")
    assert run.code == 0, run.err
    assert run.out.count("--region") == 2
    with Image.open("p.png") as panel:
        assert panel.width > 800
    run = command("panels", *images, "--sigma", "50", BLIND, "--out", "p.pdf")
    assert run.code == 0 and (tmp_path / "p.pdf").read_bytes().startswith(b"%PDF")
    run = command("panels", *images, "--sigma", "50", BLIND, "--out", "p.jpg")
    with Image.open("p.png") as exact, Image.open("p.jpg") as panel:
        assert panel.format == "JPEG" and panel.size == exact.size
        difference = np.subtract(panel.convert("RGB"), exact.convert("RGB"), dtype=int)
    assert np.abs(difference).mean() < 3


def test_region_is_the_one_that_is_asked_for(command, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = ["panels", photo("a.png"), "--sigma", "9", BLIND, "--region"]
    run = command(*given, "5", "6", "7", "8")
    assert run.code == 0 and "--region 5 6 7 8" in run.out
    run = command(*given, "60", "0", "7", "8", "--out", "q.png")
    assert run.code == 1 and "does not lie in the picture of 64x48" in run.err
    assert not (tmp_path / "q.png").exists()


def test_real_noise_with_and_without_its_clean_image(photo):
    noisy, clean = photo("noisy.png", seed=1), photo("clean.png")
    runner = MethodRunner({"ours": "multiscale_blind"}, config_without_head(None))
    alone = image_block(runner.run(runner.read(noisy)), None, [])
    assert list(alone.cells) == ["noisy", "ours"]
    assert not any(cell.caption for cell in alone.cells.values())
    paired = image_block(runner.run(runner.read(noisy, clean)), None, [])
    assert list(paired.cells) == ["clean", "noisy", "ours"]
    reference = np.asarray(Image.open(clean)).astype(float)
    error = ((np.asarray(Image.open(noisy)) - reference) ** 2).mean()
    expected = f"PSNR {10 * np.log10(255**2 / error):.2f} dB"
    assert paired.cells["noisy"].caption.startswith(expected)


def test_a_head_sees_each_version(world, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world.config("mmdenoise.MultiScaleDenoiser").dump("cascade.py")
    given = ["panels", "--config", "cascade.py", BLIND, "--out", "p.png"]
    run = command(*given, "--index", "0", "2")
    assert run.code == 0, run.err
    run = command(*given, "--index", "3", "--overwrite")
    assert run.code == 1 and "0 to 2" in run.err
    with Image.open("p.png") as panel:
        assert panel.height > panel.width / 2


def test_maps_are_the_heads_own(world):
    """On the clean image what the head alone predicts; the truth beside it."""
    from mmengine.dataset import pseudo_collate

    from mmdenoise.apis.method_images import items_of_test_set
    from mmdenoise.models.frozen_head import FrozenHead

    cfg = world.config()
    runner = MethodRunner({"ours": "multiscale_blind"}, cfg)
    (item,) = items_of_test_set(cfg, [1])
    block = image_block(runner.run(item), None, list("abcdef"))
    head = FrozenHead(world.head, world.head_checkpoint).model
    (item,) = items_of_test_set(cfg, [1])
    with torch.no_grad():
        (alone,) = head.test_step(pseudo_collate([item]))
    expected = alone.pred_sem_seg.data[0].numpy()
    assert (block.cells["clean"].labels == expected).mean() > 0.999
    truth = item["data_samples"].gt_sem_seg.data[0].numpy()
    assert np.array_equal(block.cells["ground truth"].labels, truth)
    figure, _ = method_panel([runner.run(item)], None, list("abcdef"))
    assert len(figure.legends) == 1


def test_what_is_wrong_is_one_line(command, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image, other = photo("a.png"), photo("b.png", 40, 40)
    for given, message in [
        ([], "name images, or some of a test set"),
        (["--index", "3"], "give its --config"),
        ([image], "give --sigma"),
        ([image, "--sigma", "9", "--clean", other], "--clean goes with --noisy"),
        ([image, "--noisy", "--clean", other], "'a.png' is 48x64, its clean image"),
        ([image, "--noisy", "--clean", other, other], "one file for each image"),
        ([image, "--noisy", "--out", "p.gif"], "must be .png, .jpg or .pdf"),
        ([image, "--noisy", "--out", image], "exists already"),
        (["missing.png", "--noisy"], "there is no image 'missing.png'"),
        ([image, "--noisy", "--config", "none.py"], "there is no config 'none.py'"),
    ]:
        given = [part.replace(str(tmp_path) + "/", "") for part in given]
        run = command("panels", *given, BLIND)
        assert run.code == 1 and message in run.err, (given, run.err)
        assert run.err.count("error:") == 1
