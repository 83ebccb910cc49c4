"""Every row of docs/taps.md: the name exists, and gives what the table says.

The stock networks are built at full size on the meta device, where tensors have shapes
and no memory.
"""

import functools
import importlib.util
import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from mmdenoise.models.head_config import open_head
from mmdenoise.models.tap import Tap
from mmdenoise.registry import MODELS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning"),
    pytest.mark.filterwarnings("ignore:Unnecessary conv bias before:UserWarning"),
]

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"\| (?:`(.+?)`)? ?\| `(.+?)` \| (map|tokens), (\d+) \| (\d+) \|")


def rows():
    head = None
    for line in (ROOT / "docs" / "taps.md").read_text().splitlines():
        found = ROW.fullmatch(line)
        if found:
            head = found[1] or head
            yield head, found[2], found[3], int(found[4]), int(found[5])


ROWS = list(rows())


def test_the_table_is_read_and_has_both_hosts_networks():
    table = [
        line for line in (ROOT / "docs/taps.md").read_text().splitlines() if "|" in line
    ]
    assert len(ROWS) == len(table) - 2, "but for the head and the rule"
    for host, networks in (
        (
            "mmpretrain::",
            (
                *("vgg", "resnet", "mobilenet_v2", "mobilenet_v3", "efficientnet"),
                *("convnext", "densenet", "regnet", "hrnet", "swin", "vision_tr"),
            ),
        ),
        (
            "mmseg::",
            (
                *("r50", "mobilenet_v2", "mobilenet_v3", "convnext", "hrnet", "swin"),
                *("vit", "segformer", "segnext", "ddrnet", "pidnet", "unet"),
                *("bisenetv1", "bisenetv2"),
            ),
        ),
    ):
        heads = [row[0] for row in ROWS if row[0].startswith(host)]
        assert all(any(name in head for head in heads) for name in networks)


def without_weights(config):
    """Drop what downloads weights, and synchronised BN, which has no CPU."""
    for key in ("init_cfg", "pretrained"):
        config.pop(key, None)
    for value in config.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                without_weights(inner)
    if config.get("type") == "SyncBN":
        config["type"] = "BN"
    return config


@pytest.fixture(scope="module")
def build():
    built = {}

    def get(name):
        host = "mmpretrain" if name.startswith("mmpretrain") else "mmseg"
        if importlib.util.find_spec(host) is None:
            pytest.skip(f"needs {host}")
        if name not in built:
            init_default_scope(host)
            path = name if "::" in name else str(ROOT / name)
            config = without_weights(open_head(path))
            with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
                # Networks read the rates of stochastic depth from it.
                on_cpu = functools.partial(torch.linspace, device="cpu")
                patch.setattr(torch, "linspace", on_cpu)
                built[name] = MODELS.build(config).eval()
        return built[name]

    return get


@pytest.mark.parametrize(
    ("head", "tap", "kind", "channels", "stride"),
    ROWS,
    ids=[f"{Path(head).stem}-{tap}" for head, tap, *_ in ROWS],
)
def test_it_gives_what_the_table_says(head, tap, kind, channels, stride, build):
    model = build(head)
    # LargeFOV's grid needs 8k + 1; the others have their usual size.
    size = 321 if "largefov" in head else 224 if "mmpretrain" in head else 512
    image = torch.zeros(2, 3, size, size, device="meta")
    features = Tap(model, tap).features_of(lambda: model.extract_feat(image))
    assert len(features) == 1
    side = math.ceil(size / stride)
    if kind == "map":
        assert features[0].shape == (2, channels, side, side)
    else:
        class_token = type(model.backbone).__name__ == "VisionTransformer"
        assert features[0].shape == (2, side**2 + class_token, channels)


def test_swins_stages_in_mmsegmentation_return_two_tensors(build):
    """As the page says; each is compared."""
    model = build(next(h for h, *_ in ROWS if h.startswith("mmseg::swin")))
    image = torch.zeros(1, 3, 512, 512, device="meta")
    features = Tap(model, "backbone.stages.0").features_of(
        lambda: model.extract_feat(image)
    )
    assert [tuple(f.shape) for f in features] == [(1, 64**2, 192), (1, 128**2, 96)]
