"""Gradients of each loss term at the noisy input: values, masks, the command."""

import math

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from PIL import Image

from mmdenoise.apis.gradients import (
    LossGradients,
    _fit_labels,
    _object_mask,
    gradient_block,
    gradient_table,
    loss_gradients,
)
from mmdenoise.visualization.gradient_maps import magnitude_picture


def gradients(energy, mask=None):
    image = torch.zeros(3, *energy.shape)
    return LossGradients(image, image, {"L_D": energy}, mask)


def test_gradient_of_the_reconstruction_is_the_one_by_hand(world):
    """Pointwise gain g and offset b: dL/dx = 2 g (g x + b - clean) / (H W)."""
    (found,) = loss_gradients(world.config(), None, [1])
    gain = torch.tensor([0.9, 0.8, 0.95]).view(3, 1, 1)
    residual = found.noisy * gain + 0.02 - found.clean
    expected = (2 * gain * residual / world.size**2).square().sum(0)
    assert torch.allclose(found.energy["L_D"].float(), expected, rtol=1e-3, atol=1e-12)
    assert list(found.energy) == ["L_D", "L_P", "L_H"]


def test_gradient_of_the_task_is_the_slope_of_the_heads_loss(world):
    """Along the gradient, the head's loss changes by the gradient's square."""
    from mmengine.dataset import pseudo_collate

    from mmdenoise.apis.method_images import items_of_test_set
    from mmdenoise.apis.predict import load_cascade

    cfg = world.config()
    (found,) = loss_gradients(cfg, None, [0])
    model = load_cascade(cfg, None, loss=dict(type="mmdenoise.JointLoss", task=1))
    model = model.double()
    batch = model.data_preprocessor(pseudo_collate(items_of_test_set(cfg, [0])), False)
    noisy = batch.pop("inputs").double().requires_grad_()
    batch.pop("sigma")
    batch["clean"] = batch["clean"].double()

    def task(image):
        return model.loss(model.denoise(image), **batch)["loss_task"]

    (slope,) = torch.autograd.grad(task(noisy), noisy)
    assert found.energy["L_H"].sum() == pytest.approx(
        slope.square().sum().item(), rel=1e-3
    )
    step = 1e-4 * slope / slope.norm()
    change = (task(noisy + step) - task(noisy - step)) / 2e-4
    assert change.item() == pytest.approx(slope.norm().item(), rel=1e-3)


def test_without_a_tap_there_is_no_perceptual_term(world):
    cfg = world.config()
    cfg.model.tap = None
    (found,) = loss_gradients(cfg, None, [0])
    assert list(found.energy) == ["L_D", "L_H"]


def test_noise_is_the_images_own(world):
    one, again = (next(loss_gradients(world.config(), None, [2])) for _ in range(2))
    assert one.noisy.equal(again.noisy)
    assert one.energy["L_P"].equal(again.energy["L_P"])


def test_mask_is_what_the_labels_say(world):
    from mmdenoise.apis.method_images import items_of_test_set

    cfg = world.config()
    (found,) = loss_gradients(cfg, None, [1])
    (item,) = items_of_test_set(cfg, [1])
    labels = item["data_samples"].gt_sem_seg.data[0]
    assert found.mask.equal((labels != 0) & (labels != 255))
    assert 0 < found.object_area < 1


def test_shares_by_hand():
    energy = torch.full((10, 10), 1.0, dtype=torch.double)
    energy[0] = 11  # a tenth of the pixels: 110 of 200
    mask = torch.zeros(10, 10, dtype=torch.bool)
    mask[:, :5] = True
    found = gradients(energy, mask)
    assert found.top_share("L_D") == pytest.approx(0.55)
    assert found.object_share("L_D") == pytest.approx(0.5)
    assert found.object_area == pytest.approx(0.5)
    flat = gradients(torch.ones(10, 10))
    assert flat.top_share("L_D") == pytest.approx(0.1)
    assert math.isnan(flat.object_share("L_D")) and math.isnan(flat.object_area)


def test_table_has_an_average_and_says_what_is_not_known():
    low, high = torch.ones(10, 10), torch.zeros(10, 10)
    high[0, 0] = 1
    lines = gradient_table([4, 7], [gradients(low), gradients(high)]).splitlines()
    assert lines[2] == "| 4 | L_D | 10.0% | – | – |"
    assert lines[-1] == "| mean | L_D | 55.0% | – | – |"
    assert gradient_block(gradients(low)).cells["clean"].caption == ""


def test_boxes_make_masks():
    sample = BaseDataElement()
    assert _object_mask(sample, (8, 9), (), None) is None
    box = _object_mask(sample, (8, 9), (), (2, 1, 3, 4))
    assert box.sum() == 12 and box[1:5, 2:5].all()
    with pytest.raises(ValueError, match="does not lie"):
        _object_mask(sample, (8, 9), (), (7, 1, 3, 4))
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [-3.0, 6.2, 1.0, 50.0]])
    sample.gt_instances = InstanceData(bboxes=boxes)
    assert _object_mask(sample, (8, 9), (), None).sum() == 4 + 2


def test_labels_without_a_background_tell_no_object():
    sample = BaseDataElement()
    sample.gt_sem_seg = PixelData(data=torch.zeros(1, 4, 4, dtype=torch.long))
    assert _object_mask(sample, (4, 4), ("road", "sky"), None) is None
    assert not _object_mask(sample, (4, 4), ("background", "sky"), None).any()


def test_labels_follow_the_image_into_the_heads_frame():
    sample = BaseDataElement()
    labels = torch.tensor([[[1, 2], [3, 4]]], dtype=torch.uint8)
    sample.gt_sem_seg = PixelData(data=labels)
    _fit_labels(sample, (4, 4), (5, 6))
    fitted = sample.gt_sem_seg.data
    assert fitted.dtype == torch.uint8 and fitted.shape == (1, 5, 6)
    assert fitted[0, :4, :4].tolist() == [[1, 1, 2, 2]] * 2 + [[3, 3, 4, 4]] * 2
    assert (fitted[0, 4] == 255).all() and (fitted[0, :, 4:] == 255).all()


def test_brighter_is_larger():
    energy = np.linspace(0, 1, 400).reshape(20, 20)
    picture = magnitude_picture(energy).astype(int)
    light = picture @ (0.299, 0.587, 0.114)
    assert light.flatten()[0] < 5 and light.flatten()[-1] > 220
    assert (np.diff(light.flatten()) > -1).all()
    assert np.array_equal(magnitude_picture(9 * energy), magnitude_picture(energy))
    assert magnitude_picture(np.zeros((3, 3))).max() < 5


def test_command(world, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world.config().dump("cascade.py")
    run = command("gradients", "cascade.py", "--index", "0", "2")
    assert run.code == 0, run.err
    assert run.out.count("\n| mean |") == 3
    with Image.open("gradients.png") as picture:
        assert picture.width > 1200
    for more, message in [
        ([], "exists already"),
        (["--index", "3", "--overwrite"], "0 to 2"),
        (["--index", "0", "--box", "40", "0", "9", "9", "--overwrite"], "does not lie"),
        (["--box", "0", "0", "9", "9", "--overwrite"], "got 1 boxes for 3 images"),
        (["--cfg-options", "model.noise=None", "--overwrite"], "model.noise"),
        (["nothing.pth", "--overwrite"], "nothing.pth"),
    ]:
        run = command("gradients", "cascade.py", *more)
        assert run.code == 1 and message in run.err, run.err
