"""DeepLab-LargeFOV's backbone: its size, its geometry, and the weights of VGG-16."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import save_checkpoint
from mmengine.runner.checkpoint import load_state_dict as hosts_load_state_dict
from torch import nn

from mmdenoise.models import VGGLargeFOV
from mmdenoise.registry import MODELS

ROOT = Path(__file__).parents[3]
BASE, FC = 4, 8  # stages of 4, 8, 16, 32 and 32 channels; fc6 and fc7 of 8
CONVS = (0, 1, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 16)


def narrow(**kwargs):
    return VGGLargeFOV(base_channels=BASE, fc_channels=FC, **kwargs).eval()


@pytest.fixture(scope="module")
def vgg16():
    """The state of MMPretrain's VGG-16 classifier, with keys of its making, narrow."""
    pytest.importorskip("mmpretrain")
    from mmpretrain.models.backbones import VGG

    with torch.device("meta"):  # 500 MB otherwise
        full = VGG(depth=16, num_classes=3).state_dict()
    keys = {f"backbone.{key}": value.ndim for key, value in full.items()}
    own = narrow().state_dict()
    shapes = {f"backbone.{k}": v.shape for k, v in own.items()}
    wide, features = 4 * FC, 8 * BASE
    for layer, shape in (
        ("0", (wide, features * 49)),
        ("3", (wide, wide)),
        ("6", (3, wide)),
    ):
        shapes[f"backbone.classifier.{layer}.weight"] = shape
        shapes[f"backbone.classifier.{layer}.bias"] = shape[:1]
    generator = torch.Generator().manual_seed(0)
    state = {key: torch.rand(shapes[key], generator=generator) for key in keys}
    assert {key: value.ndim for key, value in state.items()} == keys
    return state


@pytest.fixture
def backbone_state(vgg16):
    """The same, as what loads a backbone sees it."""
    return {k[len("backbone.") :]: v.clone() for k, v in vgg16.items()}


def test_the_parameter_count_is_the_published_one():
    pairs = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), *[(256, 256)] * 2]
    pairs += [(256, 512), *[(512, 512)] * 5]
    convs = sum(9 * inputs * outputs + outputs for inputs, outputs in pairs)
    assert convs == 14_714_688, "VGG-16 without its fully connected layers"
    fc6, fc7, fc8 = 9 * 512 * 1024 + 1024, 1024 * 1024 + 1024, 1024 * 21 + 21
    backbone = VGGLargeFOV()
    count = sum(p.numel() for p in backbone.parameters())
    assert count == convs + fc6 + fc7 == 20_483_904
    assert round((count + fc8) / 1e6, 1) == 20.5


def test_layers_are_the_releases():
    """Strides, paddings, dilations: what no parameter count can see."""
    backbone = VGGLargeFOV()
    convs = [layer for layer in backbone.features if hasattr(layer, "conv")]
    assert [backbone.features[i] for i in CONVS] == convs
    for index, layer in zip(CONVS, convs):
        dilation = (2, 2) if index >= 14 else (1, 1)
        assert layer.conv.kernel_size == (3, 3) and layer.conv.stride == (1, 1)
        assert layer.conv.dilation == layer.conv.padding == dilation
        assert isinstance(layer.activate, nn.ReLU) and not layer.with_norm
    pools = [layer for layer in backbone.features if isinstance(layer, nn.MaxPool2d)]
    assert [pool.stride for pool in pools] == [2, 2, 2, 1, 1]
    assert {(pool.kernel_size, pool.padding) for pool in pools} == {(3, 1)}
    fc6, fc7 = backbone.fc6.conv, backbone.fc7.conv
    assert fc6.kernel_size == (3, 3) and fc6.dilation == fc6.padding == (12, 12)
    assert fc7.kernel_size == (1, 1)
    assert (fc6.out_channels, fc7.out_channels) == (1024, 1024)


@pytest.mark.parametrize(
    ("side", "maps"),
    [
        (321, [161, 81, 41]),
        (513, [257, 129, 65]),
        # Caffe rounds up: ceil((320 + 2 - 3) / 2) + 1 = 161.
        (320, [161, 81, 41]),
        (500, [251, 126, 64]),
        (1, [1, 1, 1]),
    ],
)
def test_pools_round_as_caffes(side, maps):
    backbone = narrow()
    x, sizes = torch.zeros(1, 3, side, 1), []
    for layer in backbone.features:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            sizes.append(x.shape[-2])
    assert sizes == [*maps, maps[-1], maps[-1]]
    assert backbone(torch.zeros(1, 3, side, 1))[0].shape == (1, FC, maps[-1], 1)


def test_the_average_counts_the_padding_as_caffes():
    found = VGGLargeFOV(base_channels=1, fc_channels=1).average(torch.ones(1, 1, 3, 4))
    ninths = [[4, 6, 6, 4], [6, 9, 9, 6], [4, 6, 6, 4]]
    torch.testing.assert_close(found[0, 0], torch.tensor(ninths) / 9)


def test_relu3_3_is_features_8():
    """The third conv of stage 3, after its ReLU: 256 channels at a quarter."""
    backbone = VGGLargeFOV().eval()
    seen = {}
    for index in (8, 9):
        backbone.features[index].register_forward_hook(
            lambda module, args, output, i=index: seen.update({i: output.clone()})
        )
    images = torch.randn(1, 3, 33, 41)
    backbone(images)
    assert seen[8].shape == (1, 256, 9, 11) and seen[8].min() == 0
    assert seen[9].shape[-2:] == (5, 6), "pool3 comes next"
    x = images
    for convs in ((0, 1), (3, 4), (6, 7, 8)):
        for index in convs:
            conv = backbone.features[index].conv
            x = F.conv2d(x, conv.weight, conv.bias, padding=1).relu()
        if convs[-1] != 8:
            x = F.max_pool2d(x, 3, 2, 1)
    torch.testing.assert_close(seen[8], x)


def test_dropout_is_on_single_elements_twice():
    backbone = VGGLargeFOV(base_channels=1, fc_channels=64, dropout_ratio=0.5)
    for conv in (backbone.fc6.conv, backbone.fc7.conv):
        nn.init.zeros_(conv.weight)
        nn.init.ones_(conv.bias)
    images = torch.zeros(1, 3, 321, 321)
    (fc7,) = backbone.train()(images)
    # 1 / 0.5 where kept; whole channels would be dropped by Dropout2d.
    assert set(fc7.unique().tolist()) == {0.0, 2.0}
    per_channel = (fc7 > 0).float().mean(dim=(0, 2, 3))
    assert ((per_channel > 0.4) & (per_channel < 0.6)).all()
    seen = []
    backbone.fc7.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    backbone(images)
    assert set(seen[0].unique().tolist()) == {0.0, 2.0}
    assert backbone.eval()(images)[0].eq(1).all()


def test_fc6_and_fc7_are_decimated(backbone_state):
    backbone = narrow()
    features, wide = 8 * BASE, 4 * FC
    # The value says where it came from: filter, channel, row and column.
    filters, channels = torch.arange(wide), torch.arange(features)
    rows, columns = torch.arange(7), torch.arange(7)
    where = (
        filters.view(-1, 1, 1, 1) * 1e4
        + channels.view(-1, 1, 1) * 100
        + rows.view(-1, 1) * 10
        + columns
    )
    backbone_state["classifier.0.weight"] = where.flatten(1)
    backbone_state["classifier.0.bias"] = filters * 1.0
    backbone_state["classifier.3.weight"] = filters.view(-1, 1) * 100 + filters * 1.0
    backbone_state["classifier.3.bias"] = filters + 0.5
    backbone.load_state_dict(backbone_state, strict=True)

    fc6, fc7 = backbone.fc6.conv, backbone.fc7.conv
    assert fc6.weight.shape == (FC, features, 3, 3)
    assert fc6.weight[0, 0].tolist() == [[0, 3, 6], [30, 33, 36], [60, 63, 66]]
    assert fc6.weight[2, 5, 1, 2] == 8 * 1e4 + 5 * 100 + 36
    assert fc6.weight[7, 31, 2, 0] == 28 * 1e4 + 31 * 100 + 60
    assert fc6.bias.tolist() == [0, 4, 8, 12, 16, 20, 24, 28]
    assert fc7.weight.shape == (FC, FC, 1, 1)
    assert fc7.weight[3, 5].item() == 12 * 100 + 20
    assert fc7.bias.tolist() == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]


def test_what_is_kept_computes_what_it_did(backbone_state):
    """fc6 at stride-free dilation 3 sees the kept taps of one 7x7 window."""
    backbone = narrow()
    backbone.load_state_dict(backbone_state)
    window = torch.rand(1, 8 * BASE, 7, 7)
    kept = torch.zeros_like(window)
    kept[..., ::3, ::3] = window[..., ::3, ::3]
    full = F.linear(
        kept.flatten(1),
        backbone_state["classifier.0.weight"],
        backbone_state["classifier.0.bias"],
    )
    conv = backbone.fc6.conv
    ours = F.conv2d(window, conv.weight, conv.bias, dilation=3).flatten(1)
    torch.testing.assert_close(ours, full[:, ::4])


def test_mmengines_initialiser_loads_mmpretrains_file(vgg16, tmp_path):
    path = str(tmp_path / "vgg16.pth")
    save_checkpoint(dict(meta=dict(), state_dict=vgg16), path)
    config = Config.fromfile(
        ROOT / "configs" / "_base_" / "heads" / "deeplab_largefov_vgg16.py"
    ).model
    config.backbone.update(base_channels=BASE, fc_channels=FC)
    config.backbone.init_cfg.checkpoint = path
    config.decode_head.update(in_channels=FC, channels=FC)
    model = MODELS.build(config)
    model.init_weights()
    own = model.backbone.state_dict()
    for index in CONVS:
        for part in ("weight", "bias"):
            key = f"features.{index}.conv.{part}"
            assert torch.equal(own[key], vgg16[f"backbone.{key}"])
    first = vgg16["backbone.classifier.0.weight"].view(4 * FC, -1, 7, 7)
    assert torch.equal(own["fc6.conv.weight"], first[::4, :, ::3, ::3])
    second = vgg16["backbone.classifier.3.weight"]
    assert torch.equal(own["fc7.conv.weight"][..., 0, 0], second[::4, ::4])
    fc8 = model.decode_head.conv_seg
    # Caffe's filler for fc8.
    assert 0.005 < fc8.weight.std() < 0.015 and not fc8.bias.any()


def test_its_own_checkpoint_loads_as_it_is():
    ours, other = narrow(), narrow()
    assert not torch.equal(ours.fc6.conv.weight, other.fc6.conv.weight)
    other.load_state_dict(ours.state_dict(), strict=True)
    parent = nn.ModuleDict(dict(backbone=narrow()))
    inside = {f"backbone.{k}": v for k, v in ours.state_dict().items()}
    hosts_load_state_dict(parent, inside, strict=True)
    for loaded in (other, parent["backbone"]):
        assert all(
            torch.equal(value, ours.state_dict()[key])
            for key, value in loaded.state_dict().items()
        )


def test_the_callers_state_is_left_alone(backbone_state):
    before = copy.copy(backbone_state)
    narrow().load_state_dict(backbone_state)
    assert before.keys() == backbone_state.keys()


def with_norm(state):
    state["features.0.bn.weight"] = torch.ones(BASE)


def of_another_depth(state):
    state["features.9.conv.weight"] = torch.ones(16, 16, 3, 3)


def of_torchvision(state):
    for key in [key for key in state if key.startswith("features.")]:
        state[key.replace(".conv", "")] = state.pop(key)


def of_another_width(state):
    state["classifier.0.weight"] = torch.ones(4 * FC, 8 * BASE * 25)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (with_norm, "unknown: features.0.bn.weight"),
        (of_another_depth, "unknown: features.9.conv.weight"),
        (of_torchvision, "missing: features.0.conv.weight"),
        (of_another_width, "classifier.0.weight .* instead of"),
    ],
)
def test_another_networks_weights_are_refused(backbone_state, change, named):
    """Even where the loader is lax, as MMEngine's initialiser is."""
    change(backbone_state)
    with pytest.raises(RuntimeError, match=f"vgg16_8xb32_in1k.*{named}"):
        hosts_load_state_dict(narrow(), backbone_state, strict=False)


def test_it_is_found_under_the_hosts_scope():
    from mmseg.registry import MODELS as HOSTS

    with DefaultScope.overwrite_default_scope("mmseg"):
        built = HOSTS.build(
            dict(type="mmdenoise.VGGLargeFOV", base_channels=BASE, fc_channels=FC)
        )
    assert isinstance(built, VGGLargeFOV)
