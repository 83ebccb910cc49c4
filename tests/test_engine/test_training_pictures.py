"""A training in pictures: when, of what, and without a trace in the training."""

import copy
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from mmdenoise.engine import TrainingPicturesHook
from mmdenoise.engine.random_state import random_state
from mmdenoise.visualization.picture_grid import GAP

pytestmark = pytest.mark.filterwarnings("ignore:Default ``avg_non_ignore``:UserWarning")

SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)
WIDTH = 96  # twice the size of the world's images


@pytest.fixture
def shown(monkeypatch):
    """What the visualizers were given: name, step and picture."""
    found = []

    def add_image(self, name, image, step=0):
        found.append((name, step, image))

    monkeypatch.setattr(Visualizer, "add_image", add_image)
    return found


@pytest.fixture
def train(world, tmp_path):
    """Train a cascade, with a hook or without, and return the Runner."""
    number = itertools.count()

    def run(hook=None, iterations=5, change=None, **model):
        cfg = world.config(**model)
        cfg.model.denoiser = copy.deepcopy(SMALL)
        cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=iterations)
        cfg.optim_wrapper = dict(optimizer=dict(type="Adam", lr=1e-3))
        # A pipeline that draws from the global generators.
        flip = dict(type="RandomFlip", prob=0.5)
        cfg.train_dataloader.dataset.pipeline.insert(2, flip)
        cfg.randomness = dict(seed=1)
        cfg.work_dir = str(tmp_path / f"work{next(number)}")
        cfg.experiment_name = f"{tmp_path.name}_{Path(cfg.work_dir).name}"
        if hook is not None:
            hook = dict(type="mmdenoise.TrainingPicturesHook", width=WIDTH, **hook)
            cfg.default_hooks = dict(pictures=hook)
        if change is not None:
            change(cfg)
        for generator in (random.seed, np.random.seed, torch.manual_seed):
            generator(5)
        runner = Runner.from_cfg(Config(cfg.to_dict()))
        runner.train()
        return runner

    return run


def without_head(cfg):
    cfg.model = dict(type="mmdenoise.Cascade", denoiser=SMALL, noise=cfg.model.noise)


def without_test_set(cfg):
    for name in ("test_dataloader", "test_cfg", "test_evaluator"):
        cfg.pop(name)


def column(picture, index, width=WIDTH):
    """A column's part of a picture, its title included."""
    start = GAP + index * (width + GAP)
    return picture[:, start : start + width]


def columns_of(picture, width=WIDTH):
    return (picture.shape[1] - GAP) // (width + GAP)


def test_a_training_does_not_change_by_a_bit(train, shown):
    """Weights, batch norm statistics, and what the generators would draw next."""
    plain = train()
    states, drawn = plain.model.state_dict(), random_state()
    again = train(dict(interval=1))
    assert len(shown) == 6
    assert all(torch.equal(v, states[k]) for k, v in again.model.state_dict().items())
    now = random_state()
    assert torch.equal(now["torch"], drawn["torch"])
    assert torch.equal(now["numpy"], drawn["numpy"])
    assert torch.equal(now["python"], drawn["python"])
    assert now["numpy_position"] == drawn["numpy_position"]


def test_modes_come_back_module_by_module(train, shown):
    """Frozen statistics and a head in evaluation among what is trained."""
    runner = train(dict(interval=10))
    odd = [runner.model.denoiser.stem, runner.model.head]
    runner.model.train()
    for module in odd:
        module.eval()
    before = [module.training for module in runner.model.modules()]
    hook = next(h for h in runner.hooks if isinstance(h, TrainingPicturesHook))
    hook._show(runner, 77)
    assert [module.training for module in runner.model.modules()] == before
    assert len(set(before)) == 2 and shown[-1][1] == 77


def test_begin_interval_and_end(train, shown):
    train(dict(interval=2))
    assert [(name, step) for name, step, _ in shown] == [
        ("training_pictures", step) for step in (0, 2, 4, 5)
    ]
    shown.clear()
    train(dict(interval=5))
    assert [step for _, step, _ in shown] == [0, 5], "the end is shown once"


def test_columns_and_one_noise(train, shown):
    train(dict(interval=5, images=2))
    first, last = (picture for _, _, picture in shown)
    assert columns_of(first) == 5, "noisy, denoised, clean, prediction, ground truth"
    rows = [slice(GAP, GAP + 24 + WIDTH)]  # before the caption of the first image
    for same in (0, 2, 4):
        one, other = column(first, same), column(last, same)
        assert all(np.array_equal(one[part], other[part]) for part in rows)
    assert not np.array_equal(column(first, 1), column(last, 1)), "it was trained"


def test_the_number_of_images(train, shown):
    for images in (1, 2, 50):
        train(dict(interval=5, images=images), change=without_head)
    one, two, three = (picture.shape[0] for _, step, picture in shown if step == 0)
    assert two - one == three - two > WIDTH, "the test set has 3"


def test_without_a_head_there_is_no_prediction(train, shown):
    train(dict(interval=5), change=without_head)
    assert {columns_of(picture) for _, _, picture in shown} == {3}


def test_pairs_of_unknown_truth_show_two_columns(train, shown):
    """Images that are noisy already, without clean ones."""

    def change(cfg):
        cfg.model.noise = None
        cfg.model.loss = dict(
            type="mmdenoise.JointLoss", reconstruction=0, perceptual=0, task=1
        )

    train(dict(interval=5), change=change)
    assert {columns_of(picture) for _, _, picture in shown} == {4}


@pytest.mark.parametrize("lost", ["config", "files"])
def test_without_a_test_set_the_training_set_is_shown(train, shown, lost):
    def change(cfg):
        if lost == "config":
            without_test_set(cfg)
        else:
            cfg.test_dataloader.dataset.data_root = "no/such/folder"

    plain = train(change=change)
    runner = train(dict(interval=2), change=change)
    noisy = [column(picture, 0) for _, _, picture in shown]
    assert len(noisy) == 4 and all(np.array_equal(n, noisy[0]) for n in noisy)
    states = plain.model.state_dict()
    assert all(torch.equal(v, states[k]) for k, v in runner.model.state_dict().items())


def test_patches_that_are_drawn_by_name(train, shown, world):
    def change(cfg):
        without_head(cfg)
        cfg.train_dataloader = dict(
            batch_size=2,
            num_workers=0,
            sampler=dict(type="mmdenoise.DrawSampler"),
            dataset=dict(
                type="mmdenoise.PatchDataset",
                data_root=str(Path(world.data) / "JPEGImages"),
                size=24,
                device="cpu",
            ),
        )
        without_test_set(cfg)

    train(dict(interval=5), change=change)
    first, last = (picture for _, _, picture in shown)
    assert columns_of(first) == 3
    assert np.array_equal(column(first, 2), column(last, 2))


def test_other_ranks_show_nothing(monkeypatch, train, shown):
    monkeypatch.setattr("mmengine.dist.utils.get_rank", lambda group=None: 1)
    hook = TrainingPicturesHook()
    # Nothing is asked of a Runner.
    hook.before_train(None)
    hook.after_train_iter(None, 0)
    hook.after_train(None)
    assert shown == []


def test_files_in_the_work_folder(train):
    runner = train(dict(interval=5, name="look"))
    files = Path(runner.work_dir).glob("*/vis_data/vis_image/*.png")
    assert sorted(file.name for file in files) == ["look_0.png", "look_5.png"]


@pytest.mark.parametrize(
    "option, value", [("interval", 0), ("images", -1), ("width", 2.5), ("images", True)]
)
def test_numbers_that_are_none(option, value):
    with pytest.raises(ValueError, match=f"{option} must be a whole number"):
        TrainingPicturesHook(**{option: value})
