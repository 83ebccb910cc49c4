"""Flat and saturated areas: which patches change, how, and that nothing else does."""

import pytest
import torch

from mmdenoise.registry import TRANSFORMS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build(kind, **kwargs):
    return TRANSFORMS.build(dict(type=f"mmdenoise.{kind}", **kwargs))


@pytest.fixture
def patches():
    return torch.randint(
        60, 180, (400, 3, 12, 12), generator=seeded(7), dtype=torch.uint8
    )


KINDS = ["FlatBars", "FlatPatches", "StretchContrast"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_the_patches_changes(patches, kind):
    changed = build(kind, share=0.25)(patches, seeded())
    assert changed.dtype == torch.uint8 and changed.shape == patches.shape
    count = int((changed != patches).flatten(1).any(1).sum())
    assert abs(count - 100) < 45  # within 5 standard deviations
    assert torch.equal(build(kind, share=0)(patches, seeded()), patches)
    every = build(kind, share=1)(patches, seeded())
    assert int((every != patches).flatten(1).any(1).sum()) > 390
    assert torch.equal(every, build(kind, share=1)(patches, seeded()))
    assert not torch.equal(every, build(kind, share=1)(patches, seeded(1)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_draw_does_not_depend_on_the_share(patches, kind):
    """So that patches of two recipes differ in what the recipe changes alone."""
    one, other = seeded(), seeded()
    build(kind, share=0)(patches, one)
    build(kind, share=1)(patches, other)
    assert torch.equal(one.get_state(), other.get_state())


def test_flat_patches_are_a_colour_or_a_ramp(patches):
    flat = build("FlatPatches", share=1)(patches, seeded()).float()
    spread = (flat.amax((2, 3)) - flat.amin((2, 3))).amax(1)
    one = flat[spread == 0]
    assert abs(len(one) - 200) < 60
    colours = one[:, :, 0, 0]
    assert (colours == 0).all(1).any() and (colours == 255).all(1).any()
    grey = (colours == colours[:, :1]).all(1)
    assert 0.5 < grey.float().mean() < 0.85
    # A ramp: second differences are what rounding leaves.
    for axis in (2, 3):
        assert flat.diff(n=2, dim=axis).abs().max() <= 2


def test_bars_lie_along_one_side(patches):
    barred = build("FlatBars", share=1)(patches, seeded())
    sides = set()
    for before, after in zip(patches, barred):
        kept = (before == after).all(0)
        if kept.all():  # a bar of the patch's own values
            continue
        assert kept.any()
        bar = after[:, ~kept]
        assert (bar == bar[:, :1]).all()
        rows, columns = kept.any(1), kept.any(0)
        # Full rows or full columns from one side on.
        assert kept[rows].all() or kept[:, columns].all()
        lost = ~rows if not rows.all() else ~columns
        assert lost[0] != lost[-1]
        assert int(lost.int().diff().abs().sum()) == 1
        sides.add((bool(rows.all()), bool(lost[0])))
    assert len(sides) == 4


def test_stretching_saturates(patches):
    stretched = build("StretchContrast", share=1)(patches, seeded())
    saturated = ((stretched == 0) | (stretched == 255)).flatten(1).float().mean(1)
    assert 0.3 < (saturated > 0.2).float().mean() < 0.9
    # Gain 1 and shift 0: as it was.
    same = build("StretchContrast", share=1, gain=1, shift=0)(patches, seeded())
    assert torch.equal(same, patches)
    # By hand: values 100 and 140 about their mean, shifted at most by 10.
    two = torch.tensor([100, 140], dtype=torch.uint8).expand(50, 3, 2, 2)
    found = build("StretchContrast", share=1, gain=2, shift=10)(two, seeded()).float()
    width = found[..., 1] - found[..., 0]
    assert 40 <= width.min() < 42 and 78 < width.max() <= 80
    middle = found.mean((1, 2, 3))
    assert 109.5 <= middle.min() < 112 and 128 < middle.max() <= 130.5


@pytest.mark.parametrize(
    "kind, options, words",
    [
        ("FlatBars", dict(share=1.5), "FlatBars: share must be from 0 to 1, got 1.5"),
        ("FlatPatches", dict(share=-0.1), "FlatPatches: share must be from 0 to 1"),
        ("FlatPatches", dict(share=True), "share must be from 0 to 1, got True"),
        ("StretchContrast", dict(share=0.1, gain=0.5), "gain must be 1 or more"),
        ("StretchContrast", dict(share=0.1, shift=-1), "shift 0 or more"),
    ],
)
def test_bad_options(kind, options, words):
    with pytest.raises(ValueError, match=words):
        build(kind, **options)
