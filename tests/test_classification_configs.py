"""The configs before classifiers: the stock heads, the paper's figures, one denoiser.

What every config has to hold is in test_configs.py; here is what these add.
"""

import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.hub import get_config
from mmengine.registry import init_default_scope

mmpretrain = pytest.importorskip("mmpretrain")

from mmdenoise.models import CascadeClassifier  # noqa: E402
from mmdenoise.models.head_config import open_head  # noqa: E402
from mmdenoise.models.tap import Tap  # noqa: E402
from mmdenoise.registry import MODELS  # noqa: E402

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
SIGMAS = (15, 30, 45, 60)
ZOO = Path(mmpretrain.__file__).parent / ".mim" / "configs"
PAPER = [f"cascade_vgg16_sigma{sigma}" for sigma in SIGMAS]
OTHERS = ["cascade_vgg16_sigma60_release", "cascade_resnet50_sigma60"]


def read(name):
    return Config.fromfile(CONFIGS / f"{name}.py")


# The paper's cascade


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_papers_figures(sigma):
    """Section IV-B: VGG-16, relu3_3, lambda_P 0.5, lambda_H 0.25."""
    cfg = read(f"cascade_vgg16_sigma{sigma}")
    model = cfg.model
    assert model.type == "mmdenoise.CascadeClassifier"
    assert model.head == "mmpretrain::vgg/vgg16_8xb32_in1k.py"
    assert dict(model.loss) == dict(
        type="mmdenoise.JointLoss", perceptual=0.5, task=0.25
    )
    assert dict(model.noise) == dict(type="mmdenoise.GaussianNoise", sigma=sigma)
    assert model.denoiser == dict(type="mmdenoise.MultiScaleDenoiser")
    assert model.denoiser_checkpoint == f"multiscale_sigma{sigma}"


def test_another_sigma_differs_in_noise_and_start_alone():
    reference = read("cascade_vgg16_sigma60").to_dict()
    for sigma in SIGMAS[:-1]:
        found = read(f"cascade_vgg16_sigma{sigma}").to_dict()
        for key in ("noise", "denoiser_checkpoint"):
            assert found["model"].pop(key) != reference["model"][key]
            found["model"][key] = reference["model"][key]
        assert found == reference


def test_the_tap_is_relu3_3_of_the_stock_head():
    """After the third conv of the third stage, before its pooling: not negative."""
    cfg = read("cascade_vgg16_sigma60")
    init_default_scope(cfg.default_scope)
    config = open_head(cfg.model.head)
    # Without the fully connected layers, nine tenths of the weights.
    config.backbone.num_classes = -1
    head = MODELS.build(config).eval()
    convs = {
        name: [
            m.out_channels for m in module.modules() if isinstance(m, torch.nn.Conv2d)
        ]
        for name, module in head.named_modules()
        if re.fullmatch(r"backbone\.features\.\d+", name)
    }
    stages, stage = [], []
    for name, found in convs.items():
        if found:
            stage.append((name, *found))
        else:
            stages.append(stage)
            stage = []
    assert [len(stage) for stage in stages] == [2, 2, 3, 3, 3]
    assert stages[2][2] == (cfg.model.tap, 256)
    image = torch.randn(1, 3, 64, 96)
    (features,) = Tap(head, cfg.model.tap).features_of(lambda: head.extract_feat(image))
    assert features.shape == (1, 256, 16, 24)
    assert (features == 0).any() and (features >= 0).all() and features.any()


def test_the_released_solver_in_our_unit():
    """5e-8 / 2 of the sum of squares over 224x224, in 8-bit units, beside an L_H of 1.

    Rate 1e-5, weight decay 5e-4, 180,000 iterations of 10, x0.1 each 80,000, as in
    exper/config/solver_cls.prototxt and train_cls.prototxt.
    """
    scale = 5e-8 / 2 * 224**2 * 255**2
    cfg = read("cascade_vgg16_sigma60_release")
    optimizer = cfg.optim_wrapper.optimizer
    assert optimizer.type == "SGD" and optimizer.momentum == 0.9
    assert optimizer.lr == pytest.approx(1e-5 * scale, rel=1e-3)
    assert optimizer.weight_decay == pytest.approx(5e-4 / scale, rel=1e-3)
    assert cfg.model.loss.task == pytest.approx(1 / scale, rel=5e-3)
    assert cfg.model.loss.perceptual == 0
    assert cfg.train_cfg.max_iters == 180_000
    assert cfg.train_dataloader.batch_size == 10
    (steps,) = cfg.param_scheduler
    assert (steps.type, steps.step_size, steps.gamma) == ("StepLR", 80_000, 0.1)
    paper = read("cascade_vgg16_sigma60")
    for key in ("head", "head_checkpoint", "denoiser", "denoiser_checkpoint", "noise"):
        assert cfg.model[key] == paper.model[key]
    assert cfg.train_dataloader == paper.train_dataloader


# The stock heads, their weights and their pipelines


@pytest.mark.parametrize("name", [PAPER[-1], *OTHERS])
def test_the_checkpoint_is_the_one_the_zoo_lists(name):
    model = read(name).model
    config = model.head.partition("::")[2]
    text = (ZOO / Path(config).parent / "metafile.yml").read_text()
    entry = text.partition(f"- Name: {Path(config).stem}\n")[2].partition("- Name:")[0]
    assert f"Config: configs/{config}" in entry
    weights = re.search(r"Weights: (\S+)", entry)[1]
    # The continuation's mirror has another host.
    assert model.head_checkpoint.startswith("https://download.openmmlab.com/")
    path = model.head_checkpoint.partition(".com/")[2]
    assert weights.endswith(path)
    top1 = re.search(r"Top 1 Accuracy: (\S+)", entry)[1]
    if name in (PAPER[-1], "cascade_resnet50_sigma60"):
        assert f"{top1}" in (CONFIGS / f"{name}.py").read_text().partition("_base_")[0]


@pytest.mark.parametrize("name", [PAPER[-1], *OTHERS])
def test_the_pipelines_are_the_heads_own(name):
    """But for the loader, which refuses truncated files."""
    cfg = read(name)
    stock = get_config(cfg.model.head)
    for part in ("train_dataloader", "val_dataloader", "test_dataloader"):
        ours, theirs = (dict(c[part].dataset) for c in (cfg, stock))
        assert ours["pipeline"][0] == dict(type="mmdenoise.LoadImage")
        assert theirs["pipeline"][0] == dict(type="LoadImageFromFile")
        assert ours["pipeline"][1:] == theirs["pipeline"][1:]
        for key in ("data_root", "split"):
            assert ours[key] == theirs[key]
    kinds = [metric["type"] for metric in cfg.test_evaluator]
    assert kinds == ["Accuracy", "mmdenoise.PSNR", "mmdenoise.SSIM"]
    assert cfg.test_evaluator[0]["topk"] == (1, 5)


@pytest.mark.parametrize("name", [PAPER[-1], *OTHERS])
def test_images_come_out_of_the_pipelines_at_224(name, tmp_path):
    from PIL import Image

    cfg = read(name)
    init_default_scope(cfg.default_scope)
    path = str(tmp_path / "image.png")
    Image.effect_noise((300, 260), 60).convert("RGB").save(path)
    for part in ("train_dataloader", "val_dataloader"):
        pipeline = Compose(cfg[part].dataset.pipeline)
        packed = pipeline(dict(img_path=path, gt_label=3))
        assert packed["inputs"].shape == (3, 224, 224)
        assert packed["inputs"].dtype == torch.uint8
        assert int(packed["data_samples"].gt_label) == 3


def test_the_resnet_config_builds_and_taps_an_eighth():
    cfg = read("cascade_resnet50_sigma60")
    init_default_scope(cfg.default_scope)
    cfg.model.denoiser_checkpoint = cfg.model.head_checkpoint = None
    model = MODELS.build(cfg.model)
    assert isinstance(model, CascadeClassifier)
    # The preprocessor that stands at the top of the stock config.
    assert model.head.data_preprocessor.mean.flatten().tolist() == pytest.approx(
        [123.675, 116.28, 103.53]
    )
    assert model.frozen_head.input.order == "rgb"
    assert not any(p.requires_grad for p in model.head.parameters())
    image = torch.rand(1, 3, 64, 64)
    (features,) = model.frozen_head.tap.features_of(
        lambda: model.head.extract_feat(image)
    )
    assert features.shape == (1, 512, 8, 8)


# One denoiser for every task

DIRECTIONS = {
    "seg_to_cls": ("cascade_vgg16", "cascade_deeplab", "mmpretrain"),
    "cls_to_seg": ("cascade_deeplab", "cascade_vgg16", "mmseg"),
}


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_denoiser_of_the_other_cascade_and_nothing_else(direction, sigma):
    tested, trained, scope = DIRECTIONS[direction]
    cfg = read(f"cross_task/{direction}_sigma{sigma}")
    assert cfg.default_scope == scope
    own = read(f"{tested}_sigma{sigma}").to_dict()
    other = read(f"{trained}_sigma{sigma}")
    assert cfg.model.denoiser == other.model.denoiser
    assert cfg.model.noise == other.model.noise
    last = other.train_cfg.max_iters
    assert last % other.default_hooks.checkpoint.interval == 0
    checkpoint = f"work_dirs/{trained}_sigma{sigma}/iter_{last}.pth"
    assert cfg.model.denoiser_checkpoint == checkpoint
    own["model"]["denoiser_checkpoint"] = checkpoint
    assert cfg.to_dict() == own


@pytest.mark.parametrize("direction", ["seg_to_cls", "cls_to_seg"])
def test_a_cascades_checkpoint_is_a_denoiser_for_another_head(
    direction, seg_head, cls_head, make_cascade, tmp_path
):
    """Strictly loaded, equal to the bit; and not taken for the cascade's own."""
    kinds = dict(
        seg=(seg_head, "CascadeSegmentor"), cls=(cls_head, "CascadeClassifier")
    )
    first, second = direction.split("_to_")
    source = make_cascade(kinds[first][0], kind=kinds[first][1])
    for parameter in source.denoiser.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    path = str(tmp_path / "iter_60000.pth")
    torch.save(dict(meta={}, state_dict=source.state_dict()), path)
    head, kind = kinds[second]
    target = make_cascade(head, kind=kind, denoiser_checkpoint=path)
    ours, theirs = target.denoiser.state_dict(), source.denoiser.state_dict()
    assert set(ours) == set(theirs) and all(
        torch.equal(ours[k], theirs[k]) for k in ours
    )
    with pytest.raises(RuntimeError, match="head"):
        target.load_state_dict(source.state_dict())


# The demo


@pytest.mark.parametrize(
    "separate, joint", [("separate", "joint"), ("classify_separate", "classify_joint")]
)
def test_the_demos_arms_differ_in_the_loss_alone(separate, joint):
    arms = [read(f"demo/{name}") for name in (separate, joint)]
    assert arms[0].model.loss.pop("task") == arms[0].model.loss.pop("perceptual") == 0
    for name in ("task", "perceptual"):
        assert arms[1].model.loss.pop(name) > 0
    assert arms[0].to_dict() == arms[1].to_dict()


def test_the_demos_classifier_and_its_cascade_fit():
    head, joint, seg = (
        read(f"demo/{n}") for n in ("classifier", "classify_joint", "joint")
    )
    assert (ROOT / joint.model.head) == CONFIGS / "demo" / "classifier.py"
    iterations = head.train_cfg.max_iters
    assert joint.model.head_checkpoint.endswith(f"/classifier/iter_{iterations}.pth")
    # One denoiser serves both tasks, and both cascades start from it.
    for key in ("denoiser", "denoiser_checkpoint", "noise"):
        assert joint.model[key] == seg.model[key]
    for cfg in (head, joint):
        assert cfg.train_dataloader.dataset.type == "mmdenoise.TexturedClassesDataset"
    init_default_scope("mmpretrain")
    classifier = MODELS.build(head.model)
    joint.model.update(head=str(CONFIGS / "demo" / "classifier.py"))
    joint.model.update(head_checkpoint=None, denoiser_checkpoint=None)
    model = MODELS.build(joint.model)
    shapes = {name: p.shape for name, p in classifier.named_parameters()}
    assert {name: p.shape for name, p in model.head.named_parameters()} == shapes
    assert sum(p.numel() for p in classifier.parameters()) < 200_000
    assert model.frozen_head.tap.name == "backbone.layer1"
