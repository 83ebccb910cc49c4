"""Every shipped config: it reads, it builds, and what it names fits together."""

import copy
import json
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, init_default_scope

from mmdenoise.models import Cascade
from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import read_denoiser_info, whole_config
from mmdenoise.weights.zoo import zoo_file

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    path
    for path in (ROOT / "configs").rglob("*.py")
    if "_base_" not in path.relative_to(ROOT).parts
)
NAMES = [str(path.relative_to(ROOT / "configs")) for path in CONFIGS]
SCHEDULES = sorted((ROOT / "configs" / "_base_" / "schedules").glob("*.py"))
# A schedule is a base file or stands in the config itself; it trains a cascade.
HEADS = ("head.py", "classifier.py")
DEMO = sorted((ROOT / "configs" / "demo").glob("*.py"))
TRAINING = [*SCHEDULES, *(path for path in DEMO if path.name not in HEADS)]
EVERY = pytest.mark.parametrize("path", CONFIGS, ids=NAMES)


@pytest.fixture(scope="module")
def tiny_head(seg_config):
    """Stands for a user's own segmentor."""
    return seg_config()


@pytest.fixture(scope="module")
def build(tiny_head):
    """Build a config's model, each one once, without the files it starts from."""
    built = {}

    def get(path):
        if path not in built:
            cfg = Config.fromfile(path)
            model = cfg.model
            if "denoiser" in model:
                model.denoiser_checkpoint = model.head_checkpoint = None
                head = model.get("head")
                if isinstance(head, str):
                    # Without a head_checkpoint its start would be downloaded.
                    model.head_options = {"backbone.init_cfg": None}
                    if "::" not in head and not Path(head).is_file():
                        model.head = tiny_head
                    elif "/vgg16_" in head:
                        # Without its fully connected layers, nine tenths of it.
                        model.head_options["backbone.num_classes"] = -1
            init_default_scope(cfg.default_scope)
            built[path] = MODELS.build(model)
        return built[path]

    return get


def strings(value, where=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from strings(inner, f"{where}[{index}]")
    elif isinstance(value, str):
        yield where, value


def test_there_are_configs():
    assert {"denoise/multiscale_sigma60.py", "demo/joint.py", "demo/head.py"} < set(
        NAMES
    )
    assert "cascade_deeplabv3_r50_sigma60.py" in NAMES
    assert len(SCHEDULES) >= 4 and len(TRAINING) >= len(SCHEDULES) + 3


@EVERY
def test_it_reads(path):
    cfg = Config.fromfile(path)
    assert {"model", "train_dataloader", "test_dataloader", "optim_wrapper"} <= set(cfg)
    assert "mmdenoise" in cfg.custom_imports.imports
    assert cfg.default_scope in ("mmengine", "mmseg", "mmpretrain"), "the host's"


@EVERY
def test_no_path_is_absolute(path):
    source = path.read_text()
    found = [
        (where, text)
        for where, text in strings(Config.fromfile(path).to_dict())
        if Path(text).is_absolute() or re.match(r"~|[A-Za-z]:[\\/]", text)
        # What lies beside the config; its text says {{ fileDirname }}.
        if not text.startswith(f"{ROOT / 'configs'}/")
    ]
    assert found == []
    assert "__file__" not in source and "expanduser" not in source


@EVERY
def test_the_model_builds(path, build):
    cfg = Config.fromfile(path)
    model = build(path)
    if "denoiser" not in cfg.model:
        assert any(p.requires_grad for p in model.parameters())
        return
    assert isinstance(model, Cascade)
    assert all(p.requires_grad for p in model.denoiser.parameters())
    noise = model.data_preprocessor.noise
    if noise is None:
        assert all("Pair" in str(one) for one in dataset_types(cfg)), "pairs, or noise"
        return
    for one in getattr(noise, "models", [noise]):
        levels = one.sigma if isinstance(one.sigma, tuple) else (one.sigma,)
        assert 0 <= min(levels) and max(levels) <= 75
        assert max(levels) > 0 or one.told
    name = re.search(r"sigma(\d+)", path.stem)
    assert name is None or noise.sigma == int(name[1]), "as the file's name says"
    assert noise.seed == 0
    loss = model.joint_loss
    assert loss.reconstruction == 1
    assert loss.perceptual >= 0 and loss.task >= 0
    if model.head is not None:
        assert not any(p.requires_grad for p in model.head.parameters())
        assert loss.perceptual == 0 or model.frozen_head.tap.name == cfg.model.tap


@pytest.mark.parametrize("path", TRAINING, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_schedules_keep_the_head_out_of_the_optimiser(path, tiny_head, make_cascade):
    wrapper = Config.fromfile(path).optim_wrapper
    if wrapper.type == "AmpOptimWrapper":
        # It wants a GPU as it is built; which weights it holds is the other's way.
        wrapper.type = "OptimWrapper"
        del wrapper.dtype, wrapper.loss_scale
    model = make_cascade(tiny_head, tap="backbone.layer3")
    if wrapper.get("constructor") is None and wrapper.get("paramwise_cfg") is None:
        # A denoiser by itself: there is no head to keep out.
        assert Config.fromfile(path).model.get("head") is None
        model = make_cascade()
    optimizer = build_optim_wrapper(model, copy.deepcopy(wrapper)).optimizer
    held = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(held) == len(set(map(id, held)))
    assert set(map(id, held)) == set(map(id, model.denoiser.parameters()))


@pytest.mark.parametrize("path", TRAINING, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_rate_ends_with_the_iterations(path):
    cfg = Config.fromfile(path)
    parts = cfg.param_scheduler
    assert [parts[0]["begin"], *(part["begin"] for part in parts[1:])] == [
        0,
        *(part["end"] for part in parts[:-1]),
    ]
    assert parts[-1]["end"] == cfg.train_cfg.max_iters
    assert all(p["T_max"] == p["end"] - p["begin"] for p in parts if "T_max" in p)


@EVERY
def test_an_interrupted_training_can_go_on(path):
    hook = Config.fromfile(path).default_hooks.checkpoint
    assert hook.backend_args == dict(backend="mmdenoise.atomic")
    # MMEngine removes the oldest before it writes the newest.
    assert hook.max_keep_ckpts >= 2
    assert not hook.by_epoch
    assert hook.interval <= Config.fromfile(path).train_cfg.max_iters / 3


def dataset_types(cfg):
    loaders = (cfg.get(part) for part in ("train_dataloader", "val_dataloader"))
    return [loader.dataset.type for loader in loaders if loader is not None]


@EVERY
def test_a_denoiser_comes_from_the_zoo_or_a_config_that_makes_it(path):
    cfg = Config.fromfile(path)
    checkpoint = cfg.model.get("denoiser_checkpoint")
    if checkpoint is None:
        assert "cascade" not in path.stem
        return
    if checkpoint == "work_dirs/multiscale_start.pth":
        assert cfg.model.denoiser.takes_sigma
        assert checkpoint in (ROOT / "docs" / "training_denoisers.md").read_text()
        return
    gaussian = cfg.model.noise is not None and "Gaussian" in cfg.model.noise.type
    sigma = cfg.model.noise.sigma if gaussian else None
    if zoo_file(checkpoint):
        level = f"_sigma{sigma}" if gaussian else "_blind"
        if cfg.model.denoiser.get("takes_sigma"):
            # The zoo's own training goes on from the weights that it replaces.
            own = path.stem == "multiscale_20k"
            level = "_2026_11" if own else ""
        assert checkpoint == f"multiscale{level}"
        ours = whole_config(cfg.model.denoiser)
        released = read_denoiser_info(zoo_file(checkpoint))["denoiser"]
        assert whole_config(json.loads(released)) == ours
        return
    folder, iteration = re.fullmatch(
        r"work_dirs/(.+)/iter_(\d+)\.pth", checkpoint
    ).groups()
    # Either a config's default work folder or the demo's.
    name = folder.split("/")[-1]
    (maker,) = [one for one in CONFIGS if one.stem == name]
    made = Config.fromfile(maker)
    assert made.train_cfg.max_iters == int(iteration)
    assert cfg.model.denoiser == made.model.denoiser
    levels = made.model.noise.sigma
    low, high = levels if isinstance(levels, (tuple, list)) else (levels, levels)
    assert low <= sigma <= high


@EVERY
def test_a_head_comes_from_a_config_that_makes_it(path):
    model = Config.fromfile(path).model
    head, checkpoint = model.get("head"), model.get("head_checkpoint")
    if not isinstance(head, str) or not (ROOT / head).is_file():
        return  # a model dict with weights from the zoo, or the user's own
    folder, iteration = re.fullmatch(
        r"work_dirs/(.+)/iter_(\d+)\.pth", checkpoint
    ).groups()
    assert folder.split("/")[-1] == Path(head).stem
    assert Config.fromfile(ROOT / head).train_cfg.max_iters == int(iteration)


def test_the_papers_noise_levels_are_shipped():
    for sigma in (15, 30, 45, 60):
        assert f"cascade_deeplab_sigma{sigma}.py" in NAMES
        assert f"denoise/multiscale_sigma{sigma}.py" in NAMES


def test_another_noise_level_is_two_lines(tmp_path):
    base = ROOT / "configs" / "cascade_deeplabv3_r50_sigma60.py"
    text = f"_base_ = ['{base}']\nmodel = dict(noise=dict(sigma=30))\n"
    path = tmp_path / "cascade_deeplabv3_r50_sigma30.py"
    path.write_text(text)
    assert len(text.splitlines()) == 2
    found, expected = Config.fromfile(path).to_dict(), Config.fromfile(base).to_dict()
    assert found["model"]["noise"] == dict(type="mmdenoise.GaussianNoise", sigma=30)
    expected["model"]["noise"]["sigma"] = 30
    assert found == expected


def test_joint_training_at_any_level_keeps_the_zoos_noise():
    """On float noise alone a denoiser forgets what a file of 8 bits clips."""
    ours = Config.fromfile(ROOT / "configs/denoise/multiscale.py").model.noise
    paths = sorted((ROOT / "configs").glob("cascade_own_*_any_level.py"))
    assert len(paths) == 4
    assert all(Config.fromfile(path).model.noise == ours for path in paths)
    kinds = [bool(one.get("clip")) for one in ours.models if one.sigma]
    assert kinds == [False, True]


def test_the_demos_arms_differ_in_the_loss_alone():
    separate, joint = (
        Config.fromfile(ROOT / "configs" / "demo" / f"{name}.py").to_dict()
        for name in ("separate", "joint")
    )
    alone = separate["model"].pop("loss")
    together = joint["model"].pop("loss")
    assert separate == joint
    assert alone.pop("type") == together.pop("type") == "mmdenoise.JointLoss"
    assert alone == dict(perceptual=0, task=0)
    assert together["perceptual"] > 0 and together["task"] > 0


def test_the_demos_head_is_the_one_its_arms_name(build):
    joint = Config.fromfile(ROOT / "configs" / "demo" / "joint.py")
    assert (ROOT / joint.model.head).is_file()
    head = build(ROOT / "configs" / "demo" / "head.py")
    cascade = build(ROOT / "configs" / "demo" / "joint.py")
    shapes = {name: p.shape for name, p in head.named_parameters()}
    assert {n: p.shape for n, p in cascade.head.named_parameters()} == shapes
    iterations = Config.fromfile(ROOT / joint.model.head).train_cfg.max_iters
    assert joint.model.head_checkpoint.endswith(f"head/iter_{iterations}.pth")


def test_the_paper_sized_denoiser_is_what_configs_ship(build):
    model = build(ROOT / "configs" / "denoise" / "multiscale_sigma60.py")
    assert sum(p.numel() for p in model.denoiser.parameters()) == 1_033_443
    assert model.head is None


@pytest.mark.parametrize("path", CONFIGS, ids=NAMES)
def test_the_pipelines_build(path):
    """Each transform exists under the config's scope."""
    from mmengine.dataset import Compose

    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    for part in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if cfg.get(part) is None:
            continue
        dataset = cfg[part].dataset
        for one in dataset.get("datasets", [dataset]):
            if one.type == "mmdenoise.PatchDataset":
                continue  # it has none; it loads as LoadImage does
            kinds = [str(step.type) for step in one.pipeline]
            loaders = ("mmdenoise.LoadImage", "mmdenoise.LoadPair")
            assert kinds[0] in loaders, "truncated files must not pass"
            assert not any("Normalize" in kind or "Pad" in kind for kind in kinds)
            assert len(Compose(one.pipeline).transforms) == len(kinds)
            with DATASETS.switch_scope_and_registry(cfg.default_scope) as registry:
                assert registry.get(one.type) is not None
