"""MMPretrain's stock classifiers as heads, configs by path, preprocessors at top level.

Small ones of each kind; the batch augmentations of a head's own preprocessor as well.
"""

import copy

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from torch import nn

pytest.importorskip("mmpretrain")

CLASSES = 5
# As MMPretrain's _base_/datasets/imagenet_bs32.py has it.
PREPROCESSOR = dict(
    num_classes=CLASSES,
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    to_rgb=True,
)
POOLING = dict(type="GlobalAveragePooling")


def linear(channels, **more):
    loss = dict(type="CrossEntropyLoss", loss_weight=1.0)
    head = dict(type="LinearClsHead", num_classes=CLASSES, in_channels=channels)
    return dict(head, loss=loss, topk=(1,), **more)


# Backbone, neck, head, and a tap.
STOCK = dict(
    vgg16=(
        # Its first three stages, up to relu3_3 and a pooling.
        dict(type="VGG", depth=16, num_stages=3, dilations=(1, 1, 1), out_indices=(2,)),
        POOLING,
        linear(256),
        "backbone.features.8",
    ),
    resnet50=(
        dict(type="ResNet", depth=50, base_channels=8, stem_channels=8),
        POOLING,
        linear(256),
        "backbone.layer2",
    ),
    mobilenet_v2=(
        dict(type="MobileNetV2", widen_factor=0.5),
        POOLING,
        linear(1280),
        "backbone.layer3",
    ),
    vit=(
        dict(
            type="VisionTransformer",
            arch=dict(
                embed_dims=32, num_layers=3, num_heads=4, feedforward_channels=64
            ),
            img_size=64,
            patch_size=16,
            drop_rate=0.1,
            drop_path_rate=0.1,
        ),
        None,
        dict(linear(32), type="VisionTransformerClsHead"),
        "backbone.layers.1",
    ),
    swin=(
        dict(
            type="SwinTransformer",
            arch=dict(embed_dims=16, depths=[1] * 4, num_heads=[2] * 4),
            img_size=64,
            window_size=2,
        ),
        POOLING,
        linear(128),
        "backbone.stages.0",
    ),
)


@pytest.fixture(scope="module")
def calibrated(image):
    """Give BN the statistics of what it sees, so that no logit saturates."""

    def calibrate(model):
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.momentum = None
        images = [image(64, 64, 900 + index) for index in range(16)]
        batch = model.data_preprocessor(dict(inputs=images))
        with torch.no_grad():
            model.train().extract_feat(batch["inputs"])
        return model.eval()

    return calibrate


@pytest.fixture(scope="module")
def stock(tmp_path_factory, trained, calibrated):
    """Write a stock config and its checkpoint; return both paths and the bare head."""

    def make(name="resnet50", **preprocessor):
        backbone, neck, head, _ = STOCK[name]
        preprocessor = dict(PREPROCESSOR, **preprocessor)
        model = dict(type="ImageClassifier", backbone=backbone, neck=neck, head=head)
        whole = dict(
            default_scope="mmpretrain",
            data_preprocessor=preprocessor,
            model=model,
            # Also there in stock configs, and no business of a cascade's.
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            default_hooks=dict(timer=dict(type="IterTimerHook")),
        )
        folder = tmp_path_factory.mktemp(name)
        config, weights = str(folder / "head.py"), str(folder / "head.pth")
        Config(copy.deepcopy(whole)).dump(config)
        assert "data_preprocessor" not in Config.fromfile(config).model
        preprocessor["type"] = "ClsDataPreprocessor"
        scoped = dict(model, _scope_="mmpretrain", data_preprocessor=preprocessor)
        bare = calibrated(trained(scoped))
        torch.save(dict(meta={}, state_dict=bare.state_dict()), weights)
        return (config, weights), bare

    return make


def state_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


def close(ours, theirs):
    """Promise 12, in float32."""
    assert ours.shape == theirs.shape and theirs.abs().max() > 0
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def logits_of(output):
    """Some heads return their last layer in a tuple."""
    return output[-1] if isinstance(output, tuple) else output


@pytest.mark.parametrize("name", STOCK)
def test_the_identity_cascade_is_the_head(
    name, stock, cls_batch, make_cascade, forward
):
    given, bare = stock(name)
    model = make_cascade(given, "identity", sigma=0, kind="CascadeClassifier").eval()
    batch = cls_batch((64, 64), (64, 64), (64, 64))
    ours, theirs = (forward(m, batch, "tensor") for m in (model, bare))
    ours, theirs = logits_of(ours), logits_of(theirs)
    close(ours, theirs)
    assert theirs.std(0).max() > 1e-3 * theirs.abs().max(), "images are told apart"
    found = model.test_step(copy.deepcopy(batch))
    expected = bare.test_step(copy.deepcopy(batch))
    for our, their in zip(found, expected):
        close(our.pred_score, their.pred_score)
        assert our.pred_label == their.pred_label


@pytest.mark.parametrize("name", STOCK)
def test_a_joint_step_leaves_the_head_alone(name, stock, cls_batch, make_cascade):
    given, _ = stock(name)
    loss = dict(perceptual=0.01, task=0.1)
    kind = "CascadeClassifier"
    model = make_cascade(given, kind=kind, tap=STOCK[name][-1], loss=loss).train()
    frozen, before = state_of(model.head), state_of(model.denoiser)
    optimizer = torch.optim.SGD(model.denoiser.parameters(), lr=0.01)
    batch = cls_batch((64, 64), (64, 64))
    logged = model.train_step(batch, OptimWrapper(optimizer))
    assert logged["perceptual"] > 0 and logged["task"] > 0
    assert same(frozen, model.head.state_dict())
    assert not torch.equal(before["stem.weight"], model.denoiser.stem.weight)


# Batch augmentations of the head's own preprocessor


def augmented(kind):
    return dict(augments=dict(type=kind, alpha=1.0))


def seeded(preprocessor, batch, seed):
    """The augmentations draw from both."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    return preprocessor(copy.deepcopy(batch), True)


@pytest.mark.parametrize("kind", ["Mixup", "CutMix", "ResizeMix"])
def test_images_and_labels_are_mixed_alike(kind, stock, cls_batch, make_cascade):
    given, bare = stock(batch_augments=augmented(kind))
    model = make_cascade(given, sigma=60, kind="CascadeClassifier", denoiser="identity")
    batch = cls_batch((64, 64), (64, 64), (64, 64), (64, 64))
    mixed = 0
    for seed in range(4):
        data = seeded(model.data_preprocessor, batch, seed)
        expected = seeded(bare.data_preprocessor, batch, seed)
        close(model.frozen_head.input.from_image(data["clean"]), expected["inputs"])
        for our, their in zip(data["data_samples"], expected["data_samples"]):
            assert torch.equal(our.gt_score, their.gt_score)
            assert our.gt_score.sum() == pytest.approx(1, abs=1e-6)
            mixed += bool((our.gt_score > 0).sum() == 2)
        # The noise comes after, and is nobody's mixture.
        noise = data["inputs"] - data["clean"]
        assert noise.std() * 255 == pytest.approx(60, rel=0.02)
        assert noise.mean().abs() * 255 < 2
    assert mixed >= 6
    # And nothing is mixed in evaluation.
    data = model.data_preprocessor(copy.deepcopy(batch), False)
    plain = torch.stack(batch["inputs"]).flip(1) / 255
    torch.testing.assert_close(data["clean"], plain, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["Mixup", "CutMix"])
def test_the_task_loss_has_the_mixed_labels(kind, stock, cls_batch, make_cascade):
    given, bare = stock(batch_augments=augmented(kind))
    loss = dict(perceptual=0, task=1)
    model = make_cascade(
        given, "identity", sigma=0, kind="CascadeClassifier", loss=loss
    )
    batch = cls_batch((64, 64), (64, 64), (64, 64), (64, 64))
    data = seeded(model.data_preprocessor, batch, 1)
    terms = model(**data, mode="loss")
    expected = bare(**seeded(bare.data_preprocessor, batch, 1), mode="loss")
    close(terms["task"], expected["loss"])
    assert terms["reconstruction"] == 0, "L_D compares with the mixture"
    assert all((s.gt_score > 0).sum() == 2 for s in data["data_samples"][:2])


@pytest.mark.parametrize("kind", ["Mixup", "CutMix"])
def test_the_head_stays_as_it_is_under_batch_augmentations(
    kind, stock, cls_batch, make_cascade
):
    given, _ = stock(batch_augments=augmented(kind))
    loss = dict(perceptual=0.01, task=0.1)
    model = make_cascade(
        given, kind="CascadeClassifier", tap="backbone.layer2", loss=loss
    ).train()
    frozen = state_of(model.head)
    optimizer = OptimWrapper(torch.optim.SGD(model.denoiser.parameters(), lr=0.01))
    for seed in range(3):
        logged = model.train_step(cls_batch((64, 64), (64, 64), seed=seed), optimizer)
        assert all(logged[name].isfinite() for name in ("perceptual", "task"))
    assert same(frozen, model.head.state_dict())


def test_pairs_and_batch_augmentations_are_refused(
    stock, cls_batch, image, make_cascade
):
    given, _ = stock(batch_augments=augmented("Mixup"))
    model = make_cascade(given, sigma=None, kind="CascadeClassifier")
    batch = cls_batch((64, 64), (64, 64))
    batch["clean"] = [image(64, 64, 7), image(64, 64, 8)]
    with pytest.raises(ValueError, match="batch augmentations would mix noisy and cle"):
        model.data_preprocessor(batch, True)
