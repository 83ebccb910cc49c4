"""MatConvNet's files, made by hand as the authors' are laid out.

Expectations come from loops over MATLAB's arrays: kernels (H, W, in, out), images
(H, W, colour).
"""

import sys

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mmdenoise.models import DnCNN, FFDNet
from mmdenoise.weights.matconvnet import read_matconvnet
from mmdenoise.weights.named_weights import load_denoiser_weights

h5py = pytest.importorskip("h5py")
RANDOM = np.random.default_rng(0)


def conv(inputs, outputs, **options):
    kernel = RANDOM.normal(0, 0.3, (3, 3, inputs, outputs)).astype(np.float32)
    bias = RANDOM.normal(0, 0.1, (outputs, 1)).astype(np.float32)
    given = dict(pad=1.0, stride=1.0, dilate=1.0, **options)
    return dict(type="conv", weights=[kernel, bias], **given)


def bnorm(channels):
    scale, shift = RANDOM.normal(1, 0.2, (2, channels, 1))
    moments = RANDOM.uniform(0.5, 1.5, (channels, 2))
    return dict(type="bnorm", weights=[scale, shift, moments])


RELU = dict(type="relu", leak=0.0, weights=[])
SPLIT = [dict(type="SubP", scale=0.5), dict(type="concat")]
DNCNN = [conv(3, 4), RELU, conv(4, 4), RELU, conv(4, 3)]
FFDNET = [*SPLIT, conv(13, 4), RELU, conv(4, 12), dict(type="SubP", scale=2.0)]
WITH_BNORM = [conv(3, 4), RELU, conv(4, 4), bnorm(4), RELU, conv(4, 3)]


def save_5(path, layers):
    def cell(items):
        array = np.empty((1, len(items)), object)
        array[0, :] = items
        return array

    layers = [
        dict(x, weights=cell(x["weights"])) if "weights" in x else x for x in layers
    ]
    savemat(path, dict(net=dict(layers=cell(layers))))


def save_73(path, layers):
    """As MATLAB does: user block, references, reversed dimensions, text in uint16."""
    with h5py.File(path, "w", userblock_size=512) as file:
        refs = file.create_group("#refs#")

        def cell(group, name, items):
            items = np.array([item.ref for item in items], h5py.ref_dtype)
            found = group.create_dataset(name, data=items.reshape(-1, 1))
            found.attrs["MATLAB_class"] = np.bytes_("cell")

        groups = []
        for number, layer in enumerate(layers):
            group = refs.create_group(f"layer{number}")
            groups.append(group)
            for name, value in layer.items():
                if name == "type":
                    text = np.array([[ord(letter)] for letter in value], np.uint16)
                    group.create_dataset(name, data=text)
                elif name != "weights":
                    group.create_dataset(name, data=[[value]])
                elif value:
                    arrays = [
                        refs.create_dataset(f"w{number}_{index}", data=array.T)
                        for index, array in enumerate(value)
                    ]
                    cell(group, name, arrays)
                else:
                    empty = group.create_dataset(name, data=np.zeros(2, np.uint64))
                    empty.attrs["MATLAB_empty"] = np.uint8(1)
        cell(file.create_group("net"), "layers", groups)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(128))


@pytest.fixture(params=[save_5, save_73], ids=["version 5", "version 7.3"])
def save(request, tmp_path):
    def write(layers, name="net.mat"):
        path = str(tmp_path / name)
        request.param(path, layers)
        return path

    return write


def run_by_hand(layers, image):
    """What ``vl_simplenn`` computes of (H, W, channels), sub-pixel layers left out."""
    for layer in layers:
        if layer["type"] == "conv":
            kernel, bias = layer["weights"]
            height, width = image.shape[:2]
            padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
            result = np.empty((height, width, kernel.shape[3]))
            for row in range(height):
                for column in range(width):
                    window = padded[row : row + 3, column : column + 3, :, None]
                    result[row, column] = (window * kernel).sum((0, 1, 2)) + bias[:, 0]
            image = result
        elif layer["type"] == "relu":
            image = np.maximum(image, 0)
        elif layer["type"] == "bnorm":
            scale, shift, moments = layer["weights"]
            image = (image - moments[:, 0]) / moments[:, 1] * scale[:, 0] + shift[:, 0]
    return image


def as_tensor(image):
    return torch.tensor(image.transpose(2, 0, 1)[None], dtype=torch.float32)


def load(network, path):
    load_denoiser_weights(
        network, path, dict(type=f"mmdenoise.{type(network).__name__}")
    )
    return network.eval()


@pytest.mark.parametrize("layers", [DNCNN, WITH_BNORM], ids=["plain", "bnorm"])
def test_dncnn_by_hand(save, layers):
    denoiser = load(DnCNN(depth=3, channels=4), save(layers))
    image = RANDOM.uniform(0, 1, (5, 4, 3))
    with torch.no_grad():
        found = denoiser(as_tensor(image))
    expected = as_tensor(image - run_by_hand(layers, image))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_ffdnet_by_hand(save):
    """Sub-image i of MATLAB's starts at row i mod 2 and column i // 2 of each 2x2."""
    denoiser = load(FFDNet(40, depth=2, channels=4), save(FFDNET))
    image = RANDOM.uniform(0, 1, (6, 8, 3))
    inputs = np.empty((3, 4, 13))
    for colour in range(3):
        for i in range(4):
            inputs[..., 4 * colour + i] = image[i % 2 :: 2, i // 2 :: 2, colour]
    inputs[..., 12] = 40 / 255
    outputs = run_by_hand(FFDNET, inputs)
    expected = np.empty_like(image)
    for colour in range(3):
        for i in range(4):
            expected[i % 2 :: 2, i // 2 :: 2, colour] = outputs[..., 4 * colour + i]
    with torch.no_grad():
        found = denoiser(as_tensor(image))
    torch.testing.assert_close(found, as_tensor(expected), rtol=0, atol=1e-5)


def test_names_are_those_of_the_authors_pytorch_code(save):
    state = read_matconvnet(save(WITH_BNORM))
    assert list(state) == [
        f"model.{i}.{p}" for i in (0, 2, 4) for p in ("weight", "bias")
    ]
    assert all(value.dtype == torch.float32 for value in state.values())


@pytest.mark.parametrize(
    "layers, message",
    [
        ([dict(type="pool")], "layer 1 is a 'pool', which neither"),
        ([RELU], "0 convs and 1 ReLUs"),
        ([conv(3, 4), conv(4, 3)], "2 convs and 0 ReLUs"),
        ([bnorm(4)], "layer 1 is a 'bnorm' with no conv before it"),
        ([conv(3, 4), bnorm(5)], "layer 2, a 'bnorm', has not the scale.* of 4 chan"),
        (
            [conv(3, 4, opts=0.0), dict(RELU, leak=0.2)],
            "layer 2, a 'relu', has leak 0.2",
        ),
        ([dict(conv(3, 4), dilate=2.0)], "layer 1, a 'conv', has dilate 2 where"),
        ([dict(conv(3, 4), weights=[])], "layer 1, a 'conv', has weights none where"),
        (
            [dict(conv(3, 4), weights=[np.ones((5, 5, 3, 4)), np.ones(4)])],
            r"\(5, 5, 3, 4",
        ),
        ([*SPLIT, conv(13, 12)], "sub-pixel layers stand elsewhere"),
    ],
)
def test_other_networks(save, layers, message):
    path = save(layers)
    with pytest.raises(ValueError, match=message) as error:
        load_denoiser_weights(DnCNN(depth=2), path, dict(type="mmdenoise.DnCNN"))
    said = str(error.value)
    assert said.startswith(f"denoiser_checkpoint: cannot read {path!r} (")
    assert "\n" not in said


def test_weights_of_another_size(save):
    with pytest.raises(RuntimeError, match="does not fit: wrong shape: model.0.weight"):
        load(DnCNN(depth=3, channels=8), save(DNCNN))


def test_nan_is_refused(save):
    layers = [conv(3, 4), RELU, conv(4, 3)]
    layers[0]["weights"][1][2] = np.nan
    with pytest.raises(ValueError, match="net.mat' holds NaN.* in model.0.bias"):
        load(DnCNN(depth=2, channels=4), save(layers))


def refusal(path):
    with pytest.raises(ValueError) as error:
        load(DnCNN(depth=3, channels=4), str(path))
    said = str(error.value)
    assert repr(str(path)) in said and "\n" not in said
    return said


@pytest.mark.parametrize("kept", [0, 5, 200, 700, 0.5, 0.9])
def test_files_cut_short(save, tmp_path, kept):
    with open(save(DNCNN), "rb") as file:
        content = file.read()
    path = tmp_path / "cut.mat"
    path.write_bytes(content[: kept if kept > 1 else int(kept * len(content))])
    assert "cannot read" in refusal(path)


def test_foreign_files(tmp_path):
    path = tmp_path / "x.mat"
    savemat(path, dict(image=np.ones((3, 3)), labels=np.ones(2)))
    assert "no MatConvNet network" in refusal(path)
    assert "it holds image, labels" in refusal(path)
    savemat(path, dict(net=dict(params=1.0)))
    assert "it holds net" in refusal(path)
    savemat(path, dict(net=dict(layers=np.ones(3))))
    assert "no MatConvNet network" in refusal(path)
    with h5py.File(path, "w") as file:
        file["net/params"] = np.ones(3)
    assert "no MatConvNet network" in refusal(path)
    with h5py.File(path, "w") as file:
        file["image"] = np.ones(3)
    assert "it holds image" in refusal(path)
    path.write_bytes(b"<html>not found</html>" * 40)
    assert "no MATLAB file of version 5 or 7.3" in refusal(path)


def test_a_size_no_network_has(tmp_path):
    """A damaged file may say anything: nothing is allocated for it."""
    path = str(tmp_path / "x.mat")
    save_73(path, DNCNN)
    with h5py.File(path, "r+") as file:
        del file["#refs#/w0_0"]
        shape = (1 << 20, 1 << 20, 3, 3)
        kernel = file["#refs#"].create_dataset("huge", shape, np.float32, chunks=True)
        file[file["net/layers"][0, 0]]["weights"][0, 0] = kernel.ref
    assert "unpacks to more than its size accounts for" in refusal(path)


@pytest.mark.parametrize("save_as, module", [(save_5, "scipy"), (save_73, "h5py")])
def test_the_package_that_is_missing(tmp_path, monkeypatch, save_as, module):
    path = str(tmp_path / "x.mat")
    save_as(path, DNCNN)
    monkeypatch.setitem(sys.modules, module, None)
    assert f"needs {module}: pip install 'mmdenoise[baselines]'" in refusal(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*x.mat"):
        load(DnCNN(), str(tmp_path / "x.mat"))
