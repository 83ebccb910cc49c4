"""The cascade's promises: identity, the joint loss, frozen head, checkpoints."""

import copy
import math

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner.checkpoint import get_state_dict, load_checkpoint, load_state_dict
from mmengine.structures import BaseDataElement
from safetensors.torch import save_file
from torch import nn

from mmdenoise.models import Cascade, CascadeClassifier, CascadeSegmentor
from mmdenoise.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

RGB = dict(bgr_to_rgb=True, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])
BN = dict(type="BN", requires_grad=True)
BGR = dict(mean=[103.53, 116.28, 123.675], std=[1.0, 2.0, 57.375])


@pytest.fixture(scope="module")
def plain_head(trained):
    """The same trained head, without a cascade in front of it."""

    def build(config):
        return trained(copy.deepcopy(config))

    return build


@pytest.fixture
def with_config(tmp_path, save_head):
    """Paths of a head of this config, and the config again for the plain head."""

    def save(config):
        return save_head(tmp_path / "given", config)

    return save


def state_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


def close(ours, theirs):
    """Promise 12: 1e-10 in float64, 1e-5 of the largest |logit| in float32."""
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    largest = theirs.abs().max()
    assert largest > 0
    if ours.dtype == torch.float64:
        assert (ours - theirs).abs().max() <= 1e-10 * largest.clamp(min=1)
    else:
        assert (ours - theirs).abs().max() <= 1e-5 * largest


# Promise 12: the identity cascade is the head


def in_type(model, dtype):
    """Convert a model; its preprocessor, which makes float32 of an image, as well."""

    def convert(module, args, output):
        return dict(output, inputs=output["inputs"].to(dtype))

    head = getattr(model, "head", None) if isinstance(model, Cascade) else model
    head.data_preprocessor.register_forward_hook(convert)
    return model.to(dtype)


PREPROCESSORS = dict(
    rgb=RGB,
    bgr=BGR,
    rgb_to_bgr=dict(BGR, rgb_to_bgr=True),
    no_normalisation=dict(),
    no_normalisation_rgb=dict(bgr_to_rgb=True),
    pad_to_size=dict(RGB, test_cfg=dict(size=(48, 56))),
    pad_to_divisor=dict(BGR, pad_val=3, test_cfg=dict(size_divisor=32)),
)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", PREPROCESSORS)
def test_identity_is_the_head(
    name, dtype, seg_config, seg_batch, with_config, plain_head, make_cascade, forward
):
    config = seg_config(PREPROCESSORS[name])
    model = make_cascade(with_config(config), "identity", sigma=0).eval()
    model, plain = in_type(model, dtype), in_type(plain_head(config), dtype)
    batch = seg_batch((33, 45), (33, 45))
    ours = forward(model, batch, "predict")
    theirs = forward(plain, batch, "predict")
    for our, their in zip(ours, theirs):
        close(our.seg_logits.data, their.seg_logits.data)
        assert our.seg_logits.shape[-2:] == (33, 45)
        if dtype == torch.float64:
            assert torch.equal(our.pred_sem_seg.data, their.pred_sem_seg.data)
    close(forward(model, batch, "tensor"), forward(plain, batch, "tensor"))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", ["rgb", "bgr", "no_normalisation"])
def test_identity_has_the_heads_losses_on_a_padded_batch(
    name, dtype, seg_config, seg_batch, with_config, plain_head, make_cascade, forward
):
    config = seg_config(PREPROCESSORS[name])
    loss = dict(perceptual=0, task=1, reconstruction=0)
    model = make_cascade(with_config(config), "identity", sigma=0, loss=loss)
    model, plain = in_type(model, dtype), in_type(plain_head(config), dtype)
    batch = seg_batch((33, 45), (41, 30), (48, 56), (17, 9))
    terms = forward(model, batch, "loss", training=True)
    theirs = forward(plain, batch, "loss", training=True)
    expected = sum(value for key, value in theirs.items() if "loss" in key)
    assert len([key for key in theirs if "loss" in key]) == 2
    close(terms["loss_task"], expected)
    for key in theirs:
        if "loss" not in key:
            assert torch.equal(terms[key], theirs[key])


def test_identity_in_front_of_a_sliding_window(
    seg_config, seg_batch, with_config, plain_head, make_cascade, forward
):
    """And the denoiser sees the whole image, once."""
    test_cfg = dict(mode="slide", crop_size=(24, 24), stride=(16, 16))
    config = seg_config(RGB, test_cfg=test_cfg)
    model = make_cascade(with_config(config), "identity", sigma=0).double().eval()
    seen = []
    model.denoiser.register_forward_hook(lambda m, args, out: seen.append(out.shape))
    batch = seg_batch((33, 45))
    ours = forward(model, batch, "predict")
    theirs = forward(plain_head(config).double(), batch, "predict")
    close(ours[0].seg_logits.data, theirs[0].seg_logits.data)
    assert seen == [(1, 3, 33, 45)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize(
    "preprocessor", [dict(), dict(to_rgb=False), dict(pad_size_divisor=32)]
)
def test_identity_in_front_of_a_classifier(
    preprocessor,
    stacked,
    dtype,
    cls_config,
    cls_batch,
    with_config,
    plain_head,
    make_cascade,
    forward,
):
    config = cls_config(**preprocessor)
    model = make_cascade(
        with_config(config), "identity", sigma=0, kind="CascadeClassifier"
    )
    model, plain = in_type(model.eval(), dtype), in_type(plain_head(config), dtype)
    batch = cls_batch((33, 45), (33, 45), stacked=stacked)
    ours = forward(model, batch, "predict")
    theirs = forward(plain, batch, "predict")
    for our, their in zip(ours, theirs):
        close(our.pred_score, their.pred_score)
        assert our.pred_label == their.pred_label
    close(forward(model, batch, "tensor"), forward(plain, batch, "tensor"))
    if not stacked:
        batch = cls_batch((33, 45), (40, 29))
    terms = forward(model, batch, "loss", training=True)
    close(terms["task"], forward(plain, batch, "loss", training=True)["loss"])


def test_identity_through_test_step(
    seg_config, seg_batch, with_config, plain_head, make_cascade
):
    """The way the hosts' loops and inferencers go."""
    config = seg_config(RGB)
    model = make_cascade(with_config(config), "identity", sigma=0).eval()
    batch = seg_batch((33, 45))
    ours = model.test_step(copy.deepcopy(batch))[0]
    theirs = plain_head(config).test_step(copy.deepcopy(batch))[0]
    close(ours.seg_logits.data, theirs.seg_logits.data)
    assert ours.metainfo == theirs.metainfo


def test_tensor_mode_needs_nothing_but_a_tensor(seg_head, make_cascade):
    model = make_cascade(seg_head).eval()
    images = torch.rand(2, 3, 32, 40)
    logits = model(images)
    expected = model.head(model.frozen_head.input.from_image(model.denoiser(images)))
    assert torch.equal(logits, expected)
    alone = make_cascade().eval()
    assert torch.equal(alone(images), alone.denoiser(images))
    with pytest.raises(ValueError, match="mode must be .*, got 'train'"):
        model(images, mode="train")


# Promises 5, 8, 9: the joint loss


def pair_batch(seg_batch, image, *sizes):
    """Noisy and clean images that are given, so that two runs see the same noise."""
    batch = seg_batch(*sizes)
    batch["clean"] = [image(h, w, 500 + i) for i, (h, w) in enumerate(sizes)]
    return batch


WEIGHTS = dict(perceptual=0.7, task=0.3, reconstruction=2.0)


def test_joint_loss_by_hand(seg_config, seg_batch, image, with_config, make_cascade):
    config = seg_config(dict(RGB, size=(24, 32)))
    model = make_cascade(
        with_config(config), "pointwise", None, WEIGHTS, tap="backbone.layer2"
    ).double()
    batch = pair_batch(seg_batch, image, (24, 32), (24, 32))
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    terms = model(**data, mode="loss")

    def rgb(raw):
        return torch.stack(list(raw)).flip(1).double() / 255

    def normalise(images):
        mean = torch.tensor(RGB["mean"], dtype=torch.float64).view(3, 1, 1)
        std = torch.tensor(RGB["std"], dtype=torch.float64).view(3, 1, 1)
        return (images * 255 - mean) / std

    gain = torch.tensor([0.9, 0.8, 0.95], dtype=torch.float64).view(3, 1, 1)
    denoised, clean = rgb(batch["inputs"]) * gain + 0.02, rgb(batch["clean"])
    head = model.head
    ours, theirs = (
        head.extract_feat(normalise(images))[1] for images in (denoised, clean)
    )
    losses = head.loss(normalise(denoised), data["data_samples"])
    expected = dict(
        reconstruction=(denoised - clean).square().sum(1).mean(),
        perceptual=(ours - theirs).square().sum(1).mean(),
        task=losses["decode.loss_ce"] + losses["aux.loss_ce"],
    )
    total = 0
    for name, value in expected.items():
        # The pointwise denoiser's gains were float32 once.
        torch.testing.assert_close(terms[name], value, rtol=1e-6, atol=0)
        torch.testing.assert_close(
            terms[f"loss_{name}"], WEIGHTS[name] * terms[name], rtol=1e-12, atol=0
        )
        total = total + WEIGHTS[name] * value
    parsed, _ = BaseModel.parse_losses(model, terms)
    torch.testing.assert_close(parsed, total, rtol=1e-6, atol=0)
    assert terms["decode.acc_seg"].numel() == 1


def test_each_weight_reaches_the_gradient_once(
    seg_head, seg_batch, image, make_cascade, forward
):
    batch = pair_batch(seg_batch, image, (33, 45), (40, 29))

    def gradient(**weights):
        weights = dict(dict(perceptual=0, task=0, reconstruction=0), **weights)
        model = make_cascade(
            seg_head, "small", None, weights, tap="backbone.layer3"
        ).double()
        total, _ = model.parse_losses(forward(model, batch, "loss", training=True))
        total.backward()
        return torch.cat([p.grad.flatten() for p in model.denoiser.parameters()])

    alone = {name: gradient(**{name: 1.0}) for name in WEIGHTS}
    assert all(part.abs().max() > 0 for part in alone.values())
    together = gradient(**WEIGHTS)
    expected = sum(WEIGHTS[name] * alone[name] for name in WEIGHTS)
    torch.testing.assert_close(together, expected, rtol=1e-8, atol=1e-8)


def test_padding_does_not_reach_the_loss(
    seg_head, seg_batch, image, make_cascade, forward
):
    """Images alone and in one padded batch: each counts for itself, and equally."""
    model = make_cascade(
        seg_head, "pointwise", None, WEIGHTS, tap="backbone.layer1"
    ).double()
    sizes = [(33, 45), (40, 29), (48, 56)]
    batch = pair_batch(seg_batch, image, *sizes)
    together = forward(model, batch, "loss", training=True)
    alone = [
        forward(model, {k: [v[i]] for k, v in batch.items()}, "loss", training=True)
        for i in range(len(sizes))
    ]
    for name in ("reconstruction", "perceptual", "task"):
        expected = torch.stack([terms[name] for terms in alone]).mean()
        torch.testing.assert_close(together[name], expected, rtol=1e-9, atol=0)


def test_pad_value_does_not_change_l_d(
    seg_config, seg_batch, image, with_config, make_cascade, forward
):
    batch = pair_batch(seg_batch, image, (33, 45), (40, 29))
    terms = []
    for value in (0, 50):
        head = with_config(seg_config(dict(RGB, pad_val=value)))
        model = make_cascade(head, "small", None, dict(perceptual=0, task=1))
        terms.append(forward(model, batch, "loss", training=True))
    assert torch.equal(terms[0]["reconstruction"], terms[1]["reconstruction"])
    assert terms[0]["task"] != terms[1]["task"], "the head sees its own padding"


def test_perceptual_loss_counts_the_true_area_alone(
    seg_head, seg_batch, image, make_cascade, forward
):
    model = make_cascade(
        seg_head, "pointwise", None, WEIGHTS, tap="backbone.layer1"
    ).double()
    batch = pair_batch(seg_batch, image, (17, 22))
    terms = forward(model, batch, "loss", training=True)
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    ours, theirs = (
        model.head.extract_feat(
            data["canvas"].place(model.frozen_head.input.from_image(images))
        )[0]
        for images in (model.denoiser(data["inputs"]), data["clean"])
    )
    # Stride 4: rows 0, 4, ..., 16 and columns 0, 4, ..., 20 begin within 17 x 22.
    assert ours.shape[-2:] == (12, 14)
    error = (ours - theirs).square().sum(1)[:, :5, :6].mean()
    torch.testing.assert_close(terms["perceptual"], error.detach())


def modules_that_run(model, batch, forward):
    ran = []
    handles = [
        module.register_forward_hook(lambda m, a, o, name=name: ran.append(name))
        for name, module in model.head.named_modules()
        if name and name != "data_preprocessor"
    ]
    forward(model, batch, "loss", training=True)
    for handle in handles:
        handle.remove()
    return list(dict.fromkeys(ran))


def test_perceptual_loss_of_the_identity_is_zero_at_every_tap(
    seg_head, seg_batch, make_cascade, forward
):
    batch = seg_batch((33, 45), (40, 29))
    model = make_cascade(seg_head, "identity", 0, WEIGHTS, tap="backbone")
    names = modules_that_run(model, batch, forward)
    assert len(names) > 60 and "backbone.layer1.0.conv1" in names
    from mmdenoise.models.tap import Tap

    for name in names:
        model.frozen_head._tap = Tap(model.head, name)
        terms = forward(model, batch, "loss", training=True)
        assert terms["perceptual"] == 0, name


def test_every_tap_of_another_image_is_not_zero(
    seg_head, seg_batch, make_cascade, forward
):
    """So that zero above means something."""
    batch = seg_batch((33, 45))
    for tap in ("backbone.layer1.0.conv1", "backbone.layer3", "decode_head.conv_seg"):
        model = make_cascade(seg_head, "identity", 30, WEIGHTS, tap=tap)
        terms = forward(model, batch, "loss", training=True)
        assert terms["perceptual"] > 1e-4, tap


def test_clean_features_stop_at_the_tap_and_one_pass_serves_both(
    seg_head, seg_batch, make_cascade, forward
):
    model = make_cascade(seg_head, "pointwise", 30, WEIGHTS, tap="backbone.layer2")
    calls = dict.fromkeys(["layer1", "layer2", "layer3"], 0)
    for name in calls:
        module = getattr(model.head.backbone, name)

        def count(module, args, name=name):
            calls[name] += 1

        module.register_forward_pre_hook(count)
    forward(model, seg_batch((33, 45)), "loss", training=True)
    assert calls == dict(layer1=2, layer2=2, layer3=1)


def test_without_perceptual_loss_the_head_runs_once(
    seg_head, seg_batch, make_cascade, forward
):
    model = make_cascade(seg_head, "pointwise", 30, dict(perceptual=0, task=1))
    calls = []
    model.head.backbone.register_forward_hook(lambda *a: calls.append(1))
    forward(model, seg_batch((33, 45)), "loss", training=True)
    assert len(calls) == 1
    forward(model, seg_batch((33, 45)), "predict")
    assert len(calls) == 2


def test_without_a_head_the_loss_is_l_d(plain_batch, make_cascade, forward):
    model = make_cascade(None, "pointwise", 30)
    data = model.data_preprocessor(plain_batch((9, 13), (12, 10)), True)
    terms = model(**data, mode="loss")
    assert set(terms) == {"loss_reconstruction", "reconstruction"}
    error = (model.denoiser(data["inputs"]) - data["clean"]).square().sum(1)
    expected = (error[0, :9, :13].mean() + error[1, :12, :10].mean()) / 2
    torch.testing.assert_close(terms["loss_reconstruction"], expected)


def test_mixed_precision_trains(seg_head, seg_batch, make_cascade, forward):
    model = make_cascade(seg_head, "small", 30, WEIGHTS, tap="backbone.layer3")
    before = state_of(model.head)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = forward(model, seg_batch((33, 45), (40, 29)), "loss", training=True)
    total, _ = model.parse_losses(terms)
    total.backward()
    assert total.isfinite()
    for name, parameter in model.denoiser.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
    assert same(before, model.head.state_dict())


# Predictions


def test_predictions_carry_the_images(
    seg_batch, image, make_cascade, seg_head, forward
):
    model = make_cascade(seg_head, "pointwise", 30).eval()
    batch = seg_batch((33, 45), (33, 45))
    data = model.data_preprocessor(copy.deepcopy(batch), False)
    samples = model(**data, mode="predict")
    for index, sample in enumerate(samples):
        assert torch.equal(sample.clean, data["clean"][index])
        assert torch.equal(sample.noisy, data["inputs"][index])
        expected = model.denoiser(data["inputs"])[index]
        torch.testing.assert_close(sample.denoised, expected)
        assert not sample.denoised.requires_grad
        assert sample.img_path == batch["data_samples"][index].img_path
        assert {"denoised", "noisy", "clean"} <= set(sample.to_dict())


def test_predictions_are_cropped_to_the_true_area(plain_batch, make_cascade, forward):
    model = make_cascade(None, "small", 30).eval()
    samples = forward(model, plain_batch((9, 13), (12, 10)), "predict")
    assert [tuple(s.denoised.shape) for s in samples] == [(3, 9, 13), (3, 12, 10)]
    assert [tuple(s.clean.shape) for s in samples] == [(3, 9, 13), (3, 12, 10)]


def test_predictions_without_samples_and_without_noise(image, make_cascade):
    model = make_cascade(None, "identity", None).eval()
    samples = model.test_step(dict(inputs=[image(5, 7)]))
    assert isinstance(samples[0], BaseDataElement)
    assert "clean" not in samples[0]
    torch.testing.assert_close(samples[0].denoised, image(5, 7).flip(0) / 255)


def test_a_noisy_photo_of_the_users_own(seg_head, seg_batch, make_cascade, forward):
    model = make_cascade(seg_head, "pointwise", None, tap="backbone.layer3").eval()
    batch = seg_batch((33, 45))
    sample = forward(model, batch, "predict")[0]
    torch.testing.assert_close(sample.noisy, batch["inputs"][0].flip(0) / 255)
    assert "clean" not in sample and sample.pred_sem_seg.shape == (33, 45)
    with pytest.raises(ValueError, match="need a clean image: with noise=None"):
        forward(model, batch, "loss", training=True)


def test_task_loss_alone_needs_no_clean_image(
    seg_head, seg_batch, make_cascade, forward
):
    loss = dict(perceptual=0, task=1, reconstruction=0)
    model = make_cascade(seg_head, "pointwise", None, loss)
    terms = forward(model, seg_batch((33, 45)), "loss", training=True)
    assert terms["loss_task"] > 0


@pytest.mark.filterwarnings("ignore:The shape of value will convert:UserWarning")
def test_flipped_views_of_a_tta_model_show_one_noisy_image(
    seg_head, seg_batch, make_cascade
):
    pytest.importorskip("mmseg")
    from mmengine.config import Config

    cfg = Config.fromfile(seg_head[0])
    module = make_cascade(seg_head, "identity", 40).eval()
    module.cfg = cfg
    model = MODELS.build(dict(type="SegTTAModel", _scope_="mmseg", module=module))
    seen = []
    module.denoiser.register_forward_hook(lambda m, args, out: seen.append(args[0]))
    plain = seg_batch((33, 45), flip=False, flip_direction=None)
    view = seg_batch((33, 45), flip=True, flip_direction="horizontal")
    view["inputs"] = [raw.flip(-1) for raw in view["inputs"]]
    both = {key: [plain[key], view[key]] for key in plain}
    samples = model.eval().test_step(copy.deepcopy(both))
    assert len(samples) == 1 and len(seen) == 2
    assert torch.equal(seen[0], seen[1].flip(-1))


# Promise 2: the head is frozen


def test_frozen_when_built_and_in_evaluation_while_training(seg_head, make_cascade):
    model = make_cascade(seg_head)
    for mode in (True, False, True):
        model.train(mode)
        assert all(m.training == mode for m in model.denoiser.modules())
        assert not any(m.training for m in model.head.modules())
    assert not any(p.requires_grad for p in model.head.parameters())
    assert all(p.requires_grad for p in model.denoiser.parameters())
    assert model.training


def test_gradients_pass_through_the_head(seg_head, seg_batch, make_cascade, forward):
    loss = dict(perceptual=0, task=1, reconstruction=0)
    model = make_cascade(seg_head, "small", 30, loss)
    before = state_of(model.head)
    total, _ = model.parse_losses(
        forward(model, seg_batch((33, 45), (40, 29)), "loss", training=True)
    )
    total.backward()
    assert all(p.grad.abs().max() > 0 for p in model.denoiser.output.parameters())
    assert all(p.grad is None for p in model.head.parameters())
    assert same(before, model.head.state_dict())


def test_init_weights_leaves_head_and_loaded_denoiser_alone(
    tmp_path, seg_head, make_cascade
):
    model = make_cascade(seg_head)
    before = state_of(model)
    head = state_of(model.head)
    model.init_weights()
    assert same(before, model.state_dict()) and same(head, model.head.state_dict())

    class Initialised(nn.Linear):
        def init_weights(self):
            nn.init.constant_(self.weight, 5.0)

    MODELS.register_module(module=Initialised, force=True)
    config = dict(type="mmdenoise.Initialised", in_features=2, out_features=2)
    fresh = make_cascade(None, config)
    fresh.init_weights()
    assert (fresh.denoiser.weight == 5).all()
    path = str(tmp_path / "denoiser.pth")
    torch.save(
        {k: torch.zeros_like(v) for k, v in fresh.denoiser.state_dict().items()}, path
    )
    loaded = make_cascade(None, config, denoiser_checkpoint=path)
    loaded.init_weights()
    assert (loaded.denoiser.weight == 0).all()


class TwoForms(nn.Module):
    """As DDRNet: in training a pair comes out, and the loss asks for one."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(3, 5, 1), nn.BatchNorm2d(5), nn.Dropout(0.5)
        )

    def forward(self, x):
        x = self.conv(x)
        return (x, x) if self.training else x


@MODELS.register_module(force=True)
class TwoFormHead(BaseModel):
    def __init__(self, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.backbone = TwoForms()

    def forward(self, inputs, data_samples=None, mode="tensor"):
        output = self.backbone(inputs)
        if mode == "loss":
            first, second = output
            return dict(loss=first.mean() + second.mean())
        return output


@pytest.mark.parametrize("count", [1, 3])
def test_heads_of_two_forms(plain_batch, make_cascade, forward, count):
    config = dict(type="mmdenoise.TwoFormHead")
    loss = dict(perceptual=0, task=1)
    batch = plain_batch(*[(8, 8)] * count)
    model = make_cascade(config, "pointwise", 30, loss)
    with pytest.raises(
        RuntimeError, match=r"evaluation mode .*head_train_branches=\['backbone'\]$"
    ):
        forward(model, batch, "loss", training=True)
    model = make_cascade(
        config, "pointwise", 30, loss, head_train_branches=["backbone"]
    )
    before = state_of(model.head)
    training = {name for name, m in model.head.named_modules() if m.training}
    assert training == {"backbone"}
    terms = forward(model, batch, "loss", training=True)
    torch.testing.assert_close(
        terms["task"],
        forward(model, batch, "loss", training=True)["task"],
        rtol=0.5,
        atol=0.5,
    )
    assert same(before, model.head.state_dict())
    model.eval()
    assert isinstance(forward(model, batch, "tensor"), torch.Tensor)


def test_a_stock_head_of_two_forms(seg_config, seg_batch, make_cascade, forward):
    """DDRNet; a batch of two unpacks into two, and so fails later than others."""
    cross_entropy = dict(type="OhemCrossEntropy", thres=0.9, min_kept=100)
    config = seg_config(
        dict(RGB, size=(128, 128)),
        backbone=dict(
            type="DDRNet", in_channels=3, channels=8, ppm_channels=8, norm_cfg=BN
        ),
        decode_head=dict(
            type="DDRHead",
            in_channels=32,
            channels=8,
            num_classes=5,
            norm_cfg=BN,
            loss_decode=[cross_entropy, dict(cross_entropy, loss_weight=0.4)],
            align_corners=False,
        ),
    )
    config.pop("auxiliary_head")
    loss = dict(perceptual=0, task=1)
    for sizes in ([(90, 128)], [(90, 128), (128, 70)]):
        batch = seg_batch(*sizes)
        model = make_cascade(config, "pointwise", 30, loss)
        words = r"evaluation mode .*head_train_branches=\['backbone', 'decode_head'\]$"
        with pytest.raises(RuntimeError, match=words):
            forward(model, batch, "loss", training=True)
        branches = ["backbone", "decode_head"]
        model = make_cascade(
            config, "pointwise", 30, loss, head_train_branches=branches
        )
        before = state_of(model.head)
        total, _ = model.parse_losses(forward(model, batch, "loss", training=True))
        total.backward()
        assert model.denoiser.gain.grad.abs().max() > 0
        assert same(before, model.head.state_dict())


def test_unknown_train_branches_fail_when_built(seg_head, make_cascade):
    with pytest.raises(ValueError, match="head_train_branches: the head has no module"):
        make_cascade(seg_head, head_train_branches=["decoder"])


# Promise 3: checkpoints


def cascade_state(model):
    return {k: v.clone() for k, v in get_state_dict(model).items()}


LOADERS = dict(
    torch=lambda model, state: model.load_state_dict(state),
    torch_lax=lambda model, state: model.load_state_dict(state, strict=False),
    mmengine=load_state_dict,
    mmengine_strict=lambda model, state: load_state_dict(model, state, strict=True),
)


@pytest.fixture(params=LOADERS)
def load(request):
    return LOADERS[request.param]


@pytest.mark.parametrize("collect", [get_state_dict, lambda model: model.state_dict()])
def test_a_checkpoint_holds_denoiser_and_fingerprint(seg_head, make_cascade, collect):
    model = make_cascade(seg_head)
    state = collect(model)
    expected = {f"denoiser.{name}" for name in model.denoiser.state_dict()}
    assert set(state) == expected | {"head_fingerprint"}
    assert state["head_fingerprint"].dtype == torch.uint8
    assert state["head_fingerprint"].shape == (32,)
    alone = make_cascade()
    assert set(collect(alone)) == expected


def test_a_checkpoint_comes_back(seg_head, make_cascade, load):
    model = make_cascade(seg_head)
    state = cascade_state(model)
    with torch.no_grad():
        for tensor in model.denoiser.state_dict().values():
            tensor.add_(1)
    head = state_of(model.head)
    given = copy.deepcopy(state)
    load(model, state)
    assert same(state, given), "what is loaded is left as it is"
    assert same(cascade_state(model), given)
    assert same(head, model.head.state_dict())


def test_a_nested_checkpoint_comes_back(seg_head, make_cascade):
    """As in an EMA model or a wrapper: under a prefix."""
    outer = nn.ModuleDict(dict(module=make_cascade(seg_head)))
    state = {
        k: v + 1 if v.is_floating_point() else v for k, v in outer.state_dict().items()
    }
    assert all(k.startswith("module.") for k in state)
    assert not any("head." in k for k in state)
    outer.load_state_dict(state)
    assert same(outer.state_dict(), state)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("denoiser.stem.bias"), "missing: stem.bias"),
        (lambda s: s.update({"denoiser.gate": torch.ones(1)}), "unknown: gate"),
        (
            lambda s: s.update({"denoiser.stem.bias": torch.ones(9)}),
            r"wrong shape: stem.bias \(9,\) instead of \(4,\)",
        ),
        (
            lambda s: [s.pop(k) for k in list(s) if k.startswith("denoiser.")],
            "holds no denoiser.* keys",
        ),
        (
            lambda s: s["denoiser.stem.bias"][0].fill_(float("nan")),
            "holds NaN or infinite values in stem.bias",
        ),
    ],
)
def test_every_loader_refuses(seg_head, make_cascade, load, change, words):
    model = make_cascade(seg_head)
    before = cascade_state(model)
    state = cascade_state(model)
    state["denoiser.output.bias"] += 1
    change(state)
    with pytest.raises((RuntimeError, ValueError), match=words) as error:
        load(model, state)
    assert "\n" not in str(error.value)
    assert same(before, cascade_state(model)), "nothing was loaded in part"


def test_another_heads_fingerprint(tmp_path, seg_config, seg_head, make_cascade, load):
    model = make_cascade(seg_head)
    state = cascade_state(model)
    weights = torch.load(seg_head[1], weights_only=True)
    bias = weights["state_dict"]["decode_head.conv_seg.bias"]
    bias[0] = torch.nextafter(bias[0], torch.tensor(9.0))
    torch.save(weights, tmp_path / "other.pth")
    other = make_cascade((seg_head[0], str(tmp_path / "other.pth")))
    with pytest.raises(
        RuntimeError, match="another head: its fingerprint is [0-9a-f]{16}"
    ):
        load(other, state)


def test_separate_checkpoints_fit_a_cascade_and_back(seg_head, make_cascade, load):
    alone, joint = make_cascade(), make_cascade(seg_head)
    with torch.no_grad():
        alone.denoiser.stem.bias.fill_(4)
    load(joint, cascade_state(alone))
    assert (joint.denoiser.stem.bias == 4).all()
    with torch.no_grad():
        joint.denoiser.stem.bias.fill_(6)
    load(alone, cascade_state(joint))
    assert (alone.denoiser.stem.bias == 6).all()


def test_full_checkpoints(seg_head, make_cascade, load):
    model = make_cascade(seg_head)
    full = cascade_state(model)
    full.update((f"head.{k}", v.clone()) for k, v in get_state_dict(model.head).items())
    # Some versions of MMEngine write what PyTorch does not keep.
    full["head.data_preprocessor.mean"] = torch.zeros(3, 1, 1)
    full["denoiser.stem.bias"] += 1
    head = state_of(model.head)
    load(model, copy.deepcopy(full))
    assert torch.equal(model.denoiser.stem.bias, full["denoiser.stem.bias"])
    assert same(head, model.head.state_dict())
    # Its head counts, whatever fingerprint stands beside it.
    full["head.decode_head.conv_seg.bias"] += 1
    with pytest.raises(RuntimeError, match="another head"):
        load(model, copy.deepcopy(full))
    assert same(head, model.head.state_dict())


def test_a_denoisers_transient_buffers(seg_head, make_cascade, load):
    model = make_cascade(seg_head, "transient")
    state = cascade_state(model)
    state["denoiser.window"] = torch.zeros(3)
    state["denoiser.gain"] += 1
    load(model, state)
    assert torch.equal(model.denoiser.gain, state["denoiser.gain"])
    assert torch.equal(model.denoiser.window, torch.ones(3))


def test_a_denoiser_without_weights(seg_head, make_cascade, load):
    model = make_cascade(seg_head, "identity")
    load(model, cascade_state(model))
    with pytest.raises(RuntimeError, match="unknown: stem.weight"):
        load(model, cascade_state(make_cascade(seg_head)))


def test_load_checkpoint_of_mmengine(tmp_path, seg_head, make_cascade):
    """As hosts' ``init_model`` does: not strict, and yet."""
    model = make_cascade(seg_head)
    state = cascade_state(model)
    state["denoiser.stem.bias"] += 1
    path = str(tmp_path / "cascade.pth")
    torch.save(dict(state_dict={f"module.{k}": v for k, v in state.items()}), path)
    load_checkpoint(model, path, map_location="cpu")
    assert torch.equal(model.denoiser.stem.bias, state["denoiser.stem.bias"])
    with pytest.raises(RuntimeError, match="holds no denoiser"):
        load_checkpoint(model, seg_head[1], map_location="cpu")


@pytest.mark.parametrize("kind", ["bare", "cascade", "safetensors", "wrapped"])
def test_denoiser_checkpoints(tmp_path, seg_head, make_cascade, kind):
    source = make_cascade(seg_head)
    with torch.no_grad():
        source.denoiser.stem.bias.fill_(4)
    bare = {k: v.contiguous() for k, v in source.denoiser.state_dict().items()}
    path = str(tmp_path / ("d.safetensors" if kind == "safetensors" else "d.pth"))
    if kind == "safetensors":
        save_file(bare, path)
    elif kind == "bare":
        torch.save(bare, path)
    elif kind == "cascade":
        torch.save(dict(state_dict=cascade_state(source)), path)
    else:
        state = {f"module.{k}": v for k, v in cascade_state(source).items()}
        torch.save(dict(state_dict=state), path)
    for head in (None, seg_head):
        model = make_cascade(head, denoiser_checkpoint=path)
        assert same(model.denoiser.state_dict(), source.denoiser.state_dict())


def test_wrong_denoiser_checkpoints(tmp_path, make_cascade):
    with pytest.raises(FileNotFoundError, match="denoiser_checkpoint: .*'no.pth'"):
        make_cascade(denoiser_checkpoint="no.pth")
    state = make_cascade().denoiser.state_dict()
    state.pop("stem.bias")
    path = str(tmp_path / "less.pth")
    torch.save(state, path)
    with pytest.raises(
        RuntimeError, match="less.pth' does not fit: missing: stem.bias"
    ):
        make_cascade(denoiser_checkpoint=path)


# The interface


def test_head_as_a_dict_and_options(seg_config, seg_head, make_cascade):
    given = seg_config()
    model = make_cascade(
        given,
        head_checkpoint=seg_head[1],
        head_options={"data_preprocessor.size": (64, 72)},
    )
    assert tuple(model.head.data_preprocessor.size) == (64, 72)
    assert given == seg_config()
    by_path = make_cascade(seg_head)
    assert torch.equal(by_path.head_fingerprint, model.head_fingerprint)


def test_top_level_preprocessor_goes_to_a_head_that_has_none(cls_config, make_cascade):
    config = cls_config()
    theirs = config.pop("data_preprocessor")
    model = make_cascade(config, "identity", 0, data_preprocessor=theirs)
    assert model.head.data_preprocessor.to_rgb
    assert model.data_preprocessor.head_preprocessor is model.head.data_preprocessor
    other = dict(type="ClsDataPreprocessor", to_rgb=False)
    kept = make_cascade(cls_config(), "identity", 0, data_preprocessor=other)
    assert kept.head.data_preprocessor.to_rgb


def test_channel_order_of_a_head_without_conversion(seg_config, image, make_cascade):
    config = seg_config(dict())
    orders = {}
    for order in ("bgr", "rgb"):
        model = make_cascade(config, "identity", 0, head_channel_order=order)
        data = model.data_preprocessor(dict(inputs=[image(32, 32)]))
        orders[order] = data["clean"]
    assert torch.equal(orders["bgr"], orders["rgb"].flip(1))
    torch.testing.assert_close(orders["rgb"][0], image(32, 32) / 255)


def test_what_hosts_ask_for(seg_head, cls_head, make_cascade):
    segmentor = make_cascade(seg_head, pretrained=None, train_cfg=None)
    assert isinstance(segmentor, CascadeSegmentor)
    assert segmentor.decode_head is segmentor.head.decode_head
    assert segmentor.backbone is segmentor.head.backbone
    assert segmentor.out_channels == segmentor.num_classes == 5
    assert segmentor.align_corners is False
    classifier = make_cascade(cls_head, kind="CascadeClassifier")
    assert isinstance(classifier, CascadeClassifier)
    assert classifier.backbone is classifier.head.backbone
    assert classifier.with_head
    assert not {n for n in dir(CascadeSegmentor) if n not in dir(Cascade)} - {
        *("backbone", "decode_head", "out_channels", "num_classes", "align_corners")
    }


def test_all_three_names_are_one_class(seg_head, seg_batch, make_cascade, forward):
    batch = seg_batch((33, 45))
    terms = [
        forward(
            make_cascade(seg_head, "small", 30, WEIGHTS, tap="backbone", kind=kind),
            batch,
            "loss",
            training=True,
        )
        for kind in ("Cascade", "CascadeSegmentor", "CascadeClassifier")
    ]
    assert same(terms[0], terms[1]) and same(terms[0], terms[2])


@pytest.mark.parametrize("kind", ["deepcopy", "double", "half-way"])
def test_copies_look_at_their_own_head(
    seg_head, seg_batch, make_cascade, forward, kind
):
    """EMA deep-copies a model; its tap and normalisation must follow."""
    model = make_cascade(seg_head, "pointwise", 30, WEIGHTS, tap="backbone.layer3")
    twin = copy.deepcopy(model)
    assert twin.frozen_head.tap._module is twin.head.backbone.layer3
    assert twin.frozen_head.input.preprocessor is twin.head.data_preprocessor
    assert twin.data_preprocessor.head_input is twin.frozen_head.input
    if kind == "double":
        twin.double()
    elif kind == "half-way":
        state = cascade_state(twin)
        state["denoiser.gain"] *= 0
        twin.load_state_dict(state)
        assert model.denoiser.gain.abs().min() > 0
    terms = forward(twin, seg_batch((33, 45)), "loss", training=True)
    assert terms["loss_perceptual"].isfinite() and terms["perceptual"] > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            dict(tap="backbone.layer9", loss=WEIGHTS),
            "tap: .*no module 'backbone.layer9'",
        ),
        (dict(loss=dict(perceptual=-1)), "loss weight perceptual must be finite"),
        (dict(sigma=-3), "sigma must not be negative"),
        (dict(sigma=math.nan), "sigma must be a finite number"),
        (dict(head_channel_order="gbr"), "'rgb' or 'bgr', got 'gbr'"),
        (dict(pretrained="x.pth"), "takes no 'pretrained'"),
        (dict(train_cfg=dict(a=1)), "no 'train_cfg'"),
    ],
)
def test_wrong_options_of_a_cascade(seg_head, make_cascade, options, words):
    with pytest.raises(ValueError, match=words) as error:
        make_cascade(seg_head, **options)
    assert "\n" not in str(error.value)


def test_a_missing_tap_is_said_when_it_is_needed(
    seg_head, make_cascade, seg_batch, forward
):
    model = make_cascade(seg_head, loss=WEIGHTS).eval()
    assert len(forward(model, seg_batch((48, 56)), "predict")) == 1
    for use in (
        model.init_weights,
        lambda: forward(model, seg_batch((48, 56)), "loss", training=True),
    ):
        with pytest.raises(ValueError, match="the perceptual loss needs a tap: the n"):
            use()


def test_features_alone_need_no_labels_and_stop_at_the_tap(
    seg_head, make_cascade, seg_batch, plain_batch, forward
):
    """lambda_H = 0: no labels are asked for, and nothing behind the tap runs."""
    loss = dict(perceptual=0.5, task=0)
    model = make_cascade(seg_head, "pointwise", loss=loss, tap="backbone.layer2")
    ran = []
    model.head.backbone.layer3.register_forward_hook(lambda *_: ran.append(1))
    labelled = forward(model, seg_batch((33, 45), (40, 29)), "loss", training=True)
    bare = forward(
        make_cascade(seg_head, "pointwise", loss=loss, tap="backbone.layer2"),
        plain_batch((33, 45), (40, 29)),
        "loss",
        training=True,
    )
    assert not ran and "task" not in labelled
    assert labelled["perceptual"] > 0
    for name in labelled:
        torch.testing.assert_close(labelled[name], bare[name])
    both = make_cascade(
        seg_head, "pointwise", loss=dict(loss, task=1e-9), tap="backbone.layer2"
    )
    found = forward(both, seg_batch((33, 45), (40, 29)), "loss", training=True)
    torch.testing.assert_close(found["perceptual"], labelled["perceptual"])
    bare["loss_perceptual"].backward()
    found["loss_perceptual"].backward(retain_graph=True)
    assert both.denoiser.gain.grad.abs().max() > 0


def test_a_fault_in_the_data_is_not_called_another(
    seg_head, make_cascade, seg_batch, forward
):
    loss = dict(perceptual=0, task=1)
    model = make_cascade(seg_head, "pointwise", loss=loss)
    data = model.data_preprocessor(seg_batch((48, 56)), True)
    del data["data_samples"][0].gt_sem_seg
    with pytest.raises(AttributeError) as error:
        model(**data, mode="loss")
    assert "head_train_branches" not in str(error.value)
    assert not any(module.training for module in model.head.modules())


@pytest.mark.parametrize("step", ["test_step", "val_step"])
def test_unlike_sizes_in_a_test_batch(seg_head, make_cascade, seg_batch, step):
    """Each image gives what it gives alone, in the batch's order."""
    model = make_cascade(seg_head, "small").eval()
    sizes = (48, 56), (40, 44), (48, 56), (31, 56)
    with torch.no_grad():
        together = getattr(model, step)(seg_batch(*sizes))
        for index, found in enumerate(together):
            batch = seg_batch(*sizes)
            alone = {key: value[index : index + 1] for key, value in batch.items()}
            [expected] = model.test_step(alone)
            assert found.img_path == expected.img_path == f"image0_{index}.png"
            assert torch.equal(found.noisy, expected.noisy)
            torch.testing.assert_close(found.denoised, expected.denoised)
            logits, expected = found.seg_logits.data, expected.seg_logits.data
            assert (logits - expected).abs().max() < 1e-4 * expected.abs().max()
            assert found.pred_sem_seg.shape == sizes[index]


def test_rescaled_views_in_a_batch_of_unlike_sizes(seg_head, make_cascade, seg_batch):
    model = make_cascade(seg_head, "pointwise").eval()
    with torch.no_grad():
        model.test_step(seg_batch((48, 56), (40, 44)))
        flip = dict(flip=True, flip_direction="vertical")
        model.test_step(seg_batch((48, 56), (40, 44), **flip))
        with pytest.raises(ValueError, match="comes as a view of 24x28 after one of"):
            model.test_step(seg_batch((24, 28), (40, 44)))


def test_losses_that_need_a_head(make_cascade):
    with pytest.raises(ValueError, match="need a head: give one, or set both weights"):
        make_cascade(None, loss=dict(perceptual=0, task=0.5))


def test_missing_head_checkpoint(seg_head, make_cascade):
    with pytest.raises(FileNotFoundError, match="head_checkpoint: .* 'gone.pth'"):
        make_cascade((seg_head[0], "gone.pth"))
