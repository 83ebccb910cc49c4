"""What stays of the error on flat areas, by hand; and as a term of the loss."""

import pytest
import torch

from mmdenoise.models.flat_error import flat_error
from mmdenoise.models.joint_loss import JointLoss


def dots(height, width, period=4):
    """One pixel of each cell is 0.1 too bright."""
    found = torch.zeros(1, 3, height, width)
    found[..., ::period, ::period] = 0.1
    return found


@pytest.mark.parametrize("height, width", [(16, 16), (17, 22), (4, 4), (9, 4)])
def test_dots_and_tints_by_hand(height, width):
    clean = torch.full((1, 3, height, width), 0.5)
    one_of_16 = 3 * 0.1**2 / 16
    assert flat_error(clean + dots(height, width), clean) == pytest.approx(one_of_16)
    tint = torch.tensor([0.1, 0, -0.2]).view(1, 3, 1, 1)
    assert flat_error(clean + tint, clean) == pytest.approx(0.1**2 + 0.2**2)
    assert flat_error(clean, clean) == 0


def test_what_noise_leaves_goes_away():
    clean = torch.full((1, 3, 400, 400), 0.5)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)) / 10
    # Of 10,000 cells: the variance of a mean, and squared error is 3 * 0.01.
    found = flat_error(clean + noise, clean)
    assert found == pytest.approx(3 * 0.01 / 10_000, rel=0.5)


def test_textures_do_not_count():
    checks = torch.zeros(1, 3, 16, 16)
    checks[..., ::3] = 0.5
    assert flat_error(checks + dots(16, 16), checks) == 0
    # Half of it is flat: columns 8 and 9 are within 2 pixels of the texture.
    half = checks.clone()
    half[..., 8:] = 0.2
    share = 6 / 16
    expected = share * 3 * 0.1**2 / 16
    assert flat_error(half + dots(16, 16), half) == pytest.approx(expected, rel=1e-5)
    # One step of 8 bits is flat, two are not.
    step = torch.full((1, 3, 16, 16), 0.5)
    step[..., 8:] += 1 / 255
    assert flat_error(step + 0.1, step) == pytest.approx(0.03)
    step[:, 1, :, 8:] += 1 / 255
    assert flat_error(step + 0.1, step) == pytest.approx(0.03 * 12 / 16)


def test_padding_does_not_count():
    clean = torch.full((2, 3, 16, 16), 0.5)
    area = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    area[0, :, :12, :8] = True
    area[1] = True
    wrong = clean.clone()
    wrong[0, :, 12:] = wrong[0, :, :, 8:] = 9.0
    assert flat_error(wrong, clean, area) == 0
    wrong[0, :, :12, :8] += 0.1
    share = 12 * 8 / 256
    assert flat_error(wrong, clean, area) == pytest.approx(0.03 * share / 2)


def test_gradients_pull_towards_the_clean_image():
    clean = torch.full((1, 3, 8, 8), 0.5)
    found = (clean + dots(8, 8)).requires_grad_()
    flat_error(found, clean).backward()
    assert (found.grad[..., ::4, ::4] > 0).all()
    assert found.grad[..., 1::4, :].abs().max() == 0


def test_as_a_term_of_the_loss():
    clean = torch.full((1, 3, 16, 16), 0.5)
    loss = JointLoss(perceptual=0, task=0, flat=50)
    terms = loss(clean + 0.1, clean)
    assert terms["flat"] == pytest.approx(0.03)
    assert terms["loss_flat"] == pytest.approx(1.5)
    assert terms["loss_reconstruction"] == pytest.approx(0.03)
    only = JointLoss(perceptual=0, task=0, reconstruction=0, flat=2)
    assert only.needs_clean and not only.needs_head
    assert set(only(clean, clean)) == {"flat", "loss_flat"}
    assert "flat" not in JointLoss(perceptual=0, task=0)(clean, clean)
    with pytest.raises(ValueError, match="loss weight flat must be finite"):
        JointLoss(flat=-1)
