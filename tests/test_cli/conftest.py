"""A tiny set, a head with a test of its own, and a cascade, for every command."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MMLogger

from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.registry import MODELS

ROOT = Path(__file__).parents[2]
SIZE = 48
SMALL = dict(encoder_channels=8, decoder_channels=8, stem_channels=4)


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
def tiny(tmp_path_factory, seg_config, save_head):
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


@pytest.fixture
def cut(tiny, tmp_path):
    """A checkpoint cut short."""
    path = tmp_path / "cut.pth"
    path.write_bytes(Path(tiny.denoiser).read_bytes()[:2000])
    return path


@pytest.fixture
def truncated(tiny, tmp_path):
    """Another set, its validation image cut short."""
    folder = make_voc_dataset(tmp_path / "cut", train=1, val=1, size=SIZE)
    path = folder / "JPEGImages" / "val_00000.png"
    path.write_bytes(path.read_bytes()[:1500])
    return folder, path
