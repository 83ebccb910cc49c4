"""A denoiser from the zoo, from a release, from a checkpoint; and what is refused."""

import hashlib
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import mmdenoise
from mmdenoise import apis
from mmdenoise.apis import load_denoiser
from mmdenoise.apis.denoiser import takes_sigma
from mmdenoise.registry import MODELS
from mmdenoise.weights import zoo
from mmdenoise.weights.denoiser_file import write_denoiser_file
from mmdenoise.weights.denoiser_table import Numbers, permit

SMALL = dict(
    type="mmdenoise.MultiScaleDenoiser",
    encoder_channels=8,
    decoder_channels=8,
    stem_channels=4,
)


@MODELS.register_module(force=True)
class ScaledDenoiser(nn.Module):
    """One weight, and an argument ``sigma`` that must be given."""

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, noisy):
        return noisy * self.scale * self.sigma


permit("ScaledDenoiser", sigma=Numbers(0, 100))


@pytest.fixture
def network():
    torch.manual_seed(5)
    return MODELS.build(SMALL)


@pytest.fixture
def a_zoo(tmp_path, monkeypatch, network):
    monkeypatch.setattr(zoo, "FOLDER", str(tmp_path))
    lines = ["Models:"]
    for name in ("multiscale_sigma25", "multiscale_sigma60", "multiscale_blind"):
        path = tmp_path / f"{name}.safetensors"
        write_denoiser_file(str(path), network.state_dict(), SMALL)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"- {{Name: {name}, SHA256: {digest}}}")
    (tmp_path / "metafile.yml").write_text("\n".join(lines))
    return tmp_path


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return list(one) == list(other) and all(torch.equal(one[k], other[k]) for k in one)


def test_by_name(a_zoo, network):
    denoiser = load_denoiser("multiscale_sigma25", for_inference=False)
    assert same(denoiser, network)
    assert not any(module.training for module in denoiser.modules())
    assert type(load_denoiser("IdentityDenoiser")).__name__ == "IdentityDenoiser"


def test_the_faster_form_gives_the_same(a_zoo, network):
    faster = load_denoiser("multiscale_sigma25")
    assert type(faster).__name__ == "MergedMultiScaleDenoiser"
    assert (faster.stride, faster.reach) == (network.stride, network.reach)
    assert not any(module.training for module in faster.modules())
    noisy = torch.rand(1, 3, 21, 30)
    with torch.no_grad():
        torch.testing.assert_close(faster(noisy), network.eval()(noisy))


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_from_a_release(tmp_path, network, kind):
    path = str(tmp_path / f"mine.{kind}")
    write_denoiser_file(path, network.state_dict(), SMALL)
    assert same(load_denoiser(path, for_inference=False), network)


@pytest.mark.parametrize("prefix", ["denoiser.", ""])
def test_from_a_training(tmp_path, network, prefix):
    path = str(tmp_path / "iter_7.pth")
    state = {prefix + key: value for key, value in network.state_dict().items()}
    text = f"model = dict(type='mmdenoise.Cascade', denoiser={SMALL!r})\n"
    torch.save(dict(state_dict=state, meta=dict(cfg=text)), path)
    assert same(load_denoiser(path, for_inference=False), network)
    torch.save(dict(state_dict=state), path)
    with pytest.raises(ValueError, match="iter_7.pth' does not say what denoiser"):
        load_denoiser(path)


def test_what_the_package_offers(a_zoo):
    """Without its modules' names, from the package itself and from its functions."""
    assert mmdenoise.load_denoiser is apis.load_denoiser is load_denoiser
    assert mmdenoise.denoise is apis.denoise
    names = ["multiscale_blind", "multiscale_sigma25", "multiscale_sigma60"]
    assert mmdenoise.list_denoisers() == apis.list_denoisers() == names
    with pytest.raises(AttributeError, match="has no attribute 'list_denoiser'"):
        mmdenoise.list_denoiser  # noqa: B018


def test_unknown_names(a_zoo):
    known = "multiscale_blind, multiscale_sigma25, multiscale_sigma60"
    with pytest.raises(ValueError, match=f"called 'multiscale'; the zoo has {known};"):
        load_denoiser("multiscale")
    with pytest.raises(FileNotFoundError, match="there is no file 'gone.pth'"):
        load_denoiser("gone.pth")
    for name in ("Cascade", "JointLoss", "os.system"):
        with pytest.raises(ValueError, match=f"no denoiser is called '{name}'"):
            load_denoiser(name)
    with pytest.raises(ValueError, match="is a network and needs weights"):
        load_denoiser("MultiScaleDenoiser")


def test_a_level_that_no_argument_takes(a_zoo):
    with pytest.raises(ValueError, match="takes no sigma.* has 'multiscale_sigma60'"):
        load_denoiser("multiscale_sigma25", sigma=60)
    with pytest.raises(ValueError, match="levels are 25, 60, and 'multiscale_blind'"):
        load_denoiser("multiscale_sigma25", sigma=33)


def test_a_level_that_is_an_argument(tmp_path):
    path = str(tmp_path / "scaled.safetensors")
    config = dict(type="mmdenoise.ScaledDenoiser")
    write_denoiser_file(path, ScaledDenoiser(1).state_dict(), config)
    assert load_denoiser(path, sigma=25).sigma == 25
    with pytest.raises(ValueError, match="needs the level of the noise: give sigma"):
        load_denoiser(path)
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="sigma must be finite and not negative"):
            load_denoiser(path, sigma=wrong)
    write_denoiser_file(path, ScaledDenoiser(1).state_dict(), dict(config, sigma=15))
    assert load_denoiser(path).sigma == 15
    assert load_denoiser(path, sigma=40).sigma == 40


def release(path, denoiser, state):
    info = dict(mmdenoise_format="1", denoiser=json.dumps(denoiser))
    save_file(state, path, metadata=info)


@pytest.mark.parametrize(
    "config, message",
    [
        (dict(type="os.system", command="touch CALLED"), "holds a 'os.system'"),
        (dict(type="Cascade", denoiser={}, head="x.py"), "holds a 'Cascade'"),
        (dict(SMALL, norm_cfg=dict(type="os.system")), "may set batch norms"),
        (dict(SMALL, norm_cfg=[dict(type=["BN"])]), "may set batch norms"),
        (dict(SMALL, norm_cfg=dict(type="BN", device=["x"])), "may set batch norms"),
        (dict(SMALL, width=3), "option 'width' that MultiScaleDenoiser does not have"),
        (dict(SMALL, scales=100), "scales=100 .* whole numbers from 2 to 5"),
        (dict(SMALL, scales=True), "scales=True"),
        (dict(SMALL, stem_channels=10**9), "stem_channels=1000000000"),
        (dict(SMALL, encoder_channels=6), "multiples of 4"),
        (dict(SMALL, fusion=["concat"]), "'concat' and 'sum'"),
        (dict(type=["MultiScaleDenoiser"]), r"holds a \['MultiScaleDenoiser'\]"),
        (dict(scales=3), "holds a None"),
        ("MultiScaleDenoiser", "metadata are not readable"),
    ],
)
def test_a_file_calls_nothing_but_a_denoiser(tmp_path, network, config, message):
    path = str(tmp_path / "theirs.safetensors")
    release(path, config, network.state_dict())
    with pytest.raises(ValueError, match=message):
        load_denoiser(path)


def test_weights_must_fit(tmp_path, network):
    path = str(tmp_path / "mine.safetensors")
    state = network.state_dict()
    release(path, dict(SMALL, stem_channels=8), state)
    with pytest.raises(RuntimeError, match="wrong shape: stem.weight"):
        load_denoiser(path)
    del state["stem.bias"]
    release(path, SMALL, state)
    with pytest.raises(RuntimeError, match="missing: stem.bias"):
        load_denoiser(path)
    state["stem.bias"] = torch.full((4,), float("nan"))
    release(path, SMALL, state)
    with pytest.raises(ValueError, match="NaN or infinite values in stem.bias"):
        load_denoiser(path)
    (tmp_path / "mine.safetensors").write_bytes(b"not a file of tensors")
    with pytest.raises(ValueError, match="cannot read .*mine.safetensors'"):
        load_denoiser(path)


def test_devices(network):
    with pytest.raises(ValueError, match="no device is called 'gpu'"):
        load_denoiser("IdentityDenoiser", device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="PyTorch sees no CUDA GPU"):
            load_denoiser("IdentityDenoiser", device="cuda")


def test_which_take_a_sigma(a_zoo, tmp_path):
    assert not takes_sigma("multiscale_sigma25")
    assert not takes_sigma("IdentityDenoiser")
    path = str(tmp_path / "scaled.pth")
    config = dict(type="ScaledDenoiser", sigma=15)
    write_denoiser_file(path, ScaledDenoiser(15).state_dict(), config)
    assert takes_sigma(path)
    with pytest.raises(ValueError, match="no denoiser is called 'nothing'"):
        takes_sigma("nothing")
