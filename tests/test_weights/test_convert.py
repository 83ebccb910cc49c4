"""``mmdenoise convert``: the authors' files in, denoiser files out."""

import json

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mmdenoise.apis.denoiser import load_denoiser
from mmdenoise.models import DnCNN, FFDNet
from mmdenoise.registry import MODELS
from mmdenoise.weights.convert import convert_denoiser
from mmdenoise.weights.state_dicts import read_state_dict

DNCNN = dict(type="mmdenoise.DnCNN", depth=3, channels=4)
FFDNET = dict(type="mmdenoise.FFDNet", depth=3, channels=4)


@pytest.fixture
def files(tmp_path):
    """Write a small DnCNN as MATLAB does, and an FFDNet as PyTorch does."""
    torch.manual_seed(2)
    dncnn, ffdnet = DnCNN(depth=3, channels=4), FFDNet(0, depth=3, channels=4)
    layers = []
    for conv in (m for m in dncnn.model if hasattr(m, "weight")):
        weights = np.empty((1, 2), object)
        weights[0, 0] = conv.weight.detach().permute(2, 3, 1, 0).numpy()
        weights[0, 1] = conv.bias.detach().numpy()
        layers += [dict(type="conv", weights=weights), dict(type="relu")]
    cells = np.empty((1, len(layers) - 1), object)
    cells[0] = layers[:-1]
    savemat(tmp_path / "color_sigma=25.mat", dict(net=dict(layers=cells)))
    torch.save(ffdnet.state_dict(), tmp_path / "ffdnet_color.pth")
    return dict(
        dncnn=(str(tmp_path / "color_sigma=25.mat"), dncnn.eval()),
        ffdnet=(str(tmp_path / "ffdnet_color.pth"), ffdnet.eval()),
    )


@pytest.fixture
def noisy():
    return torch.rand(1, 3, 7, 9)


def loaded(path, sigma=None):
    """As it was trained: the form for inference differs in its last bits."""
    return load_denoiser(path, sigma=sigma, for_inference=False)


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_dncnn_goes_round(files, tmp_path, noisy, kind):
    source, network = files["dncnn"]
    out = str(tmp_path / f"out.{kind}")
    conversion = convert_denoiser(source, out)
    assert conversion.found.startswith("mmdenoise.DnCNN, 3 convs of 4 channels")
    assert conversion.level == "25, by the file's name"
    assert json.loads(conversion.info["noise"])["sigma"] == 25
    with torch.no_grad():
        expected = network(noisy)
        for path in (out, source):
            assert torch.equal(loaded(path)(noisy), expected)


def test_an_ffdnet_goes_round(files, tmp_path, noisy):
    source, network = files["ffdnet"]
    out = str(tmp_path / "out.safetensors")
    conversion = convert_denoiser(source, out, sigma=35)
    assert conversion.level == "35, as told"
    assert "noise" not in conversion.info
    with torch.no_grad():
        network.sigma = 35
        assert torch.equal(loaded(out)(noisy), network(noisy))
        network.sigma = 15
        for path in (out, source):
            assert torch.equal(loaded(path, 15)(noisy), network(noisy))


def test_an_ffdnet_of_no_level_asks_for_one(files, tmp_path):
    out = str(tmp_path / "out.safetensors")
    assert convert_denoiser(files["ffdnet"][0], out).level.startswith("not known")
    for path in (out, files["ffdnet"][0]):
        with pytest.raises(
            ValueError, match="needs the level of the noise: give sigma"
        ):
            load_denoiser(path)


@pytest.mark.parametrize("which", ["dncnn", "ffdnet"])
@pytest.mark.parametrize("converted", [False, True])
def test_in_a_cascade(files, tmp_path, noisy, which, converted):
    path, network = files[which]
    config = dict(dncnn=DNCNN, ffdnet=dict(FFDNET, sigma=50))[which]
    if converted:
        out = str(tmp_path / "out.safetensors")
        convert_denoiser(path, out, sigma=25)
        path = out
    cascade = MODELS.build(
        dict(
            type="mmdenoise.Cascade",
            denoiser=config,
            denoiser_checkpoint=path,
            loss=dict(type="mmdenoise.JointLoss", perceptual=0, task=0),
        )
    ).eval()
    if which == "ffdnet":
        network.sigma = 50
    with torch.no_grad():
        assert torch.equal(cascade(noisy), network(noisy))


def test_a_release_of_the_other_network(files, tmp_path):
    out = str(tmp_path / "out.safetensors")
    convert_denoiser(files["dncnn"][0], out)
    with pytest.raises(RuntimeError, match="denoiser file of mmdenoise.DnCNN.*FFDNet"):
        MODELS.build(
            dict(
                type="mmdenoise.Cascade",
                denoiser=dict(FFDNET, sigma=25),
                denoiser_checkpoint=out,
            )
        )


def test_the_tool_says_what_it_found(files, tmp_path, command):
    out = tmp_path / "out.safetensors"
    run = command("convert", files["dncnn"][0], out, "--sigma", 30)
    assert run.code == 0
    assert "found: mmdenoise.DnCNN, 3 convs of 4 channels, batch norms none" in run.out
    assert "sigma: 30, as told" in run.out and f"written: {out}" in run.out
    assert set(read_state_dict(str(out))) == set(DnCNN(3, 4).state_dict())


def broken(tmp_path, files):
    ffdnet = torch.load(files["ffdnet"][0], weights_only=True)
    grey = {"model.0.weight": torch.ones(64, 1, 3, 3), "model.0.bias": torch.ones(64)}
    grey.update(
        {"model.2.weight": torch.ones(1, 64, 3, 3), "model.2.bias": torch.ones(1)}
    )
    release = str(tmp_path / "release.safetensors")
    convert_denoiser(files["ffdnet"][0], release)
    return {
        "is a denoiser file already": release,
        "is a cascade's checkpoint: mmdenoise export": {
            f"denoiser.{key}": value for key, value in ffdnet.items()
        },
        "2 convs from 1 to 1 channels; for RGB images": grey,
        "is neither a DnCNN nor an FFDNet of its authors": {
            "conv.weight": torch.ones(1)
        },
        "holds NaN or infinite values in model.0.bias": {
            **ffdnet,
            "model.0.bias": torch.full((4,), float("nan")),
        },
        "holds no weights": dict(epoch=3),
    }


def test_what_it_refuses(files, tmp_path, command):
    out = tmp_path / "out.safetensors"
    for message, content in broken(tmp_path, files).items():
        path = content
        if not isinstance(path, str):
            path = str(tmp_path / "bad.pth")
            torch.save(content, path)
        run = command("convert", path, out)
        assert message in run.error
        assert not out.exists()


@pytest.mark.parametrize("which", ["dncnn", "ffdnet"])
@pytest.mark.parametrize("sigma", ["-5", "nan", "inf"])
def test_levels_that_are_none(files, tmp_path, command, which, sigma):
    out = tmp_path / "out.safetensors"
    source = files[which][0]
    run = command("convert", source, out, f"--sigma={sigma}")
    assert run.code == 2
    assert f"argument --sigma: must be a number from 0 on, got '{sigma}'" in run.err
    assert not out.exists()


def test_out_of_another_ending(files, tmp_path):
    with pytest.raises(ValueError, match="file ends in .safetensors or .pth"):
        convert_denoiser(files["dncnn"][0], str(tmp_path / "out.mat"))


def test_files_that_are_not_there(tmp_path):
    for name in ("x.mat", "x.pth"):
        with pytest.raises(FileNotFoundError, match=f"there is no file .*{name}"):
            convert_denoiser(str(tmp_path / name), str(tmp_path / "out.pth"))
