"""The cascade inside MMEngine's Runner: schedules, hooks, checkpoints, resuming."""

import copy
import itertools
import socket
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner
from torch import distributed
from torch.utils.data import Dataset

from mmdenoise.models import Cascade

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

SCHEDULES = sorted(
    (Path(__file__).parents[2] / "configs" / "_base_" / "schedules").glob("*.py")
)
JOINT = dict(perceptual=0.5, task=0.5)


class Batches(Dataset):
    """Single samples, each a dict as a pipeline packs it."""

    def __init__(self, batch):
        self.batch = batch
        self.metainfo = dict(classes=tuple("abcde"))

    def __len__(self):
        return len(self.batch["inputs"])

    def __getitem__(self, index):
        return {key: copy.deepcopy(values[index]) for key, values in self.batch.items()}


class Watch(Hook):
    """Looks, within ``runner.train()``, at what is promised of the head."""

    def __init__(self):
        self.modes, self.iterations = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        model = runner.model
        self.modes.append(
            (
                all(m.training for m in model.denoiser.modules()),
                any(m.training for m in model.head.modules()),
                any(p.grad is not None for p in model.head.parameters()),
            )
        )
        self.iterations.append(runner.iter)


def state_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(one, other):
    return set(one) == set(other) and all(torch.equal(one[k], other[k]) for k in one)


@pytest.fixture
def runner(tmp_path, seg_batch):
    """Build a Runner on CPU over three small images of different sizes."""
    number = itertools.count()

    def build(model, iterations=3, name="work", **more):
        batch = seg_batch((33, 45), (40, 29), (48, 56))
        config = dict(
            model=model,
            work_dir=str(tmp_path / name),
            train_dataloader=dict(
                dataset=Batches(batch),
                batch_size=2,
                num_workers=0,
                sampler=dict(type="InfiniteSampler", shuffle=True),
                collate_fn=dict(type="pseudo_collate"),
            ),
            train_cfg=dict(type="IterBasedTrainLoop", max_iters=iterations),
            optim_wrapper=dict(
                type="OptimWrapper",
                optimizer=dict(type="Adam", lr=1e-2, weight_decay=0.1),
                paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=0.1)}),
            ),
            default_hooks=dict(
                checkpoint=dict(type="CheckpointHook", by_epoch=False, interval=2)
            ),
            log_processor=dict(by_epoch=False),
            randomness=dict(seed=0),
            default_scope="mmseg",
            # A second Runner of one name within a second would share its log.
            experiment_name=f"{tmp_path.name}_{name}_{next(number)}",
        )
        config.update(more)
        return Runner(**config)

    return build


def config_of(seg_head, **more):
    model = dict(
        type="mmdenoise.CascadeSegmentor",
        denoiser=dict(
            type="mmdenoise.MultiScaleDenoiser",
            encoder_channels=8,
            decoder_channels=8,
            stem_channels=4,
        ),
        head=seg_head[0],
        head_checkpoint=seg_head[1],
        tap="backbone.layer3",
        noise=dict(type="mmdenoise.GaussianNoise", sigma=30),
        loss=dict(type="mmdenoise.JointLoss", **JOINT),
    )
    return dict(model, **more)


def written(runner):
    """The newest checkpoint of a Runner."""
    folder = Path(runner.work_dir)
    return str(folder / (folder / "last_checkpoint").read_text().strip().split("/")[-1])


def test_training_leaves_every_tensor_of_the_head(seg_head, runner):
    watch = Watch()
    run = runner(config_of(seg_head), 4, custom_hooks=[watch])
    head, denoiser = state_of(run.model.head), state_of(run.model.denoiser)
    run.train()
    assert watch.modes == [(True, False, False)] * 4
    assert same(head, run.model.head.state_dict())
    after = run.model.denoiser.state_dict()
    assert all(not torch.equal(after[name], denoiser[name]) for name in denoiser)


def test_training_with_ema_and_resuming(seg_head, runner):
    hooks = [dict(type="EMAHook", momentum=0.3)]
    run = runner(config_of(seg_head), 4, custom_hooks=hooks)
    head = state_of(run.model.head)
    run.train()
    ema = run._hooks[[type(h).__name__ for h in run._hooks].index("EMAHook")]
    assert same(head, run.model.head.state_dict())
    assert same(head, ema.ema_model.module.head.state_dict())
    path = written(run)
    saved = torch.load(path, weights_only=False)
    assert not any("head." in key for key in saved["ema_state_dict"])
    assert "denoiser.stem.weight" in saved["state_dict"]
    again = runner(
        config_of(seg_head), 6, "work", custom_hooks=hooks, load_from=path, resume=True
    )
    again.train()
    assert again.iter == 6
    assert same(head, again.model.head.state_dict())


@pytest.mark.parametrize("path", SCHEDULES, ids=lambda path: path.stem)
def test_shipped_schedules_train_the_denoiser_alone(path, seg_head, make_cascade):
    wrapper = Config.fromfile(path).optim_wrapper
    model = make_cascade(seg_head)
    optimizer = build_optim_wrapper(model, wrapper).optimizer
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert held == {id(p) for p in model.denoiser.parameters()}


def test_there_are_schedules():
    assert SCHEDULES


def test_the_checkpoint_of_a_runner(seg_head, runner, make_cascade):
    """It is small, and comes back everywhere a checkpoint can be named."""
    run = runner(config_of(seg_head), 2)
    run.train()
    path = written(run)
    saved = torch.load(path, weights_only=False)
    assert {"message_hub", "optimizer", "meta"} <= set(saved)
    keys = {f"denoiser.{k}" for k in run.model.denoiser.state_dict()}
    assert set(saved["state_dict"]) == keys | {"head_fingerprint"}
    trained = state_of(run.model.denoiser)
    model = make_cascade(seg_head, denoiser_checkpoint=path)
    assert same(trained, model.denoiser.state_dict())
    loaded = runner(config_of(seg_head), 0, "other", load_from=path)
    loaded.load_or_resume()
    assert same(trained, loaded.model.denoiser.state_dict())


def test_the_checkpoint_of_a_heads_own_training(seg_config, runner, make_cascade):
    """With message hub, optimiser state and histories, as their training wrote it."""
    run = runner(
        seg_config(), 2, "head", optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.01))
    )
    run.train()
    path = written(run)
    saved = torch.load(path, weights_only=False)
    assert saved["message_hub"]["log_scalars"]
    saved["state_dict"]["data_preprocessor.mean"] = torch.zeros(3, 1, 1)
    torch.save(saved, path)
    model = make_cascade((seg_config(), path))
    assert same(model.head.state_dict(), run.model.state_dict())
    assert model.head.data_preprocessor.mean.abs().min() > 100


def test_load_from_and_resume_win_over_denoiser_checkpoint(
    tmp_path, seg_head, runner, make_cascade
):
    model = make_cascade(seg_head)
    paths = {}
    for name, value in (("first", 1.0), ("second", 2.0)):
        with torch.no_grad():
            model.denoiser.stem.bias.fill_(value)
        paths[name] = str(tmp_path / f"{name}.pth")
        torch.save(dict(state_dict=model.state_dict(), meta={}), paths[name])
    config = config_of(seg_head, denoiser_checkpoint=paths["first"])
    run = runner(copy.deepcopy(config))
    run._init_model_weights()
    assert (run.model.denoiser.stem.bias == 1).all()
    run = runner(copy.deepcopy(config), name="second", load_from=paths["second"])
    run._init_model_weights()
    run.load_or_resume()
    assert (run.model.denoiser.stem.bias == 2).all()


def test_resuming_repeats_an_uninterrupted_run(seg_head, runner):
    """Its noise, too: same seed and iterations, same weights."""

    def one_sample(run):
        """The order of images is the sampler's business, not ours."""
        run._train_dataloader["batch_size"] = 1
        dataset = run._train_dataloader["dataset"]
        dataset.batch = {k: v[:1] for k, v in dataset.batch.items()}
        return run

    whole = one_sample(runner(config_of(seg_head), 4, "whole"))
    whole.train()
    part = one_sample(runner(config_of(seg_head), 2, "part"))
    # Both begin from one random denoiser.
    part.train()
    more = one_sample(
        runner(config_of(seg_head), 4, "part", load_from=written(part), resume=True)
    )
    more.train()
    for name, tensor in whole.model.denoiser.state_dict().items():
        other = more.model.denoiser.state_dict()[name]
        torch.testing.assert_close(tensor, other, msg=name)


def test_validation_and_metrics_in_a_runner(seg_head, runner, seg_batch):
    loader = dict(
        dataset=Batches(seg_batch((33, 45), (40, 29))),
        batch_size=1,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=False),
        collate_fn=dict(type="pseudo_collate"),
    )
    run = runner(
        config_of(seg_head, denoiser=dict(type="mmdenoise.IdentityDenoiser")),
        train_dataloader=None,
        train_cfg=None,
        optim_wrapper=None,
        test_dataloader=loader,
        test_cfg=dict(),
        test_evaluator=[
            dict(type="mmdenoise.PSNR"),
            dict(type="IoUMetric", iou_metrics=["mIoU"]),
        ],
    )
    metrics = run.test()
    assert {"PSNR", "mIoU"} <= set(metrics)
    # sigma 30: 18.6 dB, a little more for what clipping takes away.
    assert 18 < metrics["PSNR"] < 20.5


@pytest.fixture
def one_process_group(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=0, world_size=1
    )
    yield
    distributed.destroy_process_group()


def test_distributed_training(seg_head, seg_batch, make_cascade, one_process_group):
    model = make_cascade(seg_head, "small", 30, JOINT, tap="backbone.layer3")
    head, denoiser = state_of(model.head), state_of(model.denoiser)
    wrapped = MMDistributedDataParallel(model)
    assert isinstance(wrapped.module, Cascade)
    optimizer = build_optim_wrapper(
        wrapped,
        dict(
            optimizer=dict(type="Adam", lr=1e-2),
            paramwise_cfg=dict(custom_keys={"denoiser.output": dict(lr_mult=0.1)}),
        ),
    )
    wrapped.train()
    for _ in range(2):
        wrapped.train_step(seg_batch((33, 45), (40, 29)), optimizer)
    assert same(head, model.head.state_dict())
    assert not any(m.training for m in model.head.modules())
    assert not same(denoiser, model.denoiser.state_dict())
