"""The paper's segmentation cascade, as configured: DeepLab-LargeFOV, Liu et al.'s run.

The networks are those of the configs with few channels, the images of full size.
"""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, init_default_scope

from mmdenoise.registry import MODELS

ROOT = Path(__file__).parents[1]
FC = 8
NARROW = {
    "backbone.base_channels": 4,
    "backbone.fc_channels": FC,
    "backbone.init_cfg": None,
    "decode_head.in_channels": FC,
    "decode_head.channels": FC,
}
# What half a weight of 5e-9 on the sum over 322 x 322 positions of squares in 8-bit
# units makes of a mean over positions of squares in [0, 1].
RELEASE = 5e-9 / 2 * 322**2 * 255**2


def read(name):
    return Config.fromfile(ROOT / "configs" / f"{name}.py")


@pytest.fixture(scope="module")
def narrow_head(tmp_path_factory, trained):
    """The shipped head with few channels: its config's path, its weights' path."""
    folder = tmp_path_factory.mktemp("head")
    cfg = read("deeplab_largefov_voc12aug")
    cfg.merge_from_dict({f"model.{key}": value for key, value in NARROW.items()})
    init_default_scope("mmseg")
    head = trained(copy.deepcopy(cfg.model))
    torch.save(dict(state_dict=head.state_dict()), folder / "head.pth")
    cfg.dump(folder / "head.py")
    return str(folder / "head.py"), str(folder / "head.pth")


@pytest.fixture
def bare(narrow_head):
    model = MODELS.build(Config.fromfile(narrow_head[0]).model)
    model.load_state_dict(torch.load(narrow_head[1], weights_only=True)["state_dict"])
    return model


@pytest.fixture
def cascade(narrow_head):
    """Build the shipped cascade around that head."""

    def build(**changes):
        model = read("cascade_deeplab_sigma60").model
        model.head, model.head_checkpoint = narrow_head
        model.denoiser.update(encoder_channels=8, decoder_channels=8, stem_channels=4)
        model.denoiser_checkpoint = None
        for key, value in changes.items():
            model[key] = value  # update() would merge
        torch.manual_seed(3)
        return MODELS.build(model)

    return build


def identity(cascade, **changes):
    return cascade(
        denoiser=dict(type="mmdenoise.IdentityDenoiser"),
        noise=dict(type="mmdenoise.GaussianNoise", sigma=0),
        **changes,
    )


def close(ours, theirs):
    """Promise 12: 1e-10 in float64, 1e-5 of the largest |logit| in float32."""
    largest = theirs.abs().max()
    assert largest > 0.1, "logits that could differ"
    bound = 1e-10 if ours.dtype == torch.float64 else 1e-5
    assert (ours - theirs).abs().max() <= bound * largest


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("size", [(375, 500), (96, 96)])
def test_the_identity_cascade_is_the_head(
    size, dtype, cascade, bare, seg_batch, forward
):
    model = identity(cascade).to(dtype).eval()
    bare = bare.to(dtype).eval()
    shapes = []
    model.head.backbone.register_forward_pre_hook(
        lambda module, args: shapes.append(tuple(args[0].shape[-2:]))
    )
    batch = seg_batch(size)
    (ours,), (theirs,) = (forward(m, batch, "predict") for m in (model, bare))
    assert ours.seg_logits.data.shape == (21, *size)
    close(ours.seg_logits.data, theirs.seg_logits.data)
    if dtype == torch.float64:
        assert torch.equal(ours.pred_sem_seg.data, theirs.pred_sem_seg.data)
    tensors = [forward(m, batch, "tensor") for m in (model, bare)]
    assert tensors[0].shape == (1, 21, 65, 65)
    close(*tensors)
    assert shapes == [(513, 513)] * 2, "padded as the release does, not resized"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_identity_cascade_has_the_heads_loss(
    dtype, cascade, bare, seg_batch, forward
):
    loss = dict(type="mmdenoise.JointLoss", perceptual=1, task=1)
    model = identity(cascade, loss=loss).to(dtype)
    bare = bare.to(dtype).eval()  # dropout off, as in the frozen head
    # A whole crop, and one of an image that is smaller.
    batch = seg_batch((321, 321), (200, 321))
    terms = forward(model, batch, "loss", training=True)
    theirs = forward(bare, batch, "loss", training=True)
    torch.testing.assert_close(terms["loss_task"], theirs["decode.loss_ce"])
    assert terms["loss_perceptual"] == 0 and terms["reconstruction"] < 1e-12


def test_the_heads_grid_lies_at_every_eighth_pixel(bare, seg_batch, forward):
    bare = bare.double().eval()
    batch = seg_batch((97, 130))
    (grid,) = forward(bare, batch, "tensor")
    (prediction,) = forward(bare, batch, "predict")
    logits = prediction.seg_logits.data
    assert logits.shape == (21, 97, 130)
    torch.testing.assert_close(logits[:, ::8, ::8], grid[:, :13, :17])


def test_the_heads_loss_is_a_mean_over_labelled_pixels(bare, seg_batch, forward):
    bare = bare.double().eval()
    batch = seg_batch((321, 321), (200, 321), ignore=0.4)
    losses = forward(bare, batch, "loss", training=True)
    data = bare.data_preprocessor(copy.deepcopy(batch), True)
    logits = F.interpolate(
        bare(data["inputs"]), (321, 321), mode="bilinear", align_corners=True
    )
    labels = torch.cat([sample.gt_sem_seg.data for sample in data["data_samples"]])
    assert (labels == 255).sum() > 321 * 121, "padding, too, is not labelled"
    expected = F.cross_entropy(logits, labels, ignore_index=255)
    torch.testing.assert_close(losses["decode.loss_ce"], expected)


def test_the_tap_is_relu3_3(cascade, seg_batch, forward):
    model = cascade()
    assert model.frozen_head.tap.name == "backbone.features.8"
    stage = [
        name
        for name, layer in model.head.backbone.features.named_children()
        if getattr(layer, "out_channels", None) == 4 * NARROW["backbone.base_channels"]
    ]
    assert stage[2] == model.frozen_head.tap.name.rpartition(".")[2], (
        "the third conv of stage 3"
    )
    seen = []
    model.head.backbone.features[8].activate.register_forward_hook(
        lambda module, args, output: seen.append(output.clone())
    )
    terms = forward(model, seg_batch((321, 321)), "loss", training=True)
    clean, denoised = seen  # phi(x~), then the pass that L_H shares
    assert clean.shape == (1, 16, 81, 81) and clean.min() == 0
    error = (clean - denoised).square().sum(1).mean()
    torch.testing.assert_close(terms["perceptual"], error.detach())


def test_the_gradient_goes_through_the_head_to_the_denoiser(
    cascade, seg_batch, forward
):
    model = cascade(loss=dict(type="mmdenoise.JointLoss", reconstruction=0, task=1))
    terms = forward(model, seg_batch((321, 321)), "loss", training=True)
    terms["loss_task"].backward()
    assert model.denoiser.output.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.head.parameters())


def test_numbers_are_the_releases_in_our_unit():
    """The loss times 1/s, hence SGD's rate times s and its decay times 1/s."""
    assert RELEASE == pytest.approx(16.855, abs=1e-3)
    cfg = read("cascade_deeplab_sigma60")
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == "SGD" and optimizer.momentum == 0.9
    assert optimizer.lr == pytest.approx(1e-3 * RELEASE, rel=5e-3)
    assert optimizer.weight_decay == pytest.approx(5e-4 / RELEASE, rel=5e-3)
    assert cfg.model.loss.task == pytest.approx(1 / RELEASE, rel=1e-3)
    assert cfg.train_dataloader.batch_size == 6
    assert cfg.train_cfg.max_iters == 60_000


def test_sgd_follows_the_path_of_the_releases_loss(cascade, seg_batch, forward):
    """Three steps in either unit: the same weights, within the rounding of 0.0169."""
    wrapper = read("cascade_deeplab_sigma60").optim_wrapper
    released = copy.deepcopy(wrapper)
    released.optimizer.update(lr=1e-3, weight_decay=5e-4)
    task = read("cascade_deeplab_sigma60").model.loss.task
    moved = []
    for cfg, weights in (
        (wrapper, dict(reconstruction=1, task=task)),
        (released, dict(reconstruction=RELEASE, task=1)),
    ):
        loss = dict(type="mmdenoise.JointLoss", perceptual=0, **weights)
        noise = dict(type="mmdenoise.GaussianNoise", sigma=0)
        model = cascade(loss=loss, noise=noise).double()
        start = torch.cat([p.detach().flatten() for p in model.denoiser.parameters()])
        optimizer = build_optim_wrapper(model, copy.deepcopy(cfg))
        for step in range(3):
            batch = seg_batch((65, 65), (65, 65), seed=step)
            data = model.data_preprocessor(copy.deepcopy(batch), True)
            losses, _ = model.parse_losses(model(**data, mode="loss"))
            optimizer.update_params(losses)
        end = torch.cat([p.detach().flatten() for p in model.denoiser.parameters()])
        moved.append(end - start)
    assert moved[0].norm() > 0
    assert (moved[0] - moved[1]).norm() < 0.02 * moved[0].norm()


def test_rates_of_the_cascade(cascade):
    """x0.1 for the last layer, twice for biases, x0.2 each 12,000 iterations."""
    cfg = read("cascade_deeplab_sigma60")
    model = cascade()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    names = {id(p): name for name, p in model.named_parameters()}
    groups = {
        names[id(group["params"][0])]: (group["lr"] / 0.0169, group["weight_decay"])
        for group in optimizer.optimizer.param_groups
    }
    decay = 2.97e-5
    assert groups["denoiser.stem.weight"] == (1, decay)
    assert groups["denoiser.stem.bias"] == (2, 0)
    assert groups["denoiser.output.weight"] == (pytest.approx(0.1), decay)
    assert groups["denoiser.output.bias"] == (pytest.approx(0.2), 0)
    assert not any(name.startswith("head") for name in groups)

    (part,) = cfg.param_scheduler
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0169)
    scheduler = PARAM_SCHEDULERS.build(dict(part, optimizer=optimizer))
    rates = []
    for _ in range(60_000):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    changes = [i for i in range(1, 60_000) if rates[i] != rates[i - 1]]
    assert changes == [12_000, 24_000, 36_000, 48_000]
    assert rates[-1] == pytest.approx(rates[0] * 0.2**4)


def test_rates_of_the_head(bare):
    """The ICLR paper's: 1e-3, and 0.01 for the classifier, x0.1 each 2,000."""
    cfg = read("deeplab_largefov_voc12aug")
    assert cfg.train_dataloader.batch_size == 20
    optimizer = build_optim_wrapper(bare, cfg.optim_wrapper).optimizer
    assert optimizer.defaults["momentum"] == 0.9
    names = {id(p): name for name, p in bare.named_parameters()}
    groups = {
        names[id(group["params"][0])]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
    }
    assert set(groups) == set(names.values())
    assert groups["backbone.features.0.conv.weight"] == (1e-3, 5e-4)
    assert groups["backbone.fc7.conv.bias"] == (2e-3, 0)
    assert groups["decode_head.conv_seg.weight"] == (1e-2, 5e-4)
    assert groups["decode_head.conv_seg.bias"] == (2e-2, 0)
    (part,) = cfg.param_scheduler
    assert (part.type, part.step_size, part.gamma) == ("StepLR", 2000, 0.1)
    assert part.by_epoch is False and cfg.train_cfg.max_iters == 6000


@pytest.mark.parametrize("sigma", [15, 30, 45])
def test_a_noise_level_changes_sigma_and_the_start(sigma):
    found = read(f"cascade_deeplab_sigma{sigma}").to_dict()
    expected = read("cascade_deeplab_sigma60").to_dict()
    assert expected["model"]["noise"]["sigma"] == 60
    expected["model"]["noise"]["sigma"] = sigma
    expected["model"]["denoiser_checkpoint"] = f"multiscale_sigma{sigma}"
    assert found == expected


def test_images_are_cropped_and_never_scaled():
    cfg = read("cascade_deeplab_sigma60")
    train, aug = cfg.train_dataloader.dataset.datasets
    kinds = ["LoadImage", "LoadAnnotations", "RandomCrop", "RandomFlip"]
    for part in (train, aug):
        assert [str(t.type).split(".")[-1] for t in part.pipeline[:-1]] == kinds
        assert part.pipeline[2].crop_size == (321, 321)
    assert train.ann_file.endswith("train.txt") and aug.ann_file.endswith("aug.txt")
    assert aug.data_prefix.seg_map_path == "SegmentationClassAug"
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        kinds = [t.type for t in loader.dataset.pipeline]
        assert kinds == ["mmdenoise.LoadImage", "LoadAnnotations", "PackSegInputs"]
        assert loader.dataset.ann_file.endswith("val.txt")


def test_the_heads_weights_come_from_mmpretrains_vgg16():
    backbone = read("deeplab_largefov_voc12aug").model.backbone
    start = backbone.init_cfg
    assert (start.type, start.prefix) == ("Pretrained", "backbone.")
    assert (
        start.checkpoint.startswith("https://") and "/vgg16_batch" in start.checkpoint
    )
