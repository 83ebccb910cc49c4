"""Noisy/clean pairs: layouts, what is missing, one crop and one flip for both."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image

from mmdenoise.registry import DATASETS, MODELS

LAYOUTS = {
    "folders": [
        ("noisy/a.jpg", "clean/a.png"),
        ("deep/noisy/b.png", "deep/clean/b.png"),
    ],
    "sidd": [
        ("Data/1_S6/0001_NOISY_SRGB_010.PNG", "Data/1_S6/0001_GT_SRGB_010.PNG"),
        ("Data/2_G4/NOISY_SRGB_010.PNG", "Data/2_G4/GT_SRGB_010.PNG"),
    ],
    "polyu": [("C_5_160_chair_1_real.JPG", "C_5_160_chair_1_mean.JPG")],
    "cc": [("d800_iso64_1_real.png", "d800_iso64_1_mean.png")],
}
PIPELINE = [
    dict(type="mmdenoise.LoadPair"),
    dict(type="mmdenoise.RandomPatch", size=16),
    dict(type="mmcv.RandomFlip", prob=0.5),
    dict(type="mmdenoise.PackPair"),
]


def write(root, name, value=0, size=(40, 30)):
    """Every pixel differs: red is the column, green the row, blue ``value``."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    pixels[..., 0] = np.arange(size[0])
    pixels[..., 1] = np.arange(size[1])[:, None]
    pixels[..., 2] = value
    Image.fromarray(pixels).save(path)
    return str(path)


def build(root, **kwargs):
    return DATASETS.build(
        dict(type="mmdenoise.PairedImageDataset", data_root=str(root), **kwargs)
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_layouts(tmp_path, layout):
    expected = []
    for noisy, clean in LAYOUTS[layout]:
        expected.append((write(tmp_path, noisy), write(tmp_path, clean)))
    expected.sort()
    (tmp_path / "ReadMe.txt").write_text("no image")
    dataset = build(tmp_path, layout=layout)
    infos = [dataset.get_data_info(index) for index in range(len(dataset))]
    assert [(i["img_path"], i["clean_path"]) for i in infos] == expected
    assert len(build(tmp_path, layout=layout, first=1)) == 1


def test_own_parts_and_no_truth(tmp_path):
    pair = write(tmp_path, "x-iso.png"), write(tmp_path, "x-ref.png")
    dataset = build(tmp_path, layout=("-iso.", "-ref."))
    info = dataset.get_data_info(0)
    assert (info["img_path"], info["clean_path"]) == pair
    dataset = build(tmp_path, layout="dnd", pipeline=PIPELINE)
    assert len(dataset) == 2
    assert "clean" not in dataset[0] and dataset[0]["inputs"].shape == (3, 16, 16)
    assert len(build(tmp_path, layout=("-iso.", None))) == 1


def test_crops_and_flips_act_on_both(tmp_path):
    write(tmp_path, "noisy/a.png", value=0)
    write(tmp_path, "clean/a.png", value=200)
    dataset = build(tmp_path, pipeline=PIPELINE)
    np.random.seed(0)
    places, flips = set(), set()
    for _ in range(30):
        packed = dataset[0]
        noisy, clean = packed["inputs"], packed["clean"]
        assert noisy.shape == clean.shape == (3, 16, 16)
        # BGR: where a pixel is from, and which of the two it is of.
        assert torch.equal(noisy[1:], clean[1:])
        assert (noisy[0] == 0).all() and (clean[0] == 200).all()
        places.add(int(noisy[1, 0, 0]))
        flips.add(bool(noisy[2, 0, 0] > noisy[2, 0, 1]))
        assert packed["data_samples"].flip == (noisy[2, 0, 0] > noisy[2, 0, 1])
    assert len(places) > 5 and flips == {True, False}


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["noisy/a.png"], r"not whole: '.*noisy/a.png' has no '.*clean/a.png'$"),
        (["noisy/a.png", "noisy/b.png"], r"clean/a.png' \(and 1 more\)$"),
        (
            ["noisy/a.png", "clean/a.png", "clean/b.png"],
            "clean/b.png' has no noisy image$",
        ),
        (["other/a.png"], "no image with '/noisy/' in its path in"),
    ],
)
def test_partners_that_are_missing(tmp_path, files, words):
    for name in files:
        write(tmp_path, name)
    with pytest.raises(FileNotFoundError, match=words) as error:
        build(tmp_path)
    assert "\n" not in str(error.value)


def test_no_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no image folder .*; take mine"):
        build(tmp_path / "none", how_to_get="take mine")


def test_sizes_that_differ_are_told_before_training(tmp_path):
    write(tmp_path, "noisy/a.png")
    write(tmp_path, "clean/a.png", size=(40, 31))
    with pytest.raises(ValueError, match="a.png' is 30x40, .*a.png' is 31x40") as error:
        build(tmp_path)
    assert "\n" not in str(error.value)


def test_a_damaged_partner_is_named(tmp_path):
    write(tmp_path, "noisy/a.png")
    clean = write(tmp_path, "clean/a.png")
    with open(clean, "r+b") as file:
        file.truncate(60)
    with pytest.raises(ValueError, match="clean/a.png"):
        build(tmp_path, pipeline=PIPELINE)[0]


@pytest.mark.parametrize(
    ("layout", "words"),
    [
        ("sid", "no layout of pairs is called 'sid': folders, sidd, polyu, cc, dnd"),
        (("a",), "a layout is a name or two parts"),
        ((None, "_clean."), "a layout is a name or two parts"),
        (("_x.", "_x."), "the two parts of a layout must differ"),
    ],
)
def test_bad_layouts(tmp_path, layout, words):
    with pytest.raises(ValueError, match=words):
        build(tmp_path, layout=layout)


def test_a_pipeline_without_its_first_step_says_so(tmp_path):
    write(tmp_path, "noisy/a.png")
    write(tmp_path, "clean/a.png")
    pipeline = [dict(type="mmdenoise.LoadPair"), dict(type="mmdenoise.PackImage")]
    with pytest.raises(ValueError, match=r"\(30, 40, 6\) instead of \(H, W, 3\)"):
        build(tmp_path, pipeline=pipeline)[0]


def test_a_cascade_trains_on_pairs_and_scores_them(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(4):
        clean = generator.integers(60, 200, (8, 8, 3)).repeat(4, 0).repeat(4, 1)
        noisy = (clean + generator.normal(0, 20, clean.shape)).clip(0, 255)
        for name, pixels in (("clean", clean), ("noisy", noisy)):
            path = tmp_path / name / f"{index}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    denoiser = dict(
        type="mmdenoise.MultiScaleDenoiser",
        scales=2,
        encoder_channels=16,
        decoder_channels=16,
        stem_channels=8,
    )
    torch.manual_seed(0)
    model = MODELS.build(dict(type="mmdenoise.Cascade", denoiser=denoiser, noise=None))
    dataset = build(tmp_path, pipeline=PIPELINE)
    optimizer = torch.optim.Adam(model.denoiser.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        batch = pseudo_collate([dataset[index] for index in range(4)])
        data = model.data_preprocessor(batch, training=True)
        loss = model(**data, mode="loss")["loss_reconstruction"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    model.eval()
    whole = build(tmp_path, pipeline=[PIPELINE[0], PIPELINE[-1]])
    (sample,) = model.test_step(pseudo_collate([whole[1]]))
    pixels = np.asarray(Image.open(whole.get_data_info(1)["clean_path"]))
    expected = torch.from_numpy(pixels / 255).permute(2, 0, 1).float()
    torch.testing.assert_close(sample.clean, expected)
    noisy = np.asarray(Image.open(whole.get_data_info(1)["img_path"]))
    expected = torch.from_numpy(noisy / 255).permute(2, 0, 1).float()
    torch.testing.assert_close(sample.noisy, expected)
