"""Several processes: the launchers, the frozen head, the gradients, synchronised BN.

Everything here runs on the CPU, with gloo. What the ranks saw they write to files
themselves, from a module of this test's that the config imports.
"""

import os
import re
import shlex
import socket
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmdenoise.cli.runs import join_ranks
from mmdenoise.datasets.textured_shapes import make_voc_dataset
from mmdenoise.registry import MODELS

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

ROOT = Path(__file__).parents[1]
SCRIPTS = ["dist_train", "dist_test", "slurm_train", "slurm_test"]
SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def launch(script, *arguments, cwd, **variables):
    environment = dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS="1")
    environment.pop("MMDENOISE_TRACEBACK", None)
    return subprocess.Popen(
        ["bash", str(ROOT / "tools" / f"{script}.sh"), *map(str, arguments)],
        cwd=cwd,
        env=dict(environment, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(*processes):
    """Wait for launched scripts; return exit code, output and errors of the last."""
    for process in processes:
        out, err = process.communicate(timeout=300)
    return types.SimpleNamespace(code=process.returncode, out=out, err=err)


# The scripts


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("arguments", [[], ["a.py"], ["a.py", "--resume"]])
def test_missing_arguments(script, arguments, tmp_path):
    run = end(launch(script, *arguments, cwd=tmp_path))
    assert run.code == 2 and run.out == ""
    assert run.err.startswith("usage: [") and run.err.count("\n") == 1
    assert f"{script}.sh " in run.err


@pytest.mark.parametrize("gpus", ["0", "two", "-1", "--resume", ""])
def test_a_wrong_number_of_processes(gpus, tmp_path):
    assert end(launch("dist_train", "a.py", gpus, cwd=tmp_path)).code == 2
    assert end(launch("dist_test", "a.py", "a.pth", gpus, cwd=tmp_path)).code == 2


def executable(path, text):
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.mark.parametrize("script", ["slurm_train", "slurm_test"])
def test_what_slurm_is_asked(script, tmp_path):
    """Names with spaces stay whole; SRUN_ARGS alone is split."""
    executable(
        tmp_path / "srun",
        '#!/bin/sh\nprintf "%s\\n" "$@" >asked\necho "$PYTHONPATH $MASTER_PORT"\n',
    )
    given = ["my part", "a job", "my config.py"]
    given += ["a.pth"] if script == "slurm_test" else []
    options = ["--cfg-options", "key=[1, 2]"]
    run = end(
        launch(
            script,
            *given,
            *options,
            cwd=tmp_path,
            PATH=f"{tmp_path}:{os.environ['PATH']}",
            GPUS="16",
            GPUS_PER_NODE="8",
            SRUN_ARGS="--qos=high --comment=*",
            PORT="29999",
        )
    )
    assert run.code == 0, run.err
    path, port = run.out.split()
    assert Path(path.split(":")[0]).resolve() == ROOT and port == "29999"
    program = f"{ROOT}/tools/{script[len('slurm_') :]}.py"
    assert (tmp_path / "asked").read_text().splitlines() == [
        "--partition=my part",
        "--job-name=a job",
        "--gres=gpu:8",
        "--ntasks=16",
        "--ntasks-per-node=8",
        "--cpus-per-task=5",
        "--kill-on-bad-exit=1",
        "--qos=high",
        "--comment=*",
        *[sys.executable, "-u", program, *given[2:], "--launcher", "slurm", *options],
    ]


@pytest.mark.parametrize(("gpus", "per_node"), [("1", "1"), ("4", "4"), ("8", "4")])
def test_gpus_of_a_node_by_default(gpus, per_node, tmp_path):
    executable(tmp_path / "srun", '#!/bin/sh\necho "$@"\n')
    path = f"{tmp_path}:{os.environ['PATH']}"
    run = end(launch("slurm_train", *"pjc", cwd=tmp_path, PATH=path, GPUS=gpus))
    words = shlex.split(run.out)
    assert {f"--ntasks={gpus}", f"--ntasks-per-node={per_node}"} < set(words)
    assert f"--gres=gpu:{per_node}" in words


def test_slurm_without_gpus_is_one_line(monkeypatch):
    """MMEngine's own launcher asks for a device, and then for a driver."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for launcher in ("slurm", "mpi"):
        with pytest.raises(ValueError, match=f"--launcher {launcher} needs GPUs"):
            join_ranks(Config(dict(launcher=launcher)))


# What the ranks do

MODULE = '''
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.utils.data import Dataset

from mmdenoise.models import MultiScaleDenoiser
from mmdenoise.registry import DATASETS, HOOKS, MODELS


def tensors(module):
    """Parameters and buffers, those that no checkpoint holds among them."""
    named = [*module.named_parameters(), *module.named_buffers()]
    return {name: tensor.detach().clone() for name, tensor in named}


def cascade(runner):
    return getattr(runner.model, "module", runner.model)


@HOOKS.register_module()
class Witness(Hook):
    """Writes what a rank has before and after training."""

    priority = "LOWEST"

    def before_train(self, runner):
        model = cascade(runner)
        self.before = dict(head=tensors(model.head), denoiser=tensors(model.denoiser))

    def after_train(self, runner):
        model = cascade(runner)
        after = dict(head=tensors(model.head), denoiser=tensors(model.denoiser))
        seen = dict(before=self.before, after=after, world=get_world_size())
        seen["layers"] = sorted({type(m).__name__ for m in model.head.modules()})
        for hook in runner.hooks:
            if type(hook).__name__ == "EMAHook":
                seen["ema"] = tensors(hook.ema_model.module.head)
        torch.save(seen, f"rank{get_rank()}.pth")


@HOOKS.register_module()
class Gradients(Hook):
    """Writes the gradients that an update uses."""

    def before_train(self, runner):
        named = list(cascade(runner).named_parameters())

        def keep(optimizer, args, kwargs):
            found = {name: p.grad.clone() for name, p in named if p.grad is not None}
            torch.save(found, f"gradients{get_rank()}of{get_world_size()}.pth")

        runner.optim_wrapper.optimizer.register_step_pre_hook(keep)


@MODELS.register_module()
class FixedNormDenoiser(MultiScaleDenoiser):
    """BN in evaluation mode: statistics of half a batch are not those of the whole."""

    def train(self, mode=True):
        super().train(mode)
        for module in self.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
        return self


@DATASETS.register_module()
class Pairs(Dataset):
    """Four noisy images, their clean versions and labels, without a void pixel."""

    metainfo = dict(classes=tuple("abcdef"))

    def __init__(self, sizes):
        self.sizes = sizes

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        height, width = self.sizes[index]

        def draw(high, *shape):
            return torch.randint(0, high, shape, generator=generator)

        sample = SegDataSample(metainfo=dict(img_shape=(height, width)))
        sample.gt_sem_seg = PixelData(data=draw(5, 1, height, width))
        clean = draw(256, 3, height, width).byte()
        noisy = clean + 60 * torch.randn(clean.shape, generator=generator)
        noisy = noisy.clamp(0, 255).byte()
        return dict(inputs=noisy, clean=clean, data_samples=sample)
'''


TRAINING = """
_base_ = [
    "{root}/configs/_base_/default_runtime.py",
    "{root}/configs/_base_/datasets/textured_shapes.py",
]
custom_imports = dict(imports=["mmdenoise", "ranks"])
model = dict(
    type="mmdenoise.CascadeSegmentor",
    denoiser=dict({denoiser}),
    head="{head}",
    head_checkpoint="{head_checkpoint}",
    tap="backbone.layer2",
    noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
    loss=dict(type="mmdenoise.JointLoss", perceptual=0.01, task=0.1),
)
train_dataloader = dict(batch_size=2, dataset=dict(data_root="{data}"))
test_dataloader = dict(batch_size=1, dataset=dict(data_root="{data}"))
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1e-2, weight_decay=0.1),
    paramwise_cfg=dict(custom_keys={{"denoiser.output": dict(lr_mult=0.1)}}),
)
train_cfg = dict(type="IterBasedTrainLoop", max_iters=3)
custom_hooks = [
    dict(type="EMAHook", momentum=0.3),
    dict(type="mmdenoise.Witness"),
]
randomness = dict(seed=0)
"""

GRADIENTS = """
_base_ = "./training.py"
model = dict(denoiser=dict(type="mmdenoise.FixedNormDenoiser"), noise=None)
train_dataloader = dict(
    _delete_=True,
    num_workers=0,
    batch_size=2,
    sampler=dict(type="DefaultSampler", shuffle=False),
    collate_fn=dict(type="pseudo_collate"),
    dataset=dict(
        type="mmdenoise.Pairs", sizes=[(33, 45), (33, 45), (40, 29), (40, 29)]
    ),
)
train_cfg = dict(max_iters=1)
custom_hooks = [dict(type="mmdenoise.Gradients")]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory, seg_config, save_head):
    """A set, the ranks' module, configs, and a head with synchronised BN."""
    folder = tmp_path_factory.mktemp("ranks")
    data = make_voc_dataset(folder / "data", train=6, val=3, size=48)
    model = seg_config(dict(size=(48, 48), bgr_to_rgb=True))
    model["backbone"]["norm_cfg"] = dict(type="SyncBN", requires_grad=True)
    for part in ("decode_head", "auxiliary_head"):
        model[part]["num_classes"] = 6
        model[part]["norm_cfg"] = dict(type="SyncBN", requires_grad=True)
        model[part]["loss_decode"]["avg_non_ignore"] = True
    head, head_checkpoint = save_head(folder / "head", model)
    (folder / "ranks.py").write_text(MODULE)
    (folder / "training.py").write_text(
        TRAINING.format(
            root=ROOT,
            denoiser=", ".join(f"{k}={v!r}" for k, v in SMALL.items()),
            head=head,
            head_checkpoint=head_checkpoint,
            data=data,
        )
    )
    (folder / "gradients.py").write_text(GRADIENTS)
    return types.SimpleNamespace(
        folder=folder,
        config=folder / "training.py",
        gradients=folder / "gradients.py",
        head_checkpoint=head_checkpoint,
    )


def train(world, config, cwd, *options, **variables):
    variables = dict(PYTHONPATH=str(world.folder), **variables)
    return launch("dist_train", config, *options, cwd=cwd, **variables)


def same(one, other):
    assert set(one) == set(other)
    return all(torch.equal(one[name], other[name]) for name in one)


def parameters(seen):
    """The denoiser's, which DDP keeps alike; each rank's BN sees its own images."""
    end = seen["after"]["denoiser"]
    return {k: v for k, v in end.items() if "running" not in k and "num_b" not in k}


@pytest.fixture(scope="module")
def two_ranks(world, tmp_path_factory):
    """What each rank of a training in two processes saw, and its work folder."""
    folder = tmp_path_factory.mktemp("two")
    options = ("2", "--work-dir", "work")
    run = end(train(world, world.config, folder, *options, PORT=free_port()))
    assert run.code == 0, run.err
    return [torch.load(folder / f"rank{rank}.pth") for rank in range(2)], folder


@pytest.mark.slow
def test_every_rank_leaves_every_tensor_of_the_head(world, two_ranks):
    seen, _ = two_ranks
    given = torch.load(world.head_checkpoint)["state_dict"]
    for rank in seen:
        assert rank["world"] == 2
        assert "Dropout2d" in rank["layers"]
        before, after = rank["before"], rank["after"]
        assert same(before["head"], after["head"])
        assert same(before["head"], rank["ema"])
        assert all(torch.equal(after["head"][name], given[name]) for name in given)
        moved = {k for k, v in after["denoiser"].items() if not k.endswith("tracked")}
        assert not any(
            torch.equal(before["denoiser"][k], after["denoiser"][k]) for k in moved
        )
    assert same(parameters(seen[0]), parameters(seen[1]))


@pytest.mark.slow
def test_two_nodes_train_as_one_with_two_ranks(world, two_ranks, tmp_path):
    """One process each, which find each other by address and port."""
    port = free_port()
    options = ("1", "--work-dir", "work")
    nodes = [
        train(world, world.config, tmp_path, *options, PORT=port, NNODES="2", **rank)
        for rank in (dict(NODE_RANK="1"), dict(NODE_RANK="0"))
    ]
    run = end(*nodes)
    assert run.code == 0, run.err
    for rank, seen in enumerate(two_ranks[0]):
        other = torch.load(tmp_path / f"rank{rank}.pth")
        assert other["world"] == 2
        assert same(seen["after"]["denoiser"], other["after"]["denoiser"])


@pytest.mark.slow
def test_two_ranks_have_the_gradients_of_one_with_the_whole_batch(
    world, tmp_path, monkeypatch
):
    """All three terms, on images of two sizes, one of each size in each half.

    L_D and L_P are means over images of means over positions, so equal halves suffice.
    Stock task losses average over the labelled pixels of a batch: both halves have as
    many, none of them void.
    """
    run = end(train(world, world.gradients, tmp_path, "2", PORT=free_port()))
    assert run.code == 0, run.err
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(world.folder))
    cfg = Config.fromfile(world.gradients)
    cfg.work_dir, cfg.experiment_name = "work", tmp_path.name
    cfg.train_dataloader.batch_size = 4
    Runner.from_cfg(cfg).train()
    whole = torch.load("gradients0of1.pth")
    halves = [torch.load(f"gradients{rank}of2.pth") for rank in range(2)]
    assert same(*halves)
    assert set(whole) == set(halves[0]) and all(k.startswith("denoiser") for k in whole)
    for name, gradient in whole.items():
        largest = gradient.abs().max()
        assert largest > 0
        error = (halves[0][name] - gradient).abs().max()
        assert error <= 3e-5 * largest, (name, error / largest)


@pytest.mark.slow
def test_a_denoiser_without_weights_is_tested_by_two_ranks(
    world, tmp_path, monkeypatch
):
    """DDP wraps no model that has nothing to train; testing needs no DDP."""
    monkeypatch.syspath_prepend(str(world.folder))
    config = tmp_path / "identity.py"
    config.write_text(
        f"_base_ = {str(world.config)!r}\n"
        "model = dict(\n"
        "    denoiser=dict(_delete_=True, type='mmdenoise.IdentityDenoiser'))\n"
    )
    weights = tmp_path / "nothing.pth"
    model = MODELS.build(Config.fromfile(config).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), weights)
    variables = dict(PYTHONPATH=str(world.folder), PORT=free_port())
    run = end(launch("dist_test", config, weights, "2", cwd=tmp_path, **variables))
    assert run.code == 0, run.err
    assert re.search(r"Iter\(test\) \[\d/\d\] .*PSNR: 1[89]\.", run.out)


# Synchronised BN


def steps(model, forward, batch):
    """Train a little; return the state, and a prediction after it."""
    optimizer = torch.optim.SGD(model.denoiser.parameters(), lr=1e-3)
    for _ in range(2):
        total, _ = model.parse_losses(forward(model, batch, "loss", training=True))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert total.isfinite()
    return model.state_dict(), forward(model.eval(), batch, "predict")[0]


@pytest.mark.parametrize("where", ["denoiser", "head"])
def test_one_process_needs_no_synchronising(
    where, tmp_path, seg_config, save_head, seg_batch, make_cascade, forward
):
    """On the CPU, and equal to BN bit for bit."""
    loss, batch = dict(perceptual=0.01, task=0.1), seg_batch((33, 45), (33, 45))
    _, weights = save_head(tmp_path, seg_config())
    results = []
    for kind in ("BN", "SyncBN"):
        norm = dict(norm_cfg=dict(type=kind, requires_grad=True))
        denoiser, head = dict(SMALL), seg_config()
        parts = [head[name] for name in ("backbone", "decode_head", "auxiliary_head")]
        for part in parts if where == "head" else [denoiser]:
            part.update(norm)
        model = make_cascade((head, weights), denoiser, 30, loss, tap="backbone.layer2")
        results.append(steps(model, forward, batch))
    (plain, one), (synchronised, other) = results
    assert same(plain, synchronised)
    assert torch.equal(one.denoised, other.denoised)
    assert torch.equal(one.seg_logits.data, other.seg_logits.data)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="with GPUs it works")
def test_a_denoisers_synchronised_bn_without_gpus_is_one_line(world, tmp_path):
    options = ["--cfg-options", "model.denoiser.norm_cfg.type=SyncBN"]
    run = end(train(world, world.config, tmp_path, "2", *options, PORT=free_port()))
    assert run.code == 1
    errors = {line for line in run.err.splitlines() if line.startswith("error: ")}
    assert errors == {"error: SyncBatchNorm layers only work with GPU modules"}
