"""Opening, building, normalising for and tapping the head."""

import copy
import logging

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.logging import MMLogger
from torch import nn

from mmdenoise.models.frozen_head import FrozenHead
from mmdenoise.models.head_config import channel_order, open_head
from mmdenoise.models.head_input import HeadInput
from mmdenoise.models.tap import Tap
from mmdenoise.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")


@pytest.fixture
def head(seg_head):
    return FrozenHead(*seg_head).model


# Opening


def test_a_config_file_gives_its_model_and_scope(seg_head, seg_config):
    config = open_head(seg_head[0])
    assert config.type == "EncoderDecoder"
    assert config["_scope_"] == "mmseg"
    assert config.data_preprocessor.mean == seg_config()["data_preprocessor"]["mean"]


def test_nothing_else_is_taken_from_a_config(tmp_path, seg_config, save_head):
    path, _ = save_head(
        tmp_path, seg_config(), optim_wrapper=dict(type="X"), work_dir="elsewhere"
    )
    assert set(open_head(path)) - set(seg_config()) == set()


def test_top_level_preprocessor_serves_a_model_that_has_none(tmp_path, cls_config):
    config = cls_config()
    theirs = config.pop("data_preprocessor")
    config.pop("_scope_")
    path = str(tmp_path / "stock.py")
    Config(
        dict(model=config, data_preprocessor=theirs, default_scope="mmpretrain")
    ).dump(path)
    assert open_head(path).data_preprocessor == theirs
    other = dict(type="ClsDataPreprocessor", mean=[0.0] * 3, std=[1.0] * 3)
    assert open_head(path, data_preprocessor=other).data_preprocessor == theirs
    assert open_head(config, data_preprocessor=other).data_preprocessor == other
    assert open_head(cls_config(), data_preprocessor=other).data_preprocessor == theirs


def test_options_are_merged_with_dotted_keys(seg_head):
    config = open_head(
        seg_head[0], {"data_preprocessor.size": (8, 9), "pretrained": None}
    )
    assert config.data_preprocessor["size"] == (8, 9)
    assert config.data_preprocessor.bgr_to_rgb
    assert config.backbone.depth == 18


def test_what_is_given_is_not_changed(seg_config):
    given = seg_config()
    before = copy.deepcopy(given)
    open_head(given, {"backbone.depth": 34, "data_preprocessor.size": (8, 8)})
    wrapped = ConfigDict(copy.deepcopy(given))
    open_head(wrapped, {"backbone.depth": 34})
    assert given == before
    assert wrapped == before


def test_custom_imports_are_made(tmp_path, monkeypatch, seg_config):
    name = "my_modules_of_a_head"
    (tmp_path / f"{name}.py").write_text("LOADED = True\n")
    config = seg_config()
    config.pop("_scope_")
    path = str(tmp_path / "head.py")
    imports = dict(imports=[name], allow_failed_imports=False)
    Config(dict(model=config, custom_imports=imports)).dump(path)
    with pytest.raises(
        ValueError, match="head: the imports of .*head.py' fail.*PYTHONP"
    ):
        open_head(path)
    monkeypatch.syspath_prepend(tmp_path)
    import sys

    open_head(path)
    assert sys.modules.pop(name).LOADED


def test_wrong_heads(tmp_path):
    with pytest.raises(FileNotFoundError, match="head: there is no config 'no.py'"):
        open_head("no.py")
    path = tmp_path / "empty.py"
    path.write_text("a = 1\n")
    with pytest.raises(
        ValueError, match="head: the config .*empty.py' holds no 'model'"
    ):
        open_head(str(path))
    with pytest.raises(TypeError, match="path or a model dict, got list"):
        open_head([1])


@pytest.mark.parametrize(
    ("preprocessor", "default", "order"),
    [
        (dict(bgr_to_rgb=True), "bgr", "rgb"),
        (dict(to_rgb=True), "bgr", "rgb"),
        (dict(rgb_to_bgr=True), "rgb", "bgr"),
        (dict(), "bgr", "bgr"),
        (dict(), "rgb", "rgb"),
        (None, "bgr", "bgr"),
    ],
)
def test_channel_order(preprocessor, default, order):
    assert channel_order(ConfigDict(data_preprocessor=preprocessor), default) == order


def test_wrong_channel_order():
    with pytest.raises(ValueError, match="must be 'rgb' or 'bgr', got 'RGB'"):
        channel_order(ConfigDict(), "RGB")


# Building and freezing


def test_built_loaded_and_frozen(seg_head, head):
    saved = torch.load(seg_head[1], weights_only=True)["state_dict"]
    state = head.state_dict()
    assert set(saved) == set(state)
    assert all(torch.equal(saved[key], state[key]) for key in saved)
    assert not any(p.requires_grad for p in head.parameters())
    assert not any(m.training for m in head.modules())


def test_without_a_checkpoint_a_warning(seg_config, caplog):
    logger = MMLogger.get_instance("test_without_a_checkpoint")
    logger.addHandler(caplog.handler)
    with caplog.at_level(logging.WARNING):
        head = FrozenHead(seg_config()).model
    assert "head_checkpoint is None" in caplog.text
    assert not any(p.requires_grad for p in head.parameters())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda s: s.pop("decode_head.conv_seg.bias"),
            "missing: decode_head.conv_seg.bias",
        ),
        (lambda s: s.update({"neck.weight": torch.ones(1)}), "unknown: neck.weight"),
        (
            lambda s: s.update({"decode_head.conv_seg.bias": torch.ones(21)}),
            r"wrong shape: decode_head.conv_seg.bias \(21,\) instead of \(5,\)",
        ),
    ],
)
def test_checkpoints_that_do_not_fit(tmp_path, seg_head, change, words):
    state = torch.load(seg_head[1], weights_only=True)["state_dict"]
    change(state)
    path = str(tmp_path / "wrong.pth")
    torch.save(dict(state_dict=state), path)
    with pytest.raises(RuntimeError, match=words) as error:
        FrozenHead(seg_head[0], path)
    message = str(error.value)
    assert message.startswith("head_checkpoint '") and "wrong.pth" in message
    assert "\n" not in message


def test_missing_checkpoint(seg_head):
    with pytest.raises(
        FileNotFoundError, match="head_checkpoint: there is no file 'n.p"
    ):
        FrozenHead(seg_head[0], "n.pth")


def test_train_branches_switch_their_own_flag_alone(seg_head):
    frozen = FrozenHead(*seg_head, train_branches=["backbone", "decode_head"])
    head = frozen.model
    frozen.follow(training=True)
    training = {name for name, m in head.named_modules() if m.training}
    assert training == {"backbone", "decode_head"}
    frozen.follow(training=False)
    assert not any(m.training for m in head.modules())


def test_unknown_train_branch(seg_head):
    with pytest.raises(
        ValueError, match="head_train_branches: .* no module 'decoder_he"
    ):
        FrozenHead(*seg_head, train_branches=["decoder_head"])


# Normalising


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("normalised", [True, False])
def test_head_input_by_hand_and_back(order, normalised):
    conversion = dict(bgr_to_rgb=True) if order == "rgb" else {}
    if normalised:
        conversion.update(mean=[10.0, 20.0, 30.0], std=[2.0, 4.0, 5.0])
    preprocessor = MODELS.build(dict(type="mmengine.ImgDataPreprocessor", **conversion))
    head_input = HeadInput(preprocessor, order)
    red = torch.tensor([200.0, 100.0, 50.0]).view(1, 3, 1, 1) / 255
    values = [200.0, 100.0, 50.0] if order == "rgb" else [50.0, 100.0, 200.0]
    if normalised:
        values = [(v - m) / s for v, m, s in zip(values, (10, 20, 30), (2.0, 4.0, 5.0))]
    inputs = head_input.from_image(red)
    torch.testing.assert_close(inputs.flatten(), torch.tensor(values))
    torch.testing.assert_close(head_input.to_image(inputs), red)
    # What the preprocessor itself makes of the same (BGR, 8-bit) pixel.
    raw = torch.tensor([50, 100, 200], dtype=torch.uint8).view(3, 1, 1)
    torch.testing.assert_close(preprocessor(dict(inputs=[raw]))["inputs"], inputs)


def test_head_input_follows_the_preprocessors_type():
    preprocessor = MODELS.build(
        dict(type="mmengine.ImgDataPreprocessor", mean=[1.0] * 3, std=[3.0] * 3)
    )
    head_input = HeadInput(preprocessor, "rgb")
    image = torch.rand(1, 3, 2, 2, dtype=torch.float64)
    preprocessor.double()
    assert head_input.from_image(image).dtype == torch.float64
    preprocessor.mean.fill_(0)
    torch.testing.assert_close(head_input.from_image(image), image * 255 / 3)


# Tapping


class Chain(nn.Module):
    """A tapped conv, an in-place ReLU behind it, and a count of what ran."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.inner = nn.ModuleDict(dict(second=nn.Conv2d(4, 4, 1)))
        self.both = Both()
        self.idle = nn.Conv2d(1, 1, 1)
        self.ran = []

    def forward(self, x):
        x = self.relu(self.first(x))
        self.ran.append("first")
        x = self.inner["second"](x)
        self.ran.append("second")
        return self.both(x)


class Both(nn.Module):
    def forward(self, x):
        return {"a": x, "b": (x * 2, [x * 3]), "n": 5, "i": x.long()}


def test_an_in_place_relu_behind_the_tap_changes_nothing():
    chain, x = Chain(), torch.randn(1, 3, 4, 4)
    with Tap(chain, "first").record() as features:
        chain(x)
    expected = chain.first(x)
    assert expected.min() < 0
    torch.testing.assert_close(features, [expected])
    stopped = Tap(chain, "first").features_of(lambda: chain(x))
    torch.testing.assert_close(stopped, [expected.detach()])


def test_a_pass_for_features_stops_at_the_tap():
    chain, x = Chain(), torch.randn(1, 3, 4, 4, requires_grad=True)
    (features,) = Tap(chain, "first").features_of(lambda: chain(x))
    assert chain.ran == []
    assert features.requires_grad
    Tap(chain, "inner.second").features_of(lambda: chain(x))
    assert chain.ran == ["first"]


def test_a_recorded_pass_runs_to_its_end_with_gradients():
    chain, x = Chain(), torch.randn(1, 3, 4, 4, requires_grad=True)
    with Tap(chain, "first").record() as features:
        output = chain(x)
    assert chain.ran == ["first", "second"] and set(output) == {"a", "b", "n", "i"}
    (gradient,) = torch.autograd.grad(features[0].sum(), x)
    expected = chain.first.weight.sum(0).expand_as(gradient)
    torch.testing.assert_close(gradient, expected)


def test_all_float_tensors_of_an_output_are_features():
    chain, x = Chain(), torch.randn(1, 3, 4, 4)
    with Tap(chain, "both").record() as features:
        output = chain(x)["a"]
    torch.testing.assert_close(features, [output, output * 2, output * 3])


def test_the_tap_lets_go_afterwards():
    chain = Chain()
    tap = Tap(chain, "first")
    with pytest.raises(KeyError):
        tap.features_of(lambda: {}["nothing"])
    with tap.record():
        chain(torch.zeros(1, 3, 1, 1))
    assert not any(module._forward_hooks for module in chain.modules())


def test_a_module_that_runs_twice_gives_its_first_output():
    relu = nn.ReLU()
    model = nn.Sequential(relu, nn.Conv2d(3, 3, 1), relu)
    x = torch.randn(1, 3, 2, 2)
    with Tap(model, "0").record() as features:
        model(x)
    torch.testing.assert_close(features, [x.relu()])


def test_a_tap_that_does_not_run():
    chain = Chain()
    with pytest.raises(
        ValueError, match="tap: 'idle' gave no .*: first, relu, inner.second, both$"
    ):
        with Tap(chain, "idle").record():
            chain(torch.zeros(1, 3, 1, 1))


def test_an_unknown_tap_lists_the_right_ones(head):
    with pytest.raises(ValueError) as error:
        Tap(head, "backbone.layer33")
    message = str(error.value)
    assert message.startswith("tap: the head has no module 'backbone.layer33'")
    near, _, known = message.partition("It has")
    assert "did you mean" in near and "backbone.layer3" in near
    for name in ("backbone", "backbone.layer4", "decode_head", "decode_head.conv_seg"):
        assert f" {name}," in known
    assert "\n" not in message
    with pytest.raises(ValueError, match="tap: the head has no module ''"):
        Tap(head, "")
