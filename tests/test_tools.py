"""The command-line tools on a tiny set: what works, and one line for what does not."""

import os
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from PIL import Image
from torch._utils import ExceptionWrapper

from mmdenoise import precision
from mmdenoise.cli.errors import exit_code
from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import read_release_info
from tests.fixtures.commands import CommandRun

ROOT = Path(__file__).parents[1]
SIZE = 48
SMALL = dict(encoder_channels=8, decoder_channels=8, stem_channels=4)
# On older versions of PyTorch one without the other is refused.
RESUME = ["--resume", "--trust-checkpoint"]


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("LOCAL_RANK", "MMDENOISE_TRACEBACK"):
        # Set and delete: what a tool sets is undone at the test's end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    # A logger of an earlier test writes to a stream that is closed.
    MMLogger._instance_dict.clear()


@pytest.fixture(scope="session")
def world(tmp_path_factory, seg_config, save_head):
    """A set, a head with a test of its own, and configs of a cascade in files."""
    folder = tmp_path_factory.mktemp("tools")
    data = str(make_voc_dataset(folder / "data", train=4, val=3, size=SIZE))
    bases = [
        str(ROOT / "configs" / "_base_" / name)
        for name in ("default_runtime.py", "datasets/textured_shapes.py")
    ]
    shared = Config(dict())
    for base in bases:
        shared.merge_from_dict(Config.fromfile(base).to_dict())
    for part in ("train_dataloader", "test_dataloader"):
        shared[part].batch_size = 2
        shared[part].dataset.data_root = data
    shared.data_root = data
    shared = shared.to_dict()
    shared["default_hooks"]["checkpoint"]["interval"] = 1
    shared["default_hooks"]["logger"]["interval"] = 1

    # Its preprocessor pads in testing, to 64x64.
    model = seg_config(
        dict(mean=[120, 110, 100], std=[60, 61, 62], bgr_to_rgb=True, size=(SIZE, SIZE))
    )
    model["data_preprocessor"]["test_cfg"] = dict(size_divisor=32)
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
        model[part]["loss_decode"]["avg_non_ignore"] = True
    test = {
        key: value
        for key, value in shared.items()
        if not key.startswith("train_") and key != "default_scope"
    }
    test["test_evaluator"] = test["test_evaluator"][:1]
    head, head_checkpoint = save_head(folder / "head", model, **test)

    cascade = dict(
        type="mmdenoise.CascadeSegmentor",
        denoiser=dict(type="mmdenoise.MultiScaleDenoiser", **SMALL),
        head=head,
        head_checkpoint=head_checkpoint,
        tap="backbone.layer2",
        noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
        loss=dict(type="mmdenoise.JointLoss", perceptual=0.01, task=0.01),
    )
    config = Config(
        dict(
            shared,
            model=cascade,
            optim_wrapper=dict(
                type="OptimWrapper",
                optimizer=dict(type="Adam", lr=1e-3),
                paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=1.0)}),
            ),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=2),
            randomness=dict(seed=0),
        )
    )
    config.dump(str(folder / "cascade.py"))
    identity = folder / "identity.py"
    identity.write_text(
        "_base_ = './cascade.py'\n"
        "model = dict(denoiser=dict(_delete_=True, type='mmdenoise.IdentityDenoiser'),"
        " noise=dict(sigma=0))\n"
    )
    torch.manual_seed(0)
    denoiser = str(folder / "denoiser.pth")
    state = MODELS.build(cascade["denoiser"]).state_dict()
    torch.save({f"denoiser.{key}": value for key, value in state.items()}, denoiser)
    return SimpleNamespace(
        folder=folder,
        data=data,
        config=str(folder / "cascade.py"),
        identity=str(identity),
        head=head,
        head_checkpoint=head_checkpoint,
        denoiser=denoiser,
    )


@pytest.fixture
def tool(command, tmp_path):
    """Run a command with a folder and a logger of its own."""
    count = iter(range(100))

    def run(name, *arguments, options=(), out="work"):
        arguments = [name, *arguments]
        if name != "export":
            # Loggers are kept by the experiment's name, which is otherwise the second.
            name_option = f"experiment_name={tmp_path.name}_{next(count)}"
            arguments += ["--work-dir", tmp_path / out]
            arguments += ["--cfg-options", name_option, *options]
        return command(*arguments)

    return run


def metrics_of(run):
    """Numbers of the line that ends a test, as printed."""
    assert run.code == 0, run.err
    (line,) = re.findall(r"Iter\(test\) \[\d+/\d+\] +(.*mIoU: .*)", run.out)
    found = dict(re.findall(r"(\w+): ([\d.]+|inf)", line))
    return {k: v for k, v in found.items() if k not in ("data_time", "time")}


# What works


def test_the_identity_cascade_scores_as_its_head(tool, world):
    """Promise 12, through the tool, on batches that the head pads."""
    bare = metrics_of(tool("test", world.head, world.head_checkpoint))
    cascade = metrics_of(tool("test", world.identity))
    assert set(bare) == {"aAcc", "mIoU", "mAcc"}
    assert {name: cascade[name] for name in bare} == bare
    assert cascade["PSNR"] == "inf"
    noisy = metrics_of(tool("test", world.identity, options=["model.noise.sigma=60"]))
    assert noisy["aAcc"] != bare["aAcc"]


def test_train_test_and_resume(tool, world, tmp_path):
    first = tool("train", world.config)
    assert first.code == 0, first.err
    work = tmp_path / "work"
    kept = sorted(path.name for path in work.glob("*.pth"))
    assert kept == ["iter_1.pth", "iter_2.pth"]
    assert re.search(r"Iter\(train\) \[2/2\].* loss_task: [\d.]+", first.out)

    tested = metrics_of(tool("test", world.config, work / "iter_2.pth", out="test"))
    assert {"mIoU", "PSNR", "SSIM"} <= set(tested)

    # Killed in the middle of writing iter_2: it goes on from iter_1.
    whole = (work / "iter_2.pth").read_bytes()
    (work / "iter_2.pth").write_bytes(whole[: len(whole) // 2])
    resumed = tool("train", world.config, *RESUME, options=["train_cfg.max_iters=3"])
    assert resumed.code == 0, resumed.err
    assert "resumed epoch: 0, iter: 1" in resumed.out
    assert "passed over" in resumed.out and "iter_2.pth" in resumed.out
    assert re.findall(r"Iter\(train\) \[(\d)/3\]", resumed.out) == ["2", "3"]
    assert {path.name for path in work.glob("*.pth")} >= {"iter_2.pth", "iter_3.pth"}


def test_resume_where_there_is_nothing_starts_from_the_beginning(tool, world):
    run = tool("train", world.config, *RESUME, options=["train_cfg.max_iters=1"])
    assert run.code == 0, run.err
    assert "Iter(train) [1/1]" in run.out


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_release_works_wherever_its_checkpoint_does(tool, world, tmp_path, kind):
    assert tool("train", world.config).code == 0
    checkpoint, release = tmp_path / "work" / "iter_2.pth", tmp_path / f"x.{kind}"
    run = tool("export", checkpoint, release)
    assert run.code == 0, run.err
    info = read_release_info(str(release))
    said = [f"{key}: {value}" for key, value in info.items()]
    assert sorted(run.out.splitlines()) == sorted([*said, f"written: {release}"])
    assert info["iteration"] == "2" and len(info["head_fingerprint"]) == 64

    expected = metrics_of(tool("test", world.config, checkpoint))
    assert metrics_of(tool("test", world.config, release)) == expected
    option = [f"model.denoiser_checkpoint={release}"]
    assert metrics_of(tool("test", world.config, options=option)) == expected

    photo = next(Path(world.data, "JPEGImages").glob("*.png"))
    pictures = []
    for number, path in enumerate((checkpoint, release, world.denoiser)):
        out = tmp_path / f"out{number}"
        more = ["--out-dir", out, "--device", "cpu"]
        assert tool("predict", world.config, path, photo, *more).code == 0
        pictures.append((out / f"{photo.stem}_denoised.png").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_predictions_can_be_kept(tool, world, tmp_path):
    run = tool("test", world.identity, "--out", tmp_path / "found.pkl")
    assert run.code == 0, run.err
    assert (tmp_path / "found.pkl").stat().st_size > 0


def test_predict(tool, world, tmp_path):
    photo = next(Path(world.data, "JPEGImages").glob("*.png"))
    run = tool(
        *("predict", world.config, world.denoiser, photo),
        *("--out-dir", tmp_path / "out", "--device", "cpu"),
    )
    assert run.code == 0, run.err
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    kinds = ("denoised", "labels", "overlay")
    assert files == [f"{photo.stem}_{kind}.png" for kind in kinds]
    said = [f"written: {tmp_path / 'out' / name}" for name in files]
    assert [line for line in run.out.splitlines() if "written" in line] == said


def test_loss_balance(tool, world):
    run = tool("balance", world.config, "--batches", 1)
    assert run.code == 0, run.err
    rows = [line.split("|") for line in run.out.splitlines() if line.startswith("|")]
    assert [row[1].strip() for row in rows[2:]] == [
        "reconstruction",
        "perceptual",
        "task",
    ]
    pulls = [float(row[3]) for row in rows[2:]]
    weights = [float(row[4]) for row in rows[2:]]
    assert weights == pytest.approx([pulls[0] / pull for pull in pulls], rel=0.06)


# What does not, each one line


@pytest.mark.parametrize(
    "name, more",
    [
        ("train", []),
        ("test", []),
        ("compare", []),
        ("balance", []),
        ("predict", ["a.pth", "a.png"]),
    ],
)
def test_a_missing_config(tool, name, more):
    assert tool(name, "gone.py", *more).error == "there is no config 'gone.py'"


def test_a_missing_checkpoint_on_the_command_line(tool, world):
    found = tool("test", world.config, "gone.pth").error
    assert found == "there is no checkpoint 'gone.pth'"


@pytest.mark.parametrize("option", ["head_checkpoint", "denoiser_checkpoint"])
@pytest.mark.parametrize("name", ["train", "test"])
def test_a_missing_file_of_weights(tool, world, name, option):
    run = tool(name, world.config, options=[f"model.{option}=gone.pth"])
    assert run.error == f"{option}: there is no file 'gone.pth'"


def test_a_missing_head_config(tool, world):
    run = tool("test", world.config, options=["model.head=gone.py"])
    assert run.error == "head: there is no config 'gone.py'"


def spoil(state, how, key):
    if how == "missing":
        del state[key]
        return f"missing: {key}"
    if how == "unknown":
        state[f"{key}_foreign"] = torch.zeros(1)
        return f"unknown: {key}_foreign"
    shape = tuple(state[key].shape)
    state[key] = torch.zeros(7, 7)
    return f"wrong shape: {key} (7, 7) instead of {shape}"


HOW = pytest.mark.parametrize("how", ["missing", "unknown", "wrong shape"])


@HOW
def test_a_head_checkpoint_that_does_not_fit(tool, world, tmp_path, how):
    saved = torch.load(world.head_checkpoint)
    expected = spoil(saved["state_dict"], how, "decode_head.conv_seg.weight")
    path = str(tmp_path / "bad.pth")
    torch.save(saved, path)
    run = tool("test", world.config, options=[f"model.head_checkpoint={path}"])
    assert run.error == f"head_checkpoint {path!r} does not fit: {expected}"


@HOW
def test_a_denoiser_checkpoint_that_does_not_fit(tool, world, tmp_path, how):
    state = torch.load(world.denoiser)
    expected = spoil(state, how, "denoiser.stem.bias").replace("denoiser.", "")
    path = str(tmp_path / "bad.pth")
    torch.save(state, path)
    run = tool("train", world.config, options=[f"model.denoiser_checkpoint={path}"])
    assert run.error == f"denoiser_checkpoint {path!r} does not fit: {expected}"


@HOW
def test_a_tested_checkpoint_that_does_not_fit(tool, world, tmp_path, how):
    """Through MMEngine's own loader, which would let it pass with a warning."""
    state = torch.load(world.denoiser)
    expected = spoil(state, how, "denoiser.stem.bias").replace("denoiser.", "")
    torch.save(dict(state_dict=state, meta={}), tmp_path / "bad.pth")
    found = tool("test", world.config, tmp_path / "bad.pth").error
    assert found == f"the checkpoint's denoiser does not fit: {expected}"


@pytest.fixture
def trap(world, tmp_path):
    """Files of weights that fit, and make a folder when they are unpickled."""
    mark = tmp_path / "sprung"

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(mark),)

    def save(path, name, **more):
        content = torch.load(getattr(world, name), weights_only=True)
        content = content if "state_dict" in content else dict(state_dict=content)
        path.parent.mkdir(exist_ok=True)
        torch.save(dict(content, **more, extra=Trap()), path)
        return path

    head = save(tmp_path / "head_trap.pth", "head_checkpoint")
    denoiser = save(tmp_path / "trap.pth", "denoiser")
    resumed = save(
        tmp_path / "work" / "iter_1.pth", "denoiser", meta=dict(iter=1, epoch=0)
    )
    pretrained = tmp_path / "pretrained.py"
    pretrained.write_text(
        f"_base_ = {world.config!r}\n"
        "model = dict(head_checkpoint=None, head_options={'init_cfg': "
        f"dict(type='Pretrained', checkpoint={str(head)!r})}})\n"
    )
    return SimpleNamespace(
        mark=mark, head=head, denoiser=denoiser, resumed=resumed, pretrained=pretrained
    )


def test_the_traps_work(trap):
    """Where files are unpickled; else the tests below would show nothing."""
    for path in (trap.head, trap.denoiser, trap.resumed):
        torch.load(path, weights_only=False)
        trap.mark.rmdir()


@pytest.mark.parametrize(
    "name, arguments, option",
    [
        ("train", ["{config}"], "model.head_checkpoint={head}"),
        ("test", ["{config}"], "model.head_checkpoint={head}"),
        ("train", ["{config}"], "model.denoiser_checkpoint={denoiser}"),
        ("test", ["{config}"], "model.denoiser_checkpoint={denoiser}"),
        ("train", ["{config}"], "load_from={denoiser}"),
        ("train", ["{pretrained}"], "launcher=none"),
        ("test", ["{pretrained}"], "launcher=none"),
        ("balance", ["{pretrained}"], "launcher=none"),
        ("test", ["{config}", "{denoiser}"], "launcher=none"),
        ("test", ["{head_config}", "{head}"], "launcher=none"),
        ("predict", ["{config}", "{denoiser}", "{photo}"], "launcher=none"),
        ("compare", ["{config}", "--denoiser", "a={denoiser}"], "launcher=none"),
        ("export", ["{denoiser}", "out.pth"], None),
        ("train", ["{config}", "--resume"], "launcher=none"),
    ],
)
def test_no_checkpoint_runs_code(tool, world, trap, name, arguments, option):
    names = dict(vars(trap), config=world.config, head_config=world.head)
    names["photo"] = next(Path(world.data, "JPEGImages").glob("*.png"))
    options = [] if option is None else [option.format(**names)]
    run = tool(name, *(text.format(**names) for text in arguments), options=options)
    found = run.error
    if "--resume" not in arguments:
        assert "trap.pth" in found and "and was not opened" in found
    else:
        assert "none of the 1 checkpoints" in found
        assert "iter_1.pth' is corrupt or holds more than weights" in run.out
    assert not trap.mark.exists()


def test_resuming_runs_no_text(tool, world, tmp_path):
    """MMEngine executes ``meta.config``, a config's text, where there is one."""
    assert tool("train", world.config, options=["train_cfg.max_iters=1"]).code == 0
    path = tmp_path / "work" / "iter_1.pth"
    saved = torch.load(path, weights_only=False)
    saved["meta"]["config"] = f"import os\nos.mkdir({str(tmp_path / 'mark')!r})\n"
    torch.save(saved, path)
    run = tool("train", world.config, *RESUME)
    assert run.code == 0, run.err
    assert "resumed epoch: 0, iter: 1" in run.out
    assert not (tmp_path / "mark").exists()


def test_trust_is_for_the_checkpoint_to_resume(tool, world, trap):
    for option in ("head_checkpoint={head}", "denoiser_checkpoint={denoiser}"):
        options = [f"model.{option}".format(**vars(trap))]
        run = tool("train", world.config, *RESUME, options=options)
        found = run.error
        assert "trap.pth" in found and "and was not opened" in found
        assert "iter_1.pth' holds more than data; it is trusted" in run.out
        trap.mark.rmdir()  # made by the file that is trusted


def test_what_is_plain_needs_no_trust(tool, world, tmp_path):
    """Nor is it unpickled where it is trusted."""
    first = tool("train", world.config, options=["train_cfg.max_iters=1"])
    assert first.code == 0, first.err
    run = tool("train", world.config, *RESUME)
    assert run.code == 0, run.err
    assert "resumed epoch: 0, iter: 1" in run.out
    assert "it is trusted" not in run.out
    assert (tmp_path / "work" / "iter_2.pth").is_file()


def test_trust_without_resuming_is_refused(tool, world):
    found = tool("train", world.config, "--trust-checkpoint").error
    assert found.startswith("--trust-checkpoint goes with --resume")


@pytest.fixture
def cut(world, tmp_path):
    """A checkpoint cut short."""
    path = tmp_path / "cut.pth"
    path.write_bytes(Path(world.denoiser).read_bytes()[:2000])
    return path


def test_a_checkpoint_cut_short_is_named(tool, world, cut):
    photo = next(Path(world.data, "JPEGImages").glob("*.png"))
    for run in (
        tool("train", world.config, options=[f"load_from={cut}"]),
        tool("train", world.config, options=[f"model.denoiser_checkpoint={cut}"]),
        tool("test", world.config, cut),
        tool("test", world.head, cut),
        tool("predict", world.config, cut, photo),
        tool("compare", world.config, "--denoiser", f"a={cut}"),
        tool("export", cut, "out.pth"),
    ):
        assert f"cannot read {str(cut)!r}" in run.error


def test_resuming_from_nothing_but_what_is_cut_short(tool, world, cut, tmp_path):
    """It does not begin again in silence, and over what may be mended."""
    (tmp_path / "work").mkdir()
    cut.rename(tmp_path / "work" / "iter_1.pth")
    run = tool("train", world.config, *RESUME)
    assert "none of the 1 checkpoints" in run.error
    assert "cannot read" in run.out and "iter_1.pth" in run.out


def test_a_denoiser_that_came_apart(tool, world, tmp_path):
    state = torch.load(world.denoiser, weights_only=True)
    state["denoiser.stem.bias"][1] = float("nan")
    path = str(tmp_path / "nan.pth")
    torch.save(state, path)
    what = "holds NaN or infinite values in stem.bias"
    for run in (
        tool("train", world.config, options=[f"load_from={path}"]),
        tool("test", world.config, path),
    ):
        assert run.error == f"the checkpoint's denoiser {what}"
    run = tool("test", world.config, options=[f"model.denoiser_checkpoint={path}"])
    assert run.error == f"denoiser_checkpoint {path!r} {what}"


def test_a_release_of_another_architecture(tool, world, tmp_path):
    """The weights would fit; what they make of an image would be another."""
    release = tmp_path / "x.safetensors"
    run = tool("export", world.denoiser, release, "--config", world.config)
    assert run.code == 0, run.err
    options = ["model.denoiser.global_skip=False"]
    found = tool("test", world.config, release, options=options).error
    assert found == (
        f"denoiser_checkpoint {str(release)!r} is a release of "
        "mmdenoise.MultiScaleDenoiser(global_skip=True), and the config builds "
        "mmdenoise.MultiScaleDenoiser(global_skip=False)"
    )


def test_what_is_no_denoiser_is_called_by_name(tool, world):
    found = tool("test", world.config, world.head_checkpoint).error
    assert "it holds backbone.*, decode_head.*, auxiliary_head.*, not stem.*" in found
    option = [f"model.head_checkpoint={world.denoiser}"]
    found = tool("test", world.config, options=option).error
    assert "it holds a cascade's denoiser, not backbone.*" in found


def test_exporting_says_what_is_missing(tool, world):
    found = tool("export", world.denoiser, "out.pth").error
    assert found.endswith("name the training's config with --config")
    run = tool("export", world.denoiser, "out.pth", "--config", "gone.py")
    assert run.error == "there is no config 'gone.py'"
    found = tool("export", "gone.pth", "out.pth").error
    assert found == "checkpoint: there is no file 'gone.pth'"
    run = tool("export", world.denoiser, "x.npz", "--config", world.config)
    assert "ends in .safetensors or .pth" in run.error
    run = tool("export", world.denoiser, "x.pth", "--config", world.config)
    assert run.code == 0, run.err
    assert Path("x.pth").is_file() and not Path("out.pth").exists()


def test_an_unknown_tap(tool, world):
    run = tool("train", world.config, options=["model.tap=backbone.layer9"])
    found = run.error
    assert found.startswith("tap: the head has no module 'backbone.layer9'")
    assert "did you mean backbone.layer" in found
    for name in ("backbone.layer1", "backbone.layer4", "decode_head"):
        assert name in found


@pytest.mark.parametrize(
    "value, message",
    [
        ("-1", "sigma must not be negative, got -1"),
        ("nan", "sigma must be a finite number"),
        ("inf", "sigma must be a finite number"),
        ("(60,0)", "needs low <= high"),
    ],
)
def test_a_wrong_noise_level(tool, world, value, message):
    run = tool("train", world.config, options=[f"model.noise.sigma={value}"])
    assert message in run.error


@pytest.mark.parametrize("name", ["perceptual", "task", "reconstruction"])
@pytest.mark.parametrize("value", ["-0.5", "nan"])
def test_a_wrong_loss_weight(tool, world, name, value):
    run = tool("train", world.config, options=[f"model.loss.{name}={value}"])
    expected = f"loss weight {name} must be finite and not negative, got {value}"
    assert run.error == expected


@pytest.mark.parametrize("name, part", [("train", "train"), ("test", "test")])
def test_a_pipeline_that_already_normalises(tool, world, tmp_path, name, part):
    path = tmp_path / "normalised.py"
    path.write_text(
        f"_base_ = {world.config!r}\n"
        f"{part}_dataloader = dict(dataset=dict(pipeline=[\n"
        "    dict(type='mmdenoise.LoadImage'),\n"
        "    dict(type='LoadAnnotations'),\n"
        "    dict(type='Normalize', mean=[120] * 3, std=[60] * 3),\n"
        "    dict(type='PackSegInputs')]))\n"
    )
    assert "the pipeline already normalises" in tool(name, path).error


@pytest.mark.parametrize(
    "config, message",
    [
        ("denoise/multiscale_sigma60.py", "'data/denoising/cbsd68'; download BSDS500"),
        ("demo/head.py", "mmdenoise data shapes work_dirs/demo/data"),
    ],
)
def test_missing_data_says_how_to_get_it(tool, config, message):
    assert message in tool("test", ROOT / "configs" / config).error


def test_missing_voc_says_how_to_get_it(tool, world):
    options = [
        f"model.head={world.head}",
        f"model.head_checkpoint={world.head_checkpoint}",
        "model.denoiser_checkpoint=None",
    ]
    config = ROOT / "configs" / "cascade_own_segmentor_sigma60.py"
    for name in ("train", "test"):
        found = tool(name, config, options=options).error
        assert "there is no 'data/VOCdevkit/VOC2012'; download VOCtrainval" in found


def test_missing_voc_is_said_before_missing_checkpoints(tool):
    """In a fresh clone; the head's training needs the same data."""
    config = ROOT / "configs" / "cascade_deeplab_sigma60.py"
    voc = "data/VOCdevkit/VOC2012"
    message = tool("train", str(config)).error
    assert f"there is no {voc!r}" in message and "download" in message
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        Path(voc, name).mkdir(parents=True)
    for name in ("train", "val"):
        Path(voc, "ImageSets/Segmentation", f"{name}.txt").touch()
    # The second of the two sets that are joined.
    message = tool("train", str(config)).error
    assert f"there is no '{voc}/SegmentationClassAug'" in message


@pytest.fixture
def truncated(world, tmp_path):
    """Another set, its validation image cut short."""
    folder = make_voc_dataset(tmp_path / "cut", train=1, val=1, size=SIZE)
    path = folder / "JPEGImages" / "val_00000.png"
    path.write_bytes(path.read_bytes()[:1500])
    return folder, path


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_truncated_image_is_named(tool, world, truncated, workers):
    folder, path = truncated
    options = [
        f"test_dataloader.dataset.data_root={folder}",
        f"test_dataloader.num_workers={workers}",
    ]
    found = tool("test", world.identity, options=options).error
    assert found.startswith(f"cannot read the image '{path}': ")


@pytest.mark.parametrize(
    "error, expected",
    [
        (ValueError("cannot read the image 'a: b.png':\n  cut short"), None),
        (FileNotFoundError("there is no image 'a.png'"), None),
        (KeyError("gt_seg_map"), "'gt_seg_map'"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_a_workers_error_is_one_line_too(capsys, error, expected):
    """It arrives as a whole traceback, in the message of another error."""

    def failing(_):
        try:
            try:
                raise OSError("what came first")
            except OSError:
                raise error  # noqa: B904 - chained, as happens
        except Exception:
            wrapped = ExceptionWrapper(where="in DataLoader worker process 0")
        wrapped.reraise()

    code = exit_code(failing, Namespace())
    run = CommandRun(code, "", capsys.readouterr().err)
    assert run.error == (expected or " ".join(str(error).split()))


def test_predicting_what_is_not_there(tool, world, truncated):
    found = tool("predict", world.config, world.denoiser, "gone.png").error
    assert found == "there is no image 'gone.png'"
    found = tool("predict", world.config, world.denoiser, truncated[1]).error
    assert found.startswith(f"cannot read the image '{truncated[1]}': ")


def test_compare_says_how_denoisers_are_given(tool, world):
    found = tool("compare", world.config, "--denoiser", "joint.pth").error
    assert found == "--denoiser takes NAME=SOURCE, got 'joint.pth'"
    run = tool("compare", world.config, "--denoiser", "joint=gone.pth")
    assert run.error == "joint: checkpoint: there is no file 'gone.pth'"


# As processes of their own


def process(name, *arguments, cwd):
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")
    return subprocess.run(
        [sys.executable, "-m", "mmdenoise", name, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_shell_sees_one_line_and_a_code(world, tmp_path):
    done = process("train", "gone.py", cwd=tmp_path)
    run = CommandRun(done.returncode, done.stdout, done.stderr)
    assert run.error == "there is no config 'gone.py'"
    assert done.stdout == ""


@pytest.mark.slow
def test_training_comparing_and_the_traceback_from_a_shell(world, tmp_path):
    trained = process("train", world.config, "--work-dir", "work", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "work" / "iter_2.pth").is_file()
    arms = ["--denoiser", "mine=work/iter_2.pth", "--difference", "mine", "noisy"]
    compared = process(
        *("compare", world.config, "--work-dir", "results", "--images", 0, *arms),
        cwd=tmp_path,
    )
    assert compared.returncode == 0, compared.stderr
    table = (tmp_path / "results" / "table.md").read_text()
    assert table in compared.stdout
    assert [row.split("|")[1].strip() for row in table.splitlines()[2:5]] == [
        "clean",
        "noisy",
        "mine",
    ]
    assert np.asarray(Image.open(tmp_path / "results" / "panel.png")).ndim == 3
    options = ("--cfg-options", "model.noise.sigma=-1")
    failed = process("test", world.config, *options, cwd=tmp_path)
    run = CommandRun(failed.returncode, failed.stdout, failed.stderr)
    assert "sigma must not be negative" in run.error


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="ranks would share its GPUs")
def test_two_ranks(tool, world, tmp_path):
    """Through the launchers: the same numbers as one rank, noise included."""

    def launch(name, port, *arguments):
        done = subprocess.run(
            ["bash", str(ROOT / "tools" / f"{name}.sh"), *map(str, arguments)],
            cwd=tmp_path,
            env=dict(os.environ, PYTHON=sys.executable, PORT=port, OMP_NUM_THREADS="1"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return SimpleNamespace(code=0, out=done.stdout, err=done.stderr)

    launch("dist_train", "29541", world.config, 2, "--work-dir", tmp_path / "trained")
    checkpoint = tmp_path / "trained" / "iter_2.pth"
    state = torch.load(checkpoint, weights_only=False)["state_dict"]
    assert {key.split(".")[0] for key in state} == {"denoiser", "head_fingerprint"}
    # Three images on two ranks, one of which sees a fourth that does not count.
    two = launch("dist_test", "29542", world.config, checkpoint, 2, "--work-dir", "two")
    assert metrics_of(two) == metrics_of(tool("test", world.config, checkpoint))


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_mixed_precision_without_a_gpu(world, tool, monkeypatch):
    expected = "--precision float16 needs a GPU, and there is none"
    assert tool("train", world.config, "--amp").error.startswith(expected)
    monkeypatch.setattr(precision, "_cpu_has_it", lambda: False)
    error = tool("train", world.config, "--precision", "bfloat16").error
    assert error.startswith("precision 'bfloat16': the device 'cpu' has no instruct")
    error = tool(
        "train", world.config, options=["optim_wrapper.type=AmpOptimWrapper"]
    ).error
    assert "needs a GPU, and there is none: choose another, or say --prec" in error


def test_compiling_everything_is_refused(world, tool):
    error = tool("train", world.config, options=["compile=True"]).error
    assert "set model.compile_denoiser=True" in error
