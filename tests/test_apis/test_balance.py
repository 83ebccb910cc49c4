"""How hard each term pulls, against autograd and closed forms, image by image."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmdenoise.apis.balance import loss_balance
from mmdenoise.registry import MODELS


def images_of(cfg, batches):
    """The model, and each training image with its own noise, one by one."""
    init_default_scope("mmseg")
    model = MODELS.build(cfg.model).eval()
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    found = []
    for _, data in zip(range(batches), loader):
        batch = model.data_preprocessor(data, True)
        found += [
            (noisy[None], clean[None], [sample])
            for noisy, clean, sample in zip(
                batch["inputs"], batch["clean"], batch["data_samples"]
            )
        ]
    return model, found


def features_of(model, name, image, sample):
    kept = []
    module = dict(model.head.named_modules())[name]
    handle = module.register_forward_hook(lambda *args: kept.append(args[2].clone()))
    losses = model.head(model.frozen_head.input.from_image(image), sample, mode="loss")
    handle.remove()
    return kept[0], sum(value for key, value in losses.items() if "loss" in key)


def by_hand(cfg, batches):
    """Values and gradient norms, each image in a batch of its own."""
    model, images = images_of(cfg, batches)
    found = {name: ([], []) for name in ("reconstruction", "perceptual", "task")}
    for noisy, clean, sample in images:
        denoised = model.denoiser(noisy).detach().requires_grad_()
        features, task = features_of(model, cfg.model.tap, denoised, sample)
        target, _ = features_of(model, cfg.model.tap, clean, sample)
        positions = features.shape[-1] * features.shape[-2]
        terms = dict(
            reconstruction=(denoised - clean).pow(2).sum() / clean[0, 0].numel(),
            perceptual=(features - target.detach()).pow(2).sum() / positions,
            task=task,
        )
        for name, value in terms.items():
            (gradient,) = torch.autograd.grad(value, denoised, retain_graph=True)
            found[name][0].append(value.item())
            found[name][1].append(gradient.norm().item())
    return {
        name: (sum(values) / len(values), sum(sizes) / len(sizes))
        for name, (values, sizes) in found.items()
    }


@pytest.mark.parametrize("batches", [1, 3])
def test_against_each_image_by_itself(world, batches):
    cfg = world.config()
    expected = by_hand(cfg, batches)
    found = loss_balance(cfg, batches)
    assert list(found) == ["reconstruction", "perceptual", "task"]
    for name in ("reconstruction", "perceptual"):
        assert found[name] == pytest.approx(expected[name], rel=1e-4)
    # The head's loss is a mean over a batch's labelled pixels, not over its images:
    # with 255 borders of unlike length the two differ a little.
    assert found["task"] == pytest.approx(expected["task"], rel=0.05)


def test_the_gradient_of_the_reconstruction_in_closed_form(world):
    """L_D is |d - c|^2 / P at P positions, so its gradient is 2 sqrt(L_D / P) long."""
    cfg = world.config("mmdenoise.IdentityDenoiser")
    _, images = images_of(cfg, 2)
    positions = world.size**2
    values = [(x - c).pow(2).sum().item() / positions for x, c, _ in images]
    value, size = loss_balance(cfg, 2)["reconstruction"]
    assert value == pytest.approx(sum(values) / len(values), rel=1e-5)
    sizes = [2 * (v / positions) ** 0.5 for v in values]
    assert size == pytest.approx(sum(sizes) / len(sizes), rel=1e-5)
    # sigma 60, three channels: 3 (60/255)^2.
    assert value == pytest.approx(3 * (60 / 255) ** 2, rel=0.05)


def test_the_weights_of_the_config_play_no_part(world):
    cfg = world.config()
    plain = loss_balance(cfg, 1)
    cfg.model.loss = dict(
        type="mmdenoise.JointLoss", perceptual=0, task=77, reconstruction=0
    )
    assert loss_balance(cfg, 1) == plain
    assert cfg.model.loss.task == 77, "the caller's config is as it was"


def test_without_a_tap_there_is_no_perceptual_term(world):
    cfg = world.config()
    both = loss_balance(cfg, 1)
    cfg.model.tap = None
    found = loss_balance(cfg, 1)
    assert list(found) == ["reconstruction", "task"]
    assert found["task"] == pytest.approx(both["task"])


def test_train_branches_are_in_their_training_form(world, monkeypatch):
    """Heads that need the option have no loss otherwise."""
    from mmseg.models.decode_heads import FCNHead

    flags = []
    forward = FCNHead.forward

    def watched(self, inputs):
        batch_norm = self.convs[0].bn
        flags.append((self.training, batch_norm.training, self.dropout.training))
        return forward(self, inputs)

    monkeypatch.setattr(FCNHead, "forward", watched)
    cfg = world.config(head_train_branches=["decode_head", "auxiliary_head"])
    loss_balance(cfg, 1)
    assert flags and set(flags) == {(True, False, False)}


def test_the_denoiser_is_in_evaluation_mode(world):
    """Measuring must not depend on, or move, its batch statistics."""
    cfg = world.config()
    modes = []

    @MODELS.register_module(force=True)
    class WatchedDenoiser(torch.nn.Identity):
        def forward(self, noisy):
            modes.append(self.training)
            return noisy

    cfg.model.denoiser = dict(type="mmdenoise.WatchedDenoiser")
    loss_balance(cfg, 2)
    assert modes == [False, False]
