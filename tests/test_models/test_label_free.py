"""target='head': L_H against the head's own output on the clean image."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmengine.runner import Runner

from mmdenoise.models.joint_loss import JointLoss
from mmdenoise.models.loss_terms import divergence
from mmdenoise.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")
ROOT = Path(__file__).parents[2]
LABEL_FREE = dict(perceptual=0, task=0.5, reconstruction=0, target="head")


@MODELS.register_module(force=True)
class TaskHead(BaseModel):
    """Returns what it is told to in its tensor mode."""

    def __init__(self, kind="map"):
        super().__init__(ImgDataPreprocessor(bgr_to_rgb=True))
        self.kind = kind
        self.conv = torch.nn.Conv2d(3, 4, 1)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        assert mode == "tensor", "labels play no part"
        found = self.conv(inputs / 255)
        if self.kind == "several":
            return dict(depth=found[:, :1], normals=[found[:, 1:]])
        return ["a", "b"] if self.kind == "words" else found


def test_divergence_by_hand():
    """p = (3/4, 1/4) against q = (1/2, 1/2), in nats."""
    ours = torch.zeros(1, 2)
    theirs = torch.tensor([[3.0, 1.0]]).log()
    expected = 0.75 * torch.tensor(1.5).log() + 0.25 * torch.tensor(0.5).log()
    torch.testing.assert_close(divergence(ours, theirs, 1.0), expected)
    # T = 2 softens 9:1 to 3:1; the factor is T^2.
    found = divergence(ours, torch.tensor([[9.0, 1.0]]).log(), 2.0)
    torch.testing.assert_close(found, 4 * expected)
    assert divergence(theirs, theirs, 3.0) == 0
    # A shift of all logits is no other distribution.
    assert divergence(theirs + 5, theirs, 1.0).abs() < 1e-6
    half = divergence(ours.half(), theirs.half(), 1.0)
    assert half.dtype == torch.float32 and half == pytest.approx(float(expected), 1e-3)


def test_divergence_over_an_area_by_hand():
    logits = torch.zeros(2, 2, 1, 4)
    target = logits.clone()
    target[0, 0, 0, 0] = target[1, 0, 0, 3] = torch.tensor(3.0).log()
    one = divergence(logits[:1, :, 0, 0], target[:1, :, 0, 0], 1.0)
    area = torch.ones(2, 1, 1, 4, dtype=torch.bool)
    area[1, ..., 3] = False  # padding
    found = divergence(logits, target, 1.0, area)
    torch.testing.assert_close(found, (one / 4 + 0) / 2)
    torch.testing.assert_close(divergence(logits, target, 1.0), one / 4)


def test_what_has_no_classes():
    one = torch.zeros(2, 1, 4, 4)
    with pytest.raises(ValueError, match="one channel, .* set temperature=None"):
        divergence(one, one, 1.0)
    with pytest.raises(ValueError, match="must have one shape"):
        divergence(torch.zeros(2, 3), torch.zeros(2, 4), 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(target="teacher"), "target must be 'labels' or 'head', got 'teacher'"),
        (dict(temperature=0), "temperature must be finite and above 0, or None; got 0"),
        (dict(temperature=float("nan")), "temperature must be finite"),
        (dict(temperature="hot"), "temperature must be finite"),
        (dict(task="abc"), "loss weight task must be finite and not negative, got 'ab"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ValueError, match=words):
        JointLoss(**options)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("labelled", [True, False])
def test_a_segmentor_by_hand(
    seg_head, seg_batch, plain_batch, make_cascade, forward, temperature, labelled
):
    loss = dict(LABEL_FREE, temperature=temperature)
    model = make_cascade(seg_head, "pointwise", loss=loss)
    batch = (seg_batch if labelled else plain_batch)((48, 56), (48, 56))
    data = model.data_preprocessor(batch, True)
    terms = model(**data, mode="loss")
    assert set(terms) == {"loss_task", "task"}
    with torch.no_grad():
        ours, theirs = (
            model.head(model.frozen_head.input.from_image(image)).div(temperature)
            for image in (model.denoiser(data["inputs"]), data["clean"])
        )
    ours, theirs = ours.log_softmax(1), theirs.log_softmax(1)
    expected = temperature**2 * (theirs.exp() * (theirs - ours)).sum(1).mean()
    assert expected > 0.01
    torch.testing.assert_close(terms["task"], expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(terms["loss_task"], 0.5 * expected, rtol=1e-4, atol=0)
    terms["loss_task"].backward()
    assert model.denoiser.gain.grad.abs().min() > 0
    assert all(p.grad is None for p in model.head.parameters())


def test_a_classifier_by_hand(cls_head, cls_batch, make_cascade):
    model = make_cascade(
        cls_head, "pointwise", loss=LABEL_FREE, kind="CascadeClassifier"
    )
    data = model.data_preprocessor(cls_batch((32, 32), (32, 32)), True)
    found = model(**data, mode="loss")["task"]
    with torch.no_grad():
        ours, theirs = (
            model.head(model.frozen_head.input.from_image(image)).log_softmax(1)
            for image in (model.denoiser(data["inputs"]), data["clean"])
        )
    expected = (theirs.exp() * (theirs - ours)).sum(1).mean()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_squared_errors_of_any_tensors(plain_batch, make_cascade):
    loss = dict(LABEL_FREE, temperature=None)
    head = dict(type="mmdenoise.TaskHead", kind="several")
    rgb = dict(head_channel_order="rgb", kind="Cascade")
    model = make_cascade(head, "pointwise", loss=loss, **rgb)
    data = model.data_preprocessor(plain_batch((8, 9), (8, 9)), True)
    found = model(**data, mode="loss")["task"]
    with torch.no_grad():
        error = model.head.conv(model.denoiser(data["inputs"]) - data["clean"])
        error = error - model.head.conv.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(found, error.square().sum(1).mean())


def test_padding_plays_no_part(plain_batch, make_cascade):
    """The loss of images padded together is the mean of theirs alone."""
    model = make_cascade(
        dict(type="mmdenoise.TaskHead"), "pointwise", loss=LABEL_FREE, kind="Cascade"
    )
    data = model.data_preprocessor(plain_batch((8, 9), (5, 6)), True)
    found = model(**data, mode="loss")["task"]
    alone = []
    for index, (h, w) in enumerate(data["canvas"].sizes):
        noisy, clean = (
            data[name][index : index + 1, :, :h, :w] for name in ("inputs", "clean")
        )
        alone.append(model(noisy, clean=clean, mode="loss")["task"])
    torch.testing.assert_close(found, sum(alone) / 2)


def test_one_pass_gives_both_terms(seg_head, plain_batch, make_cascade, forward):
    loss = dict(perceptual=1e-3, task=0.1, target="head")
    model = make_cascade(seg_head, "pointwise", loss=loss, tap="backbone.layer2")
    passes = []
    model.head.backbone.layer4.register_forward_hook(lambda *_: passes.append(1))
    terms = forward(model, plain_batch((48, 56)), "loss", training=True)
    assert len(passes) == 2, "the denoised image, and the clean one"
    apart = dict(LABEL_FREE, reconstruction=1)
    other = make_cascade(seg_head, "pointwise", loss=apart)
    torch.testing.assert_close(
        terms["task"],
        forward(other, plain_batch((48, 56)), "loss", training=True)["task"],
    )
    labels = dict(perceptual=1e-3, task=0, reconstruction=0)
    other = make_cascade(seg_head, "pointwise", loss=labels, tap="backbone.layer2")
    torch.testing.assert_close(
        terms["perceptual"],
        forward(other, plain_batch((48, 56)), "loss", training=True)["perceptual"],
    )


def test_the_identity_agrees_with_itself(seg_head, plain_batch, make_cascade, forward):
    model = make_cascade(seg_head, "identity", sigma=0, loss=LABEL_FREE)
    terms = forward(model, plain_batch((33, 45), (40, 29)), "loss", training=True)
    assert terms["task"] < 1e-7


def test_heads_without_tensors_are_refused_by_name(plain_batch, make_cascade, forward):
    head = dict(type="mmdenoise.TaskHead", kind="words")
    model = make_cascade(head, "pointwise", loss=LABEL_FREE, kind="Cascade")
    with pytest.raises(ValueError, match="the head, TaskHead, returns list and no te"):
        forward(model, plain_batch((8, 9)), "loss", training=True)


def test_without_a_clean_image_it_is_said(plain_batch, make_cascade, forward):
    model = make_cascade(
        dict(type="mmdenoise.TaskHead"),
        "pointwise",
        sigma=None,
        loss=LABEL_FREE,
        kind="Cascade",
    )
    with pytest.raises(ValueError, match="need a clean image: with noise=None"):
        forward(model, plain_batch((8, 9)), "loss", training=True)


@pytest.mark.parametrize("task", ["segmentor", "classifier"])
def test_the_configs_train_on_a_folder(task, world, cls_head, tmp_path):
    """Whole: trained two iterations and validated, from images alone."""
    cfg = Config.fromfile(
        ROOT / "configs" / f"cascade_own_{task}_label_free_sigma60.py"
    )
    head = (world.head, world.head_checkpoint) if task == "segmentor" else cls_head
    cfg.model.head, cfg.model.head_checkpoint = head
    cfg.model.denoiser = dict(type="mmdenoise.PointwiseDenoiser")
    cfg.model.denoiser_checkpoint = None
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = f"{world.data}/JPEGImages"
        loader.num_workers, loader.persistent_workers = 0, False
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.work_dir, cfg.log_level = str(tmp_path), "ERROR"
    runner = Runner.from_cfg(cfg)
    before = runner.model.denoiser.gain.detach().clone()
    runner.train()
    assert not torch.equal(runner.model.denoiser.gain, before)
    logged = runner.message_hub.get_scalar("train/task").current()
    assert logged > 0
    assert runner.message_hub.get_scalar("val/PSNR").current() > 10
