"""Patches of a folder: what is decoded, drawn, replayed and refused."""

import itertools

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from PIL import Image

from mmdenoise.datasets.draws import Draw
from mmdenoise.datasets.patches import cut_patches, draw_places, gather_images
from mmdenoise.registry import DATASETS

SIZES = [(20, 31), (16, 16), (40, 17)]


@pytest.fixture
def pixels(tmp_path):
    """RGB images, which lie in the folder ``images``."""
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    found = []
    for index, size in enumerate(SIZES):
        found.append(random.integers(0, 256, (*size, 3), dtype=np.uint8))
        Image.fromarray(found[-1]).save(tmp_path / "images" / f"{index}.png")
    return found


@pytest.fixture
def build(tmp_path):
    def build(**kwargs):
        return DATASETS.build(
            dict(
                dict(
                    type="mmdenoise.PatchDataset",
                    data_root=str(tmp_path / "images"),
                    size=16,
                    device="cpu",
                ),
                **kwargs,
            )
        )

    return build


@pytest.fixture
def loader(tmp_path):
    """A Runner's own loader."""

    def loader(seed=0, workers=0, **kwargs):
        return Runner.build_dataloader(
            dict(
                batch_size=6,
                num_workers=workers,
                sampler=dict(type="mmdenoise.DrawSampler"),
                collate_fn=dict(type="default_collate"),
                dataset=dict(
                    type="mmdenoise.PatchDataset",
                    data_root=str(tmp_path / "images"),
                    size=16,
                    device="cpu",
                ),
                **kwargs,
            ),
            seed=seed,
        )

    return loader


def batches(loader, count):
    return [batch["inputs"] for batch in itertools.islice(loader, count)]


def test_a_batch_is_cut_at_the_places_of_its_name(pixels, build):
    draws = [Draw(5, 0, number) for number in range(12, 18)]
    batch = torch.stack([sample["inputs"] for sample in build().__getitems__(draws)])
    bank = gather_images([image[..., ::-1] for image in pixels])  # BGR, as MMCV's
    places = draw_places(bank, 16, 6, draws[0].generator("cpu"))
    assert torch.equal(batch, cut_patches(bank, places, 16))
    assert torch.equal(
        build()[draws[0]]["inputs"],
        cut_patches(bank, draw_places(bank, 16, 1, draws[0].generator("cpu")), 16)[0],
    )


def test_through_a_runners_loader(pixels, loader):
    first, second = batches(loader(), 2)
    assert first.shape == (6, 3, 16, 16) and first.dtype == torch.uint8
    assert first.is_contiguous() and not torch.equal(first, second)
    assert torch.equal(batches(loader(), 1)[0], first)
    assert not torch.equal(batches(loader(seed=1), 1)[0], first)


def test_the_global_generators_have_no_say(pixels, loader):
    one = batches(loader(), 2)
    torch.manual_seed(3)
    np.random.seed(3)
    assert all(map(torch.equal, one, batches(loader(), 2)))


def test_workers_draw_the_same(pixels, loader):
    assert all(map(torch.equal, batches(loader(), 4), batches(loader(workers=2), 4)))


def test_a_resumed_loader_draws_what_was_to_come(pixels, loader):
    whole, resumed = batches(loader(), 5), loader()
    resumed.sampler.skip(3 * 6)
    assert all(map(torch.equal, whole[3:], batches(resumed, 2)))


def test_two_ranks_draw_different_patches(pixels, build):
    mine, other = (build()[Draw(0, rank, 0)]["inputs"] for rank in (0, 1))
    assert not torch.equal(mine, other)


def test_files_are_decoded_once(pixels, build, tmp_path):
    dataset = build()
    before = dataset[Draw(0, 0, 0)]["inputs"]
    for path in (tmp_path / "images").iterdir():
        path.write_bytes(b"")
    assert torch.equal(dataset[Draw(0, 0, 0)]["inputs"], before)


def test_the_first_ones_alone(pixels, build):
    assert len(build()) == 3 and len(build(first=1)) == 1


def test_the_device_is_the_gpu_where_there_is_one(pixels, build):
    from mmengine.device import get_device

    assert build(device=None).device.type == get_device()


def test_a_small_image_is_named(pixels, build):
    with pytest.raises(ValueError, match="1.png' is 16x16, too small .* of 17x17"):
        build(size=17)


def test_what_is_no_8_bit_rgb_image_is_named(pixels, build, tmp_path):
    path = tmp_path / "images" / "3.png"
    Image.new("RGBA", (20, 20)).save(path)
    with pytest.raises(ValueError, match=r"3.png' has transparent pixels"):
        build()
    assert len(build(convert=("RGBA",))) == 4
    Image.fromarray(np.full((20, 20), 40000, np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"3.png' has more than 8 bits a value"):
        build()
    Image.new("L", (20, 20)).save(path)
    assert len(build()) == 4
    path.write_text("no image")
    with pytest.raises(ValueError, match=r"cannot read the image '.*3.png'"):
        build()


def test_other_errors(pixels, build, tmp_path):
    with pytest.raises(FileNotFoundError, match="no image folder '.*gone'; any folder"):
        build(data_root=str(tmp_path / "gone"))
    with pytest.raises(ValueError, match="patch size must be .* 1 or more, got 0"):
        build(size=0)
    with pytest.raises(ValueError, match="cuts its patches itself"):
        build(pipeline=[dict(type="mmdenoise.LoadImage")])
    with pytest.raises(ValueError, match="sampler=dict.type='mmdenoise.DrawSampler'"):
        build()[3]


def test_transforms_follow_the_cut(pixels, build):
    """They draw after the places, so that the places stay what they were."""
    draws = [Draw(0, 0, n) for n in range(8)]
    plain = build().__getitems__(draws)
    some = build(
        transforms=[
            dict(type="mmdenoise.FlatBars", share=0.5),
            dict(type="mmdenoise.FlatPatches", share=0.2),
        ]
    )
    found = some.__getitems__(draws)
    kept = [torch.equal(a["inputs"], b["inputs"]) for a, b in zip(plain, found)]
    assert any(kept) and not all(kept)
    again = some.__getitems__(draws)
    assert all(torch.equal(a["inputs"], b["inputs"]) for a, b in zip(found, again))


def test_images_are_set_aside(pixels, build):
    train, rest = build(indices=2), build(indices=-1)
    train.full_init(), rest.full_init()
    assert (len(train), len(rest)) == (2, 1)
    assert rest.get_data_info(0)["img_path"].endswith("2.png")
