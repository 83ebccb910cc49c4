"""The clean image out of the head's preprocessor, and the noise into it."""

import copy
import logging

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement

from mmdenoise.models.canvas import Canvas
from mmdenoise.models.data_preprocessor import CascadeDataPreprocessor
from mmdenoise.models.head_config import channel_order
from mmdenoise.models.head_input import HeadInput
from mmdenoise.models.noise import GaussianNoise, PoissonGaussianNoise
from mmdenoise.models.noise_seeds import evaluation_generator
from mmdenoise.registry import MODELS

NORM = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def build(noise=None, **preprocessor):
    """Wrap MMEngine's own preprocessor; RGB and normalised if nothing is said."""
    preprocessor = preprocessor or dict(bgr_to_rgb=True, **NORM)
    preprocessor.setdefault("type", "mmengine.ImgDataPreprocessor")
    scope = preprocessor.pop("scope", None)
    config = dict(preprocessor, **({"_scope_": scope} if scope else {}))
    inner = MODELS.build(config)
    order = channel_order(dict(data_preprocessor=preprocessor), "bgr")
    return CascadeDataPreprocessor(HeadInput(inner, order), noise)


def noise_of(data):
    """N noises of the true areas."""
    difference = data["inputs"] - data["clean"]
    return [d[:, :h, :w] for d, (h, w) in zip(difference, data["canvas"].sizes)]


def as_rgb(raw):
    return raw.flip(0).float() / 255


# The clean image


@pytest.mark.parametrize(
    "preprocessor",
    [
        dict(bgr_to_rgb=True, **NORM),
        dict(bgr_to_rgb=True),
        dict(**NORM),
        dict(mean=[100.0], std=[50.0]),
        dict(pad_size_divisor=32, pad_value=-7, **NORM),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_the_clean_image_is_the_raw_one(image, plain_batch, preprocessor, training):
    batch = plain_batch((9, 13), (9, 13))
    data = build(GaussianNoise(0), **preprocessor)(batch, training)
    for clean, raw in zip(data["clean"], batch["inputs"]):
        torch.testing.assert_close(clean, as_rgb(raw), atol=2e-6, rtol=0)
    assert torch.equal(data["inputs"], data["clean"])
    assert data["clean"].shape == (2, 3, 9, 13)


def test_images_loaded_as_rgb(image):
    """A head that converts to BGR gets RGB images."""
    raw = image(4, 5)
    data = build(GaussianNoise(0), rgb_to_bgr=True, **NORM)(dict(inputs=[raw]))
    torch.testing.assert_close(data["clean"][0], raw / 255, atol=2e-6, rtol=0)


def test_stacked_and_listed_inputs_are_one(image):
    model = build(GaussianNoise(25))
    raw = [image(6, 7, seed) for seed in range(3)]
    listed = model(dict(inputs=raw))
    stacked = model(dict(inputs=torch.stack(raw)))
    assert torch.equal(listed["inputs"], stacked["inputs"])
    assert torch.equal(listed["canvas"].frame, stacked["canvas"].frame)


def test_a_preprocessor_that_neither_stacks_nor_casts(image):
    raw = [image(6, 7, seed) for seed in range(2)]
    pair = dict(inputs=raw, clean=[r.clone() for r in raw])
    model = build(type="mmengine.BaseDataPreprocessor")
    data = model(pair)
    assert data["canvas"].frame.dtype == torch.float32
    for name in ("inputs", "clean"):
        torch.testing.assert_close(data[name][1], as_rgb(raw[1]))


def test_different_sizes_are_cropped_and_continued(plain_batch):
    batch = plain_batch((9, 13), (12, 10))
    data = build(GaussianNoise(0), pad_size_divisor=16, pad_value=3, **NORM)(batch)
    assert data["clean"].shape == (2, 3, 12, 13)
    assert data["canvas"].frame.shape == (2, 3, 16, 16)
    assert data["canvas"].sizes == [(9, 13), (12, 10)]
    clean = data["clean"][0]
    # Mirrored, and not the head's constant padding.
    assert torch.equal(clean[:, 9:12], clean[:, 5:8].flip(1))
    wide = data["clean"][1]
    assert torch.equal(wide[:, :, 10:13], wide[:, :, 6:9].flip(2))


def test_other_keys_reach_the_heads_preprocessor(plain_batch):
    batch = plain_batch((9, 13))
    data = build(GaussianNoise(0))(batch)
    assert data["data_samples"][0].img_path == batch["data_samples"][0].img_path
    assert set(data) == {"inputs", "clean", "sigma", "data_samples", "canvas"}


# Canvas


def test_placing_puts_the_heads_padding_back(plain_batch):
    model = build(GaussianNoise(0), pad_size_divisor=16, pad_value=3, **NORM)
    data = model(plain_batch((9, 13), (12, 10)))
    canvas = data["canvas"]
    placed = canvas.place(torch.full((2, 3, 12, 13), 5.0))
    for index, (height, width) in enumerate(canvas.sizes):
        assert (placed[index, :, :height, :width] == 5).all()
        assert (placed[index, :, height:] == 3).all()
        assert (placed[index, :, :, width:] == 3).all()
    back = canvas.place(model.head_input.from_image(data["inputs"]))
    torch.testing.assert_close(back, canvas.frame, atol=1e-5, rtol=0)


def test_placing_passes_gradients_of_the_true_area_alone():
    inputs = torch.ones(2, 3, 4, 4, requires_grad=True)
    canvas = Canvas([(4, 4), (2, 3)], torch.zeros(2, 3, 8, 8))
    (canvas.place(inputs) ** 2).sum().backward()
    assert (inputs.grad[0] == 2).all()
    assert inputs.grad[1].sum() == 2 * 3 * 2 * 3
    assert (canvas.frame == 0).all()


def test_area_by_hand():
    assert Canvas([(2, 3), (2, 3)]).area(torch.zeros(2, 1, 2, 3)) is None
    area = Canvas([(1, 3), (2, 1)]).area(torch.zeros(2, 1, 2, 3))
    assert area.shape == (2, 1, 2, 3)
    assert area.int().flatten().tolist() == [1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0]


# Noise in evaluation


def test_sigma_is_in_8_bit_units_of_any_head(plain_batch):
    for preprocessor in (dict(bgr_to_rgb=True, **NORM), dict(bgr_to_rgb=False)):
        data = build(GaussianNoise(60), **preprocessor)(plain_batch((200, 200)))
        assert noise_of(data)[0].std() * 255 == pytest.approx(60, rel=0.01)


@pytest.mark.parametrize(
    "noise", [GaussianNoise(40), GaussianNoise((0, 60)), PoissonGaussianNoise(30, 5)]
)
def test_evaluation_noise_is_an_images_own(plain_batch, noise):
    """Neither batch, order, padding, type, head nor repetition changes it."""
    batch = plain_batch((9, 13), (12, 10), (9, 13), (6, 7))
    reference = noise_of(build(noise)(copy.deepcopy(batch)))

    def check(others, tolerance=2e-6):
        for one, other in zip(reference, others):
            torch.testing.assert_close(
                one.double(), other.double(), atol=tolerance, rtol=0
            )

    model = build(noise)
    for _ in range(2):
        check(noise_of(model(copy.deepcopy(batch))), 0)
    alone = [
        noise_of(model({k: [v[i]] for k, v in copy.deepcopy(batch).items()}))[0]
        for i in range(4)
    ]
    check(alone, 0)
    backwards = model({k: v[::-1] for k, v in copy.deepcopy(batch).items()})
    check(noise_of(backwards)[::-1], 0)
    check(noise_of(build(noise).double()(copy.deepcopy(batch))))
    check(noise_of(build(noise, bgr_to_rgb=False)(copy.deepcopy(batch))))
    padded = dict(pad_size_divisor=32, pad_value=9, mean=[3.0] * 3, std=[7.0] * 3)
    check(noise_of(build(noise, **padded)(copy.deepcopy(batch))))
    moved = copy.deepcopy(batch)
    for sample in moved["data_samples"]:
        sample.set_metainfo(dict(img_path="another/folder.png"))
    torch.manual_seed(999)
    check(noise_of(build(noise)(moved)), 0)
    hub = MessageHub.get_current_instance()
    hub.update_info_dict(dict(seed=5, iter=77))
    check(noise_of(build(noise)(copy.deepcopy(batch))), 0)


def test_evaluation_noise_leaves_the_global_generator_alone(plain_batch):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    build(GaussianNoise(40))(plain_batch((9, 13)))
    assert torch.equal(torch.rand(3), expected)


def test_evaluation_noise_differs_between_images_and_seeds(plain_batch):
    batch = plain_batch((9, 13), (9, 13))
    nudged = copy.deepcopy(batch)
    nudged["inputs"][0][0, 0, 0] ^= 1
    noises = [
        *noise_of(build(GaussianNoise(40))(copy.deepcopy(batch))),
        *noise_of(build(GaussianNoise(40, seed=1))(copy.deepcopy(batch))),
        noise_of(build(GaussianNoise(40))(nudged))[0],
    ]
    for index, one in enumerate(noises):
        for other in noises[:index]:
            correlation = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))
            assert abs(correlation[0, 1]) < 0.25


def test_evaluation_noise_of_another_level_is_the_same_but_for_the_level(plain_batch):
    weak = noise_of(build(GaussianNoise(15))(plain_batch((9, 13))))[0]
    strong = noise_of(build(GaussianNoise(60))(plain_batch((9, 13))))[0]
    torch.testing.assert_close(weak * 4, strong, atol=2e-6, rtol=0)


def test_the_generator_depends_on_values_shape_and_seed(image):
    raw = image(4, 6)
    seeds = {
        evaluation_generator(raw, 0).initial_seed(),
        evaluation_generator(raw, 1).initial_seed(),
        evaluation_generator(raw.view(3, 6, 4), 0).initial_seed(),
        evaluation_generator(raw.float() + 0.5, 0).initial_seed(),
    }
    assert len(seeds) == 4
    strided = raw.transpose(1, 2).contiguous().transpose(1, 2)
    again = evaluation_generator(strided, 0).initial_seed()
    assert again == evaluation_generator(raw, 0).initial_seed()
    for dtype in (torch.float32, torch.float64):
        other = evaluation_generator(raw.to(dtype), 0).initial_seed()
        assert other == evaluation_generator(raw, 0).initial_seed()


def test_evaluation_noise_is_the_same_in_another_process():
    """No salted hash, no address: a number that was written down stays true."""
    raw = torch.arange(60, dtype=torch.uint8).view(3, 4, 5)
    assert evaluation_generator(raw, 0).initial_seed() == 8_724_467_860_547_348_833


@pytest.mark.parametrize(
    ("direction", "axes"),
    [("horizontal", (-1,)), ("vertical", (-2,)), ("diagonal", (-1, -2))],
)
def test_flipped_views_show_one_noisy_image(plain_batch, direction, axes):
    plain = plain_batch((9, 13))
    view = plain_batch((9, 13), flip=True, flip_direction=direction)
    view["inputs"] = [raw.flip(axes) for raw in view["inputs"]]
    for noise in (GaussianNoise(40), PoissonGaussianNoise(30, 5)):
        one = build(noise)(copy.deepcopy(plain))["inputs"]
        other = build(noise)(copy.deepcopy(view))["inputs"]
        assert torch.equal(one.flip(axes), other)


def test_rescaled_views_are_refused(plain_batch):
    model = build(GaussianNoise(40)).eval()
    model(plain_batch((8, 8), (9, 9)))
    model(plain_batch((8, 8), (9, 9), flip=True, flip_direction="vertical"))
    with pytest.raises(
        ValueError, match="'0.png' comes as a view of 16x16 after .* 8x8"
    ):
        model(plain_batch((16, 16), (18, 18)))
    # A loop that begins is no view of the last one; nor is anything in training.
    model.eval()
    model(plain_batch((8, 8), (9, 9)))
    model(plain_batch((16, 16), (18, 18)), True)
    model.train()
    model(plain_batch((16, 16), (18, 18)))
    unnamed = build(GaussianNoise(40))
    for side in (8, 16):
        batch = plain_batch((side, side))
        batch["data_samples"] = [BaseDataElement()]
        assert unnamed(batch)["inputs"].shape[-1] == side
    for side in (8, 16):
        assert build(None)(plain_batch((side, side)))["clean"] is None


def test_a_sample_that_was_not_flipped(plain_batch):
    plain = build(GaussianNoise(40))(plain_batch((9, 13)))
    told = build(GaussianNoise(40))(
        plain_batch((9, 13), flip=False, flip_direction=None)
    )
    assert torch.equal(plain["inputs"], told["inputs"])


def test_noise_lies_in_the_true_area_alone(seg_batch):
    batch = seg_batch((20, 30), (25, 18))
    model = build(
        GaussianNoise(60),
        type="SegDataPreProcessor",
        scope="mmseg",
        size=(32, 40),
        pad_val=7,
        **NORM,
    )
    data = model(batch, True)
    canvas = data["canvas"]
    head_input = canvas.place(model.head_input.from_image(data["inputs"]))
    changed = (head_input != canvas.frame).any(1, keepdim=True)
    area = canvas.area(canvas.frame)
    assert not (changed & ~area).any()
    assert (changed & area).sum() > 0.99 * area.sum()


# Noise in training


def train_noise(model, batch, **info):
    MessageHub.get_current_instance().update_info_dict(info)
    return torch.stack(noise_of(model(copy.deepcopy(batch), True)))


def test_training_noise_is_fresh_and_reproducible(plain_batch, monkeypatch):
    batch = plain_batch((40, 40), (40, 40))
    first = train_noise(build(GaussianNoise(40)), batch, seed=3, iter=10)
    again = train_noise(build(GaussianNoise(40)), batch, seed=3, iter=10)
    assert torch.equal(first, again)
    others = [
        train_noise(build(GaussianNoise(40)), batch, seed=3, iter=11),
        train_noise(build(GaussianNoise(40)), batch, seed=4, iter=10),
    ]
    with monkeypatch.context() as patch:
        patch.setattr("mmdenoise.models.noise_seeds.get_rank", lambda: 1)
        others.append(train_noise(build(GaussianNoise(40)), batch, seed=3, iter=10))
    others.append(torch.stack(noise_of(build(GaussianNoise(40))(batch))))
    # Also the same picture's, twice in a batch.
    twins = dict(inputs=[batch["inputs"][0]] * 2)
    others += list(train_noise(build(GaussianNoise(40)), twins, seed=5, iter=1))
    flat = [first, *others]
    for index, one in enumerate(flat):
        for other in flat[:index]:
            size = min(one.numel(), other.numel())
            pair = torch.stack([one.flatten()[:size], other.flatten()[:size]])
            assert abs(torch.corrcoef(pair)[0, 1]) < 0.08


def test_training_noise_resumes_with_the_iteration(plain_batch):
    """One process through iterations 4 to 6, another that starts at 6."""
    batch = plain_batch((8, 8))
    model = build(GaussianNoise(40))
    through = [train_noise(model, batch, seed=0, iter=i) for i in (4, 5, 6)]
    resumed = train_noise(build(GaussianNoise(40)), batch, seed=0, iter=6)
    assert torch.equal(through[-1], resumed)


def test_training_noise_is_fresh_without_a_runner(plain_batch):
    batch = plain_batch((8, 8))
    model = build(GaussianNoise(40))
    draws = [train_noise(model, batch) for _ in range(3)]
    assert not torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])


def test_training_noise_does_not_follow_the_global_generator(plain_batch):
    batch = plain_batch((8, 8))
    torch.manual_seed(1)
    first = train_noise(build(GaussianNoise(40)), batch, seed=0, iter=0)
    torch.manual_seed(2)
    assert torch.equal(
        first, train_noise(build(GaussianNoise(40)), batch, seed=0, iter=0)
    )


def test_blind_levels_differ_within_a_batch(plain_batch):
    batch = plain_batch(*[(30, 30)] * 6)
    for training in (True, False):
        data = build(GaussianNoise((0, 60)))(copy.deepcopy(batch), training)
        levels = [float(noise.std()) * 255 for noise in noise_of(data)]
        assert max(levels) - min(levels) > 10
        assert max(levels) < 64


# No noise


@pytest.mark.parametrize("noise", [GaussianNoise((5, 65)), PoissonGaussianNoise(30, 5)])
def test_training_takes_as_many_operations_for_any_batch(noise):
    """On a GPU a launch costs more than a patch of 48x48."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            # Views launch nothing.
            self.names += [] if func.is_view else [str(func)]
            return func(*args, **(kwargs or {}))

    names = []
    for count in (2, 64):
        inputs = torch.randint(0, 256, (count, 3, 8, 8), dtype=torch.uint8)
        model = build(noise, bgr_to_rgb=True)
        model(dict(inputs=inputs), True)  # the first batch is looked at more closely
        with Counter() as counter:
            model(dict(inputs=inputs), True)
        names.append(counter.names)
    assert names[0] == names[1]
    assert any("randn" in name for name in names[0])


def test_without_noise_nothing_is_added(plain_batch):
    batch = plain_batch((9, 13), (12, 10))
    data = build(None)(batch)
    assert data["clean"] is None
    for noisy, raw, (h, w) in zip(
        data["inputs"], batch["inputs"], data["canvas"].sizes
    ):
        torch.testing.assert_close(noisy[:, :h, :w], as_rgb(raw), atol=2e-6, rtol=0)


def test_a_paired_clean_image_takes_the_same_way(image, seg_batch):
    batch = seg_batch((20, 30), (25, 18))
    batch["clean"] = [image(20, 30, 70), image(25, 18, 71)]
    model = build(
        None,
        type="SegDataPreProcessor",
        scope="mmseg",
        size=(32, 40),
        bgr_to_rgb=True,
        **NORM,
    )
    expected = [as_rgb(raw) for raw in batch["clean"]]
    data = model(batch, True)
    assert data["clean"].shape == data["inputs"].shape == (2, 3, 25, 30)
    for clean, raw in zip(data["clean"], expected):
        h, w = raw.shape[-2:]
        torch.testing.assert_close(clean[:, :h, :w], raw, atol=2e-6, rtol=0)
    # Labels are padded once, not once for each of the two passes.
    assert data["data_samples"][0].gt_sem_seg.shape == (32, 40)


def test_pairs_and_simulated_noise_exclude_each_other(image):
    batch = dict(inputs=[image(4, 4)], clean=[image(4, 4, 1)])
    with pytest.raises(ValueError, match=r"GaussianNoise\(sigma=30.*set noise=None"):
        build(GaussianNoise(30))(batch)


def test_pairs_must_agree_in_size(image):
    with pytest.raises(ValueError, match="differs in size from its noisy one"):
        build()(dict(inputs=[image(4, 4)], clean=[image(4, 5)]))


def test_pairs_and_mixing_exclude_each_other(cls_batch):
    batch = cls_batch((8, 8), (8, 8))
    batch["clean"] = [raw.clone() for raw in batch["inputs"]]
    mixing = dict(
        type="ClsDataPreprocessor",
        scope="mmpretrain",
        num_classes=5,
        batch_augments=dict(augments=[dict(type="Mixup", alpha=0.8)]),
    )
    with pytest.raises(ValueError, match="batch augmentations .* noisy/clean pairs"):
        build(**mixing)(copy.deepcopy(batch), True)
    assert build(**mixing)(copy.deepcopy(batch), False)["clean"] is not None


def test_a_mixed_batch_is_clean_before_the_noise(cls_batch):
    model = build(
        GaussianNoise(30),
        type="ClsDataPreprocessor",
        scope="mmpretrain",
        num_classes=5,
        batch_augments=dict(augments=[dict(type="Mixup", alpha=0.8)]),
        **NORM,
    )
    data = model(cls_batch((60, 60), (60, 60), stacked=True), True)
    noise = data["inputs"] - data["clean"]
    assert noise.std() * 255 == pytest.approx(30, rel=0.03)
    frame = model.head_input.from_image(data["clean"])
    torch.testing.assert_close(frame, data["canvas"].frame, atol=1e-5, rtol=0)


def test_simulated_noise_is_told_once_and_in_evaluation_alone(plain_batch, caplog):
    logger = MMLogger.get_instance("test_simulated_noise")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.INFO):
        model = build(GaussianNoise(45))
        model(plain_batch((4, 4)), True)
        build(None)(plain_batch((4, 4)))
        assert "noise" not in caplog.text
        for _ in range(3):
            model(plain_batch((4, 4)))
    lines = [r.getMessage() for r in caplog.records if "simulated" in r.getMessage()]
    assert len(lines) == 1 and "\n" not in lines[0]
    assert "GaussianNoise(sigma=45.0)" in lines[0] and "noise=None" in lines[0]


# Bad input


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: (raw.float() - 120) / 58,
        lambda raw: raw.float() * 257,
        lambda raw: raw.float().index_fill(1, torch.tensor([0]), float("nan")),
    ],
)
@pytest.mark.parametrize("noise", [GaussianNoise(30), None])
def test_a_pipeline_that_normalises(plain_batch, spoil, noise):
    batch = plain_batch((9, 13))
    batch["inputs"] = [spoil(raw) for raw in batch["inputs"]]
    with pytest.raises(ValueError, match="the pipeline already normalises") as error:
        build(noise)(batch)
    assert "data_preprocessor" in str(error.value) and "\n" not in str(error.value)


def test_float_images_of_8_bit_values_are_fine(plain_batch):
    batch = plain_batch((9, 13))
    batch["inputs"] = [raw.float() for raw in batch["inputs"]]
    data = build(GaussianNoise(0))(batch)
    torch.testing.assert_close(
        data["clean"][0], as_rgb(batch["inputs"][0]), atol=2e-6, rtol=0
    )


@pytest.mark.parametrize("shape", [(1, 4, 4), (4, 4, 4), (4, 4), (4, 4, 3)])
def test_other_than_three_channels(shape):
    raw = torch.zeros(shape, dtype=torch.uint8)
    with pytest.raises(
        ValueError, match=r"has shape \(.*; the cascade takes \(3, H, W"
    ):
        build(GaussianNoise(30))(dict(inputs=[raw]))


def test_a_preprocessor_that_cuts(image):
    model = build(GaussianNoise(30))
    model.head_preprocessor.forward = lambda data, training: dict(
        inputs=torch.zeros(1, 3, 4, 4)
    )
    with pytest.raises(ValueError, match="made 4x4 of an image of 8x6: it may pad"):
        model(dict(inputs=[image(8, 6)], data_samples=[BaseDataElement()]))


# Preprocessors that do more than they are known to do


@MODELS.register_module(force=True)
class Unusual(BaseDataPreprocessor):
    """Does one thing that the cascade cannot undo."""

    def __init__(self, change, **attributes):
        super().__init__()
        self.change = change
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, data, training=False):
        frame = torch.stack([image.float() for image in data["inputs"]])
        return dict(data, inputs=self.change(frame))


UNUSUAL = {
    "scaled": lambda frame: frame / 255,
    "shifted": lambda frame: (frame * 0.9).clamp(0, 255),
    "enlarged": lambda frame: F.interpolate(frame, scale_factor=2),
    "padded left": lambda frame: F.pad(frame, (2, 0, 0, 0)),
    "mirrored": lambda frame: frame.flip(-1),
    "two channels": lambda frame: frame[:, [0, 2, 1]],
}


@pytest.mark.parametrize("kind", UNUSUAL)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("paired", [True, False])
def test_what_cannot_be_undone_is_refused(plain_batch, kind, training, paired):
    model = build(None, type="Unusual", change=UNUSUAL[kind])
    batch = plain_batch((8, 9))
    if paired:
        batch["clean"] = [raw.clone() for raw in batch["inputs"]]
    with pytest.raises(ValueError, match="Unusual does more with .*'0.png'.* levels"):
        model(batch, training)


def test_a_flat_image_proves_nothing():
    model = build(None, type="Unusual", change=UNUSUAL["scaled"])
    model(dict(inputs=[torch.zeros(3, 8, 9, dtype=torch.uint8)]), True)
    with pytest.raises(ValueError, match="Unusual does more"):
        model(dict(inputs=[torch.arange(0, 216).view(3, 8, 9).byte()]), True)


def test_a_mean_and_deviation_of_its_own_are_undone(plain_batch):
    model = build(
        None,
        type="Unusual",
        change=lambda frame: (frame - 100) / 50,
        _enable_normalize=True,
        mean=torch.tensor(100.0),
        std=torch.tensor(50.0),
    )
    batch = plain_batch((8, 9))
    found = model(batch, True)["inputs"][0]
    torch.testing.assert_close(found, as_rgb(batch["inputs"][0]), atol=2e-6, rtol=0)


def test_images_that_the_pipeline_scaled(image):
    batch = dict(inputs=[image(8, 9) / 255])
    with pytest.raises(ValueError, match=r"an image is scaled to \[0, 1\] by the pipe"):
        build(GaussianNoise(30), bgr_to_rgb=True)(batch, True)


def test_batch_augmentations_that_are_not_known(cls_batch):
    class Shrink:
        """It changes the images' size."""

    model = build(
        None, type="ClsDataPreprocessor", scope="mmpretrain", num_classes=5, **NORM
    )
    model.head_preprocessor.batch_augments = Shrink()
    with pytest.raises(ValueError, match="batch augmentation Shrink, .* Mixup, CutMix"):
        model(cls_batch((8, 8), (8, 8)), True)
