"""Files that are not what their names promise: images, weights, configs."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

IMAGES = ("empty.png", "text.png", "cut.png", "cut.jpg", "folder.png", "gone.png")
IMAGES += ("nan.tif", "channels5.tif", "complex.tif", "zip.png", "video.mp4")
WEIGHTS = ("gone.pth", "empty.pth", "text.pth", "cut.pth", "folder.pth", "nan.pth")
WEIGHTS += ("trap.pth", "list.pth", "nothing.pth", "int8.pth", "shape.pth")
WEIGHTS += ("complex.pth", "cut.safetensors", "header.safetensors", "text.mat")
CONFIGS = dict(
    syntax="model = dict(",
    raises="x = 1 / 0",
    nobase="_base_ = 'gone_base.py'",
    empty="",
    nomodel="train_cfg = dict(type='IterBasedTrainLoop', max_iters=1)",
    notype="model = dict(denoiser=dict(depth=3), noise=None)",
    unknown="model = dict(type='mmdenoise.Cascadde', denoiser=dict(type='x'))",
    number="model = 3",
    text="hello there",
)


def make_images(folder: Path) -> None:
    """Write bad images, and two good ones: good.png and good.jpg."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 56, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "good.png")
    Image.fromarray(pixels).save(folder / "good.jpg")
    for kind in ("png", "jpg"):
        whole = (folder / f"good.{kind}").read_bytes()
        (folder / f"cut.{kind}").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("hello")
    (folder / "folder.png").mkdir()
    (folder / "video.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    with zipfile.ZipFile(folder / "zip.png", "w") as file:
        file.writestr("a", "b")
    tifffile.imwrite(folder / "nan.tif", np.full((8, 8, 3), np.nan, np.float32))
    tifffile.imwrite(folder / "channels5.tif", np.zeros((8, 8, 5), np.uint8))
    tifffile.imwrite(folder / "complex.tif", np.zeros((8, 8), np.complex64))


class _Trap:
    def __reduce__(self):
        return os.mkdir, ("sprung",)


def make_weights(folder: Path, denoiser: str, release: str) -> None:
    """Write bad files of weights of good ones.

    Args:
        folder: Where to.
        denoiser: A denoiser's checkpoint.
        release: A denoiser file, safetensors.
    """
    state = torch.load(denoiser, weights_only=True)
    first = next(iter(state))
    changed = {
        "nan": lambda tensor: torch.full_like(tensor, float("nan")),
        "int8": lambda tensor: tensor.to(torch.int8),
        "complex": lambda tensor: tensor.to(torch.complex64),
        "shape": lambda tensor: torch.zeros(7, 7),
    }
    for name, change in changed.items():
        torch.save(dict(state, **{first: change(state[first])}), folder / f"{name}.pth")
    torch.save(dict(state_dict=state, extra=_Trap()), folder / "trap.pth")
    torch.save([1, 2, 3], folder / "list.pth")
    torch.save({}, folder / "nothing.pth")
    (folder / "empty.pth").touch()
    (folder / "text.pth").write_text("hello")
    (folder / "text.mat").write_text("hello")
    (folder / "folder.pth").mkdir()
    whole = Path(denoiser).read_bytes()
    (folder / "cut.pth").write_bytes(whole[: len(whole) // 2])
    whole = Path(release).read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    (folder / "header.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")


def make_configs(folder: Path) -> None:
    """Write configs that are none."""
    for name, text in CONFIGS.items():
        (folder / f"{name}.py").write_text(text)
    (folder / "binary.py").write_bytes(bytes(range(256)))
    (folder / "folder.py").mkdir()
    (folder / "list.json").write_text(json.dumps([1, 2]))
