"""Others' checkpoints as denoisers: DRUNet, SCUNet, NAFNet, Restormer; and refusals."""

import importlib.util
import math
import os
import sys

import pytest
import torch
from safetensors.torch import save_file

from mmdenoise.apis import load_denoiser
from mmdenoise.apis.denoiser import takes_sigma
from mmdenoise.models import SpandrelDenoiser
from mmdenoise.weights.denoiser_file import write_denoiser_file

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("spandrel") is None,
    reason="spandrel is not installed (make baselines)",
)
needs_extra = pytest.mark.skipif(
    importlib.util.find_spec("spandrel_extra_arches") is None,
    reason="spandrel_extra_arches is not installed (make baselines)",
)


def network(kind, **options):
    """A small network of random weights, by spandrel's own classes."""
    torch.manual_seed(4)
    if kind in ("DRUNet", "DnCNN"):
        from spandrel.architectures import DnCNN, DRUNet

        if kind == "DnCNN":
            return DnCNN.DnCNN(**{**dict(nc=4, nb=20, act_mode="R"), **options})
        options = {**dict(in_nc=4, out_nc=3, nc=[8, 8, 8, 8], nb=2), **options}
        return DRUNet.DRUNet(**options)
    if kind == "SCUNet":
        from spandrel.architectures.SCUNet import SCUNet

        return SCUNet(config=[1] * 7, dim=64)
    if kind == "NAFNet":
        from spandrel.architectures.NAFNet import NAFNet

        return NAFNet(
            img_channel=3,
            width=4,
            middle_blk_num=1,
            enc_blk_nums=[1, 1],
            dec_blk_nums=[1, 1],
        )
    from spandrel_extra_arches.architectures.Restormer import Restormer

    return Restormer(dim=8, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1)


@pytest.fixture
def saved(tmp_path):
    """Save a network as its authors do; return it and the path."""

    def save(kind, wrap=lambda state: state, **options):
        built = network(kind, **options).eval()
        path = str(tmp_path / f"{kind}.pth")
        torch.save(wrap(built.state_dict()), path)
        return built, path

    return save


KINDS = [
    ("DRUNet", 25),
    ("SCUNet", None),
    ("NAFNet", None),
    pytest.param("Restormer", None, marks=needs_extra),
]


def plain(built, image, sigma):
    if sigma is None:
        return built(image)
    level = torch.full_like(image[:, :1], sigma / 255)
    return built(torch.cat([image, level], dim=1))


@needs_package
@pytest.mark.parametrize("kind, sigma", KINDS)
def test_it_is_the_network(saved, kind, sigma):
    built, path = saved(kind)
    denoiser = SpandrelDenoiser(path, sigma).eval()
    assert denoiser.architecture == kind and denoiser.reach is None
    image = torch.randn(2, 3, 64, 64) * 3
    with torch.no_grad():
        result, expected = denoiser(image), plain(built, image, sigma)
        assert torch.equal(result, expected)
        assert result.min() < 0 and result.max() > 1
        for size in ((1, 1), (3, 50), (41, 9)):
            part = image[..., : size[0], : size[1]]
            assert denoiser(part).shape == part.shape
            assert denoiser(part).isfinite().all()


@needs_package
def test_padding_is_by_the_networks_requirements(saved):
    built, path = saved("DRUNet")
    denoiser = SpandrelDenoiser(path, sigma=25).eval()
    assert denoiser.stride == 8
    image = torch.rand(1, 3, 13, 10)
    mirrored = torch.nn.functional.pad(image, (0, 6, 0, 3), mode="reflect")
    with torch.no_grad():
        expected = plain(built, mirrored, 25)[..., :13, :10]
        assert torch.equal(denoiser(image), expected)


@needs_package
@pytest.mark.parametrize(
    "kind, options",
    [("DRUNet", {}), ("DnCNN", dict(mode="FDnCNN", in_nc=4, out_nc=3))],
)
def test_the_level_is_ours_and_in_8_bit_units(saved, kind, options):
    """Spandrel itself tells these networks 15 whatever the noise is."""
    from spandrel import ModelLoader

    built, path = saved(kind, **options)
    image = torch.rand(1, 3, 16, 16)
    denoiser = SpandrelDenoiser(path, sigma=15).eval()
    with torch.no_grad():
        theirs = ModelLoader().load_from_file(path)(image)
        assert torch.equal(denoiser(image).clamp(0, 1), theirs)
        denoiser.sigma = 50
        assert torch.equal(denoiser(image), plain(built, image, 50))
        assert not torch.equal(denoiser(image).clamp(0, 1), theirs)


@needs_package
@pytest.mark.parametrize("kind", ["DRUNet", "DnCNN"])
def test_networks_without_a_level(saved, kind):
    built, path = saved(kind, in_nc=3, out_nc=3)
    image = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(SpandrelDenoiser(path).eval()(image), built(image))


@needs_package
@pytest.mark.parametrize("kind, sigma", KINDS[:2])
def test_in_a_cascade(
    saved, tmp_path, make_cascade, seg_head, seg_batch, forward, kind, sigma
):
    _, path = saved(kind)
    config = dict(type="mmdenoise.SpandrelDenoiser", checkpoint=path, sigma=sigma)
    model = make_cascade(seg_head, config)
    model.init_weights()
    before = torch.load(path, weights_only=True)
    assert all(torch.equal(v, before[k]) for k, v in _state(model).items())
    losses = forward(model, seg_batch((40, 44)), "loss", training=True)
    sum(value for key, value in losses.items() if "loss" in key).backward()
    gradients = {k: p.grad for k, p in model.denoiser.named_parameters()}
    assert [k for k, g in gradients.items() if g is None or not g.any()] == []
    assert all(p.grad is None for p in model.head.parameters())
    with torch.no_grad():
        for parameter in model.denoiser.parameters():
            parameter -= 1e-3 * parameter.grad
    model.eval()
    with torch.no_grad():
        [sample] = forward(model, seg_batch((40, 44)), "predict")
    assert sample.denoised.shape == (3, 40, 44)
    # Trained on: a checkpoint goes back into a cascade, and stands for the file.
    trained = str(tmp_path / "iter_1.pth")
    torch.save(dict(meta={}, state_dict=model.state_dict()), trained)
    again = make_cascade(seg_head, config, denoiser_checkpoint=trained)
    alone = SpandrelDenoiser(trained, sigma)
    for other in (_state(again), alone.netG.state_dict()):
        assert all(torch.equal(v, other[k]) for k, v in _state(model).items())


def _state(model):
    return model.denoiser.netG.state_dict()


@needs_package
@pytest.mark.parametrize("kind, sigma", KINDS[:2])
@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_release_needs_no_other_file(saved, tmp_path, kind, sigma, suffix):
    from spandrel import ModelLoader

    _, path = saved(kind)
    denoiser = SpandrelDenoiser(path, sigma).eval()
    config = dict(type="mmdenoise.SpandrelDenoiser", checkpoint=path, sigma=sigma)
    release = str(tmp_path / f"release.{suffix}")
    info = write_denoiser_file(release, denoiser.state_dict(), config)
    assert path not in str(info)
    os.remove(path)
    again = load_denoiser(release)
    image = torch.rand(1, 3, 40, 40)
    with torch.no_grad():
        assert torch.equal(again(image), denoiser(image))
    assert again.sigma == sigma
    assert takes_sigma(release) == (sigma is not None)
    if sigma is None:
        with pytest.raises(ValueError, match="takes no sigma"):
            load_denoiser(release, sigma=30)
    else:
        assert load_denoiser(release, sigma=30).sigma == 30
    if suffix == "safetensors":
        assert ModelLoader().load_from_file(release).architecture.id == kind


@needs_package
def test_files_as_others_write_them(saved, tmp_path):
    for wrap in (
        lambda state: dict(params=state),
        lambda state: {f"module.{key}": value for key, value in state.items()},
    ):
        built, path = saved("NAFNet", wrap)
        state = SpandrelDenoiser(path).netG.state_dict()
        assert all(torch.equal(v, state[k]) for k, v in built.state_dict().items())
    half = {k: v.half() for k, v in built.state_dict().items()}
    save_file(half, str(tmp_path / "half.safetensors"))
    denoiser = SpandrelDenoiser(str(tmp_path / "half.safetensors"))
    assert {p.dtype for p in denoiser.parameters()} == {torch.float32}


@needs_package
def test_other_tasks_are_refused_by_name(saved, tmp_path):
    from spandrel.architectures.Compact import Compact

    _, path = saved("DRUNet", in_nc=2, out_nc=1)
    with pytest.raises(ValueError, match=r"DRUNet of 1 to 1 channels \(gray\)"):
        SpandrelDenoiser(path, sigma=25)
    _, path = saved("DnCNN", in_nc=1, out_nc=1)
    with pytest.raises(ValueError, match=r"DnCNN.* of 1 to 1 channels \(gray\)"):
        SpandrelDenoiser(path)
    path = str(tmp_path / "sr.pth")
    torch.save(Compact(num_feat=8, num_conv=2, upscale=2).state_dict(), path)
    with pytest.raises(ValueError, match="Compact.* enlarges images 2 times"):
        SpandrelDenoiser(path)


@needs_package
def test_bad_files(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="checkpoint: there is no file"):
        SpandrelDenoiser(str(tmp_path / "none.pth"))
    with pytest.raises(ValueError, match="checkpoint must be the path"):
        SpandrelDenoiser(None)
    path = str(tmp_path / "bad.pth")
    for content, message in (
        (dict(a=torch.ones(2)), "no architecture that spandrel knows"),
        ({1: torch.ones(2)}, "holds no weights"),
        (dict(a=network), "was not opened"),
    ):
        torch.save(content, path)
        with pytest.raises(ValueError, match=message):
            SpandrelDenoiser(path)

    def spoil(state):
        state["m_tail.weight"][0, 0, 0, 0] = math.nan
        return state

    with pytest.raises(ValueError, match="DRUNet.pth' holds NaN .* m_tail.weight"):
        SpandrelDenoiser(saved("DRUNet", spoil)[1], sigma=25)
    with pytest.raises(ValueError, match="looks like .* does not load: "):
        SpandrelDenoiser(
            saved("DRUNet", lambda s: {**s, "m_tail.bias": torch.ones(3)})[1], sigma=25
        )


@needs_package
def test_a_wrong_sigma(saved):
    _, path = saved("DRUNet")
    with pytest.raises(ValueError, match="DRUNet is told the level.*give sigma"):
        SpandrelDenoiser(path)(torch.zeros(1, 3, 8, 8))
    for sigma in (-1, math.nan, "25"):
        with pytest.raises(ValueError, match="sigma must be .* in 8-bit units"):
            SpandrelDenoiser(path, sigma=sigma)
    with pytest.raises(ValueError, match="this NAFNet takes no sigma"):
        SpandrelDenoiser(saved("NAFNet")[1], sigma=25)


@needs_package
def test_without_the_extra_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel_extra_arches", None)
    path = str(tmp_path / "x.pth")
    torch.save(dict(a=torch.ones(2)), path)
    with pytest.raises(ValueError, match="pip install spandrel_extra_arches"):
        SpandrelDenoiser(path)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    with pytest.raises(ImportError, match="needs the package spandrel.*pip install"):
        SpandrelDenoiser(str(tmp_path / "x.pth"))
