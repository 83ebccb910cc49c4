"""Heads of tasks that the code never names: they are trained through, and predict.

Three of them: a depth estimator of MMSegmentation's, a multi-label classifier of
MMPretrain's, and a plain MMEngine model that knows neither host.
"""

import copy
import functools

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement, PixelData
from torch import nn

from mmdenoise.registry import MODELS

CLASSES = 5
SIZE = (64, 96)
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
BACKBONE = dict(type="ResNet", depth=18, base_channels=16, stem_channels=16)


def depth_config():
    """MMSegmentation's VPD head on a narrow ResNet-18."""
    pytest.importorskip("mmseg")
    return dict(
        type="DepthEstimator",
        _scope_="mmseg",
        data_preprocessor=dict(
            type="SegDataPreProcessor", mean=MEAN, std=STD, bgr_to_rgb=True, size=SIZE
        ),
        backbone=dict(**BACKBONE, strides=(1, 2, 2, 2)),
        decode_head=dict(
            type="VPDDepthHead",
            in_channels=[16, 32, 64, 128],
            embed_dim=4,
            feature_dim=32,
            num_deconv_filters=(8, 8, 8),
        ),
        test_cfg=dict(mode="whole"),
    )


def depth_batch(image):
    from mmseg.structures import SegDataSample

    samples = []
    for index in range(2):
        sample = SegDataSample(metainfo=dict(ori_shape=SIZE, img_shape=SIZE))
        depth = torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(index))
        sample.gt_depth_map = PixelData(data=0.5 + 9 * depth)
        samples.append(sample)
    return dict(inputs=[image(*SIZE, i) for i in range(2)], data_samples=samples)


def multi_label_config():
    """MMPretrain's linear head with a sigmoid for each class."""
    pytest.importorskip("mmpretrain")
    return dict(
        type="ImageClassifier",
        _scope_="mmpretrain",
        data_preprocessor=dict(
            type="ClsDataPreprocessor",
            mean=MEAN,
            std=STD,
            to_rgb=True,
            to_onehot=True,
            num_classes=CLASSES,
        ),
        backbone=dict(**BACKBONE, out_indices=(3,)),
        neck=dict(type="GlobalAveragePooling"),
        head=dict(type="MultiLabelLinearClsHead", num_classes=CLASSES, in_channels=128),
    )


def multi_label_batch(image):
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(labels) for labels in ([0, 3], [1, 2, 4])]
    return dict(inputs=[image(*SIZE, i) for i in range(2)], data_samples=samples)


@MODELS.register_module(force=True)
class HueRegressor(BaseModel):
    """Predicts one number; its batches hold neither labels nor masks."""

    def __init__(self, data_preprocessor):
        super().__init__(data_preprocessor)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3)
        )
        self.value = nn.Linear(8, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        values = self.value(self.layers(inputs).mean((2, 3)))
        if mode == "tensor":
            return values
        if mode == "loss":
            truth = torch.stack([sample.hue for sample in data_samples])
            return dict(loss_hue=F.mse_loss(values[:, 0], truth))
        for sample, value in zip(data_samples, values):
            sample.pred_hue = value
        return data_samples


def regressor_config():
    return dict(
        type="mmdenoise.HueRegressor",
        data_preprocessor=dict(
            type="mmengine.ImgDataPreprocessor", mean=MEAN, std=STD, rgb_to_bgr=True
        ),
    )


def regressor_batch(image):
    samples = [BaseDataElement(hue=torch.tensor(0.3 * i)) for i in range(2)]
    return dict(inputs=[image(*SIZE, i) for i in range(2)], data_samples=samples)


# Config, batch, tap, the head's own loss, and what it predicts of a sample.
TASKS = dict(
    depth=(
        depth_config,
        depth_batch,
        "backbone.layer2",
        "decode.loss_silog",
        lambda sample: sample.pred_depth_map.data,
    ),
    multi_label=(
        multi_label_config,
        multi_label_batch,
        "backbone.layer2",
        "loss",
        lambda sample: sample.pred_score,
    ),
    regression=(
        regressor_config,
        regressor_batch,
        "layers.0",
        "loss_hue",
        lambda sample: sample.pred_hue,
    ),
)


@pytest.fixture(params=TASKS)
def task(request, trained, image, tmp_path):
    """A task's model config and checkpoint, the bare head, a batch, and the rest."""
    config, batch, *rest = TASKS[request.param]
    head = trained(config())
    weights = str(tmp_path / "head.pth")
    torch.save(head.state_dict(), weights)
    return (config(), weights), head, functools.partial(batch, image), *rest


def state_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


def test_it_trains_the_denoiser_and_nothing_else(task, make_cascade):
    given, _, batch, tap, _, _ = task
    loss = dict(perceptual=0.01, task=0.1)
    model = make_cascade(given, kind="Cascade", tap=tap, loss=loss)
    optimizer = torch.optim.SGD(model.denoiser.parameters(), lr=0.01)
    frozen, before = state_of(model.head), state_of(model.denoiser)
    model.train()
    logged = model.train_step(batch(), OptimWrapper(optimizer))
    assert all(logged[f"loss_{name}"] > 0 for name in ("perceptual", "task"))
    assert same(frozen, model.head.state_dict())
    after = model.denoiser.state_dict()
    for name in ("stem.weight", "output.weight"):
        assert not torch.equal(before[name], after[name]), name


def test_the_task_reaches_the_denoiser_by_itself(task, make_cascade, forward):
    """L_H alone, through a head the cascade knows nothing of."""
    given, _, batch, _, _, _ = task
    loss = dict(perceptual=0, task=1, reconstruction=0)
    model = make_cascade(given, kind="Cascade", loss=loss)
    model.parse_losses(forward(model, batch(), "loss", training=True))[0].backward()
    assert all(p.grad is None for p in model.head.parameters())
    gradients = [p.grad for p in model.denoiser.parameters()]
    assert all(g is not None and g.isfinite().all() and g.any() for g in gradients)


def test_it_predicts_and_hands_over_the_images(task, make_cascade):
    given, _, batch, _, _, predicted = task
    model = make_cascade(given, kind="Cascade").eval()
    samples = model.test_step(batch())
    assert len(samples) == 2
    for sample in samples:
        assert predicted(sample).isfinite().all()
        for name in ("denoised", "noisy", "clean"):
            assert sample.get(name).shape == (3, *SIZE)
    assert not torch.equal(samples[0].noisy, samples[0].clean)
    assert not torch.equal(predicted(samples[0]), predicted(samples[1]))


def close(ours, theirs):
    """Promise 12, in float32."""
    assert ours.shape == theirs.shape and theirs.abs().max() > 0
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_the_identity_cascade_is_the_head(task, make_cascade, forward):
    given, head, batch, _, loss_key, predicted = task
    model = make_cascade(given, "identity", sigma=0, kind="Cascade").eval()
    for ours, theirs in zip(model.test_step(batch()), head.test_step(batch())):
        close(predicted(ours), predicted(theirs))
    close(forward(model, batch(), "tensor"), forward(head, batch(), "tensor"))
    terms = forward(model, batch(), "loss", training=True)
    expected = forward(copy.deepcopy(head), batch(), "loss", training=True)
    close(terms["task"], expected[loss_key])
