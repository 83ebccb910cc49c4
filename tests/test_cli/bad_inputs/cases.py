"""Bad inputs over all commands, each with the culprit that is to be named."""

import shlex
from collections.abc import Iterator
from typing import NamedTuple

from tests.test_cli.bad_inputs.files import CONFIGS, IMAGES, WEIGHTS


class Case(NamedTuple):
    """A command line, ``{names}`` standing for good files, and the culprit's name."""

    line: str
    culprit: str

    @property
    def command(self):
        """The command's name, ``benchmark speed`` for instance."""
        words = shlex.split(self.line)
        group = words[:1] in (["benchmark"], ["study"])
        return " ".join(words[: 2 if group else 1])


def all_cases() -> list[Case]:
    """Every case; no two of one line."""
    parts = (of_images, of_weights, of_configs, of_settings, of_options, of_outputs)
    cases = [case for part in parts for case in part()]
    assert len({case.line for case in cases}) == len(cases)
    return cases


def of_images() -> Iterator[Case]:
    """Images that are none."""
    for name in IMAGES:
        # A PNG holds no floats, which is said before the file is opened.
        ending = "tif" if name == "nan.tif" else "png"
        yield Case(f"denoise {name} OUT.{ending}", name)
        yield Case(f"predict {{config}} {{denoiser}} {name} --out OUT", name)
        # A video among images is passed over, and said.
        if name not in ("gone.png", "video.mp4"):
            yield Case(f"denoise good.png {name} OUT/", name)
        yield Case(f"panels {name} --sigma 25 --denoiser a=multiscale_sigma25", name)
    yield Case("denoise 'none/*.png' OUT/", "none/*.png")
    yield Case("denoise '' OUT.png", "''")


def of_weights() -> Iterator[Case]:
    """Files of weights that are none, in every command that opens one."""
    lines = (
        "denoise good.png OUT.png --denoiser {}",
        "predict {{config}} {} good.png --out OUT",
        "test {{config}} {}",
        "compare {{config}} --denoiser a={} --out OUT",
        "sweep {{config}} --denoiser a={} --out OUT",
        "train {{config}} --cfg-options model.denoiser_checkpoint={}",
        "test {{config}} --cfg-options model.head_checkpoint={}",
        "export {} OUT.pth --config {{config}}",
        "convert {} OUT.pth",
        "benchmark speed --denoiser a={} --size 8x8 --rounds 1",
        "benchmark accuracy --denoiser a={} --data d={{images}} --out OUT --first 1",
        "panels good.png --sigma 25 --denoiser a={}",
    )
    for line in lines:
        for name in WEIGHTS:
            culprit = name
            yield Case(line.format(name), culprit)


def of_configs() -> Iterator[Case]:
    """Configs that are none, or another command's."""
    names = [*(f"{name}.py" for name in CONFIGS), "binary.py", "folder.py", "list.json"]
    for name in [*names, "good.png", "gone.py"]:
        yield Case(f"test {name}", name)
        for line in (
            "train {}",
            "compare {} --out OUT",
            "predict {} {{denoiser}} good.png --out OUT",
            "balance {}",
        ):
            yield Case(line.format(name), name)
    for name in ("syntax.py", "folder.py", "gone.py"):
        yield Case(f"export {{denoiser}} OUT.pth --config {name}", name)
    for line in ("compare {head} --out OUT", "balance {head}", "train {head}"):
        yield Case(line, "head.py")
    yield Case("predict {head} {denoiser} good.png --out OUT", "head.py")
    yield Case("config nothing_like_it", "nothing_like_it")
    yield Case("config ../setup OUT", "../setup")


# Settings of a cascade's config, and what names the culprit.
SETTINGS = {
    "modle.noise.sigma=30": "modle",
    "data_root=elsewhere": "data_root",
    "model.foo=1": "foo",
    "model.type=mmdenoise.Nothing": "Nothing",
    "model.tap=backbone.layer9": "backbone.layer9",
    "model.tap=3": "tap",
    "model.head=gone.py": "gone.py",
    "model.head=3": "head",
    "model.head=syntax.py": "syntax.py",
    "model.denoiser.type=mmdenoise.Gone": "Gone",
    "model.denoiser.type=os.system": "system",
    "model.denoiser.scales=100": "scales",
    "model.denoiser.scales=x": "scales must be",
    "model.denoiser.foo=1": "foo",
    "model.denoiser.encoder_channels=-4": "encoder_channels",
    "model.noise.sigma=-1": "sigma",
    "model.noise.sigma=nan": "sigma",
    "model.noise.sigma=inf": "sigma",
    "model.noise.sigma=abc": "sigma",
    "model.noise.sigma=(60,0)": "sigma",
    "model.noise.sigma=None": "sigma",
    "model.noise.seed=abc": "seed",
    "model.noise.seed=1.5": "seed",
    "model.noise.foo=1": "foo",
    "model.noise.type=mmdenoise.Rain": "Rain",
    "model.loss.task=abc": "task",
    "model.loss.task=-1": "task",
    "model.loss.perceptual=nan": "perceptual",
    "model.loss.reconstruction=None": "reconstruction",
    "model.loss.foo=1": "foo",
    "model.head_channel_order=grb": "head_channel_order",
    "model.head_options.foo=1": "foo",
    "load_from=gone.pth": "gone.pth",
    "train_cfg.foo=1": "foo",
    "train_cfg.max_iters=-3": "max_iters",
    "train_cfg.max_iters=abc": "max_iters",
    "train_cfg.type=GoneLoop": "GoneLoop",
    "optim_wrapper.optimizer.type=Adamm": "Adamm",
    "optim_wrapper.optimizer.lr=-1": "lr",
    "optim_wrapper.optimizer.lr=abc": "lr",
    "optim_wrapper.optimizer.foo=1": "foo",
    "optim_wrapper.type=Gone": "Gone",
    "train_dataloader.batch_size=0": "batch_size",
    "train_dataloader.batch_size=abc": "batch_size",
    "train_dataloader.num_workers=-1": "num_workers",
    "train_dataloader.foo=1": "foo",
    "train_dataloader.dataset.type=Gone": "Gone",
    "train_dataloader.dataset.data_root=elsewhere": "elsewhere",
    "train_dataloader.dataset.ann_file=gone.txt": "gone.txt",
    "train_dataloader.dataset.foo=1": "foo",
    "train_dataloader.sampler.type=Gone": "Gone",
    "default_scope=nothing": "default_scope",
    "randomness.seed=abc": "seed",
    "custom_hooks.0.type=Gone": "hook",
    "default_hooks.checkpoint.interval=abc": "interval",
    "default_hooks.foo=1": "foo",
    "log_level=LOUD": "LOUD",
    "compile=True": "compile",
}
NOT_TESTED = ("train_", "optim_wrapper", "load_from", "compile", "model.loss")


def of_settings() -> Iterator[Case]:
    """Wrong keys and values of a config that is right."""
    for setting, culprit in SETTINGS.items():
        given = shlex.quote(setting)
        yield Case(f"train {{config}} --cfg-options {given}", culprit)
        if setting.startswith("model.") and not setting.startswith("model.loss"):
            if "tap" not in setting:
                yield Case(f"test {{config}} --cfg-options {given}", culprit)


TWO_CLASSES = "test_dataloader.dataset.metainfo.classes=[background,fabric]"

# What argparse refuses, and what is out of range; of every command.
OPTIONS = {
    "denoise good.png OUT.png --sigma abc": "--sigma",
    "denoise good.png OUT.png --sigma 99": "99",
    "denoise good.png OUT.png --sigma nan": "nan",
    "denoise good.png OUT.png --sigma -1": "-1",
    "denoise good.png OUT.png --tile 3": "tile",
    "denoise good.png OUT.png --tile -1": "tile",
    "denoise good.png OUT.png --tile x": "--tile",
    "denoise good.png OUT.png --device banana": "banana",
    "denoise good.png OUT.png --device cuda:99": "cuda:99",
    "denoise good.png OUT.png --denoiser Gone": "Gone",
    "denoise good.png OUT.png --denoiser os.system": "os.system",
    "denoise good.png OUT.png --denoiser multiscale_sigma25 --sigma 25": "sigma",
    "denoise good.png OUT.png --wrong": "--wrong",
    "denoise good.png": "OUT",
    "denoise": "IN",
    "train": "CONFIG",
    "train {config} --launcher nobody": "--launcher",
    "train {config} --precision int3": "--precision",
    "train {config} --trust-checkpoint": "--trust-checkpoint",
    "train {config} --cfg-options sigma": "sigma",
    "train {config} extra": "extra",
    "test": "CONFIG",
    "test {config} {denoiser} extra": "extra",
    "test {config} --heads {config}": "--heads",
    "test {config} {denoiser} --heads {config}": "given twice",
    "test {config} {denoiser} --heads gone.py": "gone.py",
    "test {config} {denoiser} --heads {head} --out x.pkl": "--out",
    "test {config} --tta": "--tta",
    "test {config} --show-dir OUT": "--show-dir",
    "test {config} multiscale_sigma99": "multiscale_sigma99",
    f"test {{config}} {{denoiser}} --cfg-options {TWO_CLASSES}": "2 classes",
    f"compare {{config}} --out OUT --cfg-options {TWO_CLASSES}": "2 classes",
    f"sweep {{config}} --out OUT --cfg-options {TWO_CLASSES}": "2 classes",
    f"test {{head}} --cfg-options {TWO_CLASSES}": "2 classes",
    "compare": "CONFIG",
    "compare {config} --denoiser joint.pth": "--denoiser",
    "compare {config} --denoiser a=x --denoiser a=y": "'a'",
    "compare {config} --denoiser clean={denoiser} --out OUT": "clean",
    "compare {config} --denoiser noisy={denoiser} --out OUT": "noisy",
    "compare {config} --seed abc": "--seed",
    "compare {config} --seed -1 --out OUT": "seed",
    "compare {config} --keys Gone --out OUT": "Gone",
    "compare {config} --difference clean gone --out OUT": "gone",
    "compare {config} --difference clean": "--difference",
    "compare {config} --images 99 --out OUT": "99",
    "compare {config} --images -7 --out OUT": "-7",
    "compare {config} --images x": "--images",
    "compare {config} --cfg-options model.noise=None --out OUT": "clean image",
    "compare {config} --cfg-options model.noise=None --seed 0 1 --out OUT": "seed",
    "compare {config} --sigma 25 --out OUT": "noise=None",
    "compare {config} --sigma -1 --out OUT": "--sigma",
    "predict {config} {denoiser}": "IMAGE",
    "predict {config} {denoiser} good.png --device banana": "banana",
    "predict {config} multiscale_sigma99 good.png --out OUT": "multiscale_sigma99",
    "export {denoiser} OUT.pth": "--config",
    "export {denoiser} OUT.npz --config {config}": ".npz",
    "export {denoiser}": "OUT",
    "export {denoiser} OUT.pth --config {config} --ema": "averaged",
    "convert {denoiser}": "OUT",
    "convert {release} OUT.mat": ".safetensors",
    "convert {denoiser} OUT.pth --sigma abc": "--sigma",
    "convert {release} OUT.pth": "already",
    "balance {config} --batches 0": "batches",
    "balance {config} --batches -2": "batches",
    "balance {config} --batches x": "--batches",
    "benchmark": "COMMAND",
    "benchmark nothing": "nothing",
    "benchmark speed": "--denoiser",
    "benchmark speed --denoiser a": "--denoiser",
    "benchmark speed --denoiser a=IdentityDenoiser --size 8": "WIDTHxHEIGHT",
    "benchmark speed --denoiser a=IdentityDenoiser --size 0x8": "0x8",
    "benchmark speed --denoiser a=IdentityDenoiser --size 8x8 --rounds 0": "round",
    "benchmark speed --denoiser a=IdentityDenoiser --size 8x8 --warm-up -1": "warm-up",
    "benchmark speed --denoiser a=IdentityDenoiser --size 8x8 --sigma -1": "sigma",
    "benchmark speed --denoiser a=IdentityDenoiser --threads 0": "--threads",
    "benchmark speed --denoiser a=IdentityDenoiser --device banana": "banana",
    "benchmark accuracy --denoiser a=IdentityDenoiser": "--data",
    "benchmark accuracy --data d={images}": "--denoiser",
    "benchmark accuracy --denoiser a=IdentityDenoiser --data d": "--data",
    "benchmark accuracy --denoiser a=IdentityDenoiser --data d=gone": "gone",
    "benchmark accuracy --denoiser a=Gone --data d={images} --out OUT": "Gone",
    "benchmark accuracy --denoiser a=IdentityDenoiser --data d={images} --sigma -1 "
    "--out OUT": "sigma",
    "benchmark accuracy --denoiser a=IdentityDenoiser --data d={images} --first 0 "
    "--out OUT": "first",
    "benchmark designs --denoiser gone=x.pth --data d={images}": "gone",
    "benchmark designs --denoiser 3-skip-128-256=x.pth": "images",
    "benchmark designs --size x --out OUT": "WIDTHxHEIGHT",
    "benchmark designs --data a=b --data c=d": "--data",
    "benchmark training": "CONFIG",
    "benchmark training {config} --iterations 0": "iterations",
    "benchmark training {config} --iterations -1": "iterations",
    "benchmark training {config} --warm-up -1": "warm-up",
    "benchmark training gone.py": "gone.py",
    "demo --seed x": "--seed",
    "demo --seed -1 --out OUT": "seed",
    "data": "SET",
    "data nothing OUT": "nothing",
    "data shapes OUT --train 0": "counts",
    "data shapes OUT --seed -1": "seed",
    "data classes OUT --size 3": "size",
    "data shapes OUT --size 0": "size",
    "data shapes OUT --size -5": "size",
    "data shapes OUT --size x": "--size",
    "data shapes good.png": "good.png",
    "config demo/joint OUT extra": "extra",
    "study": "COMMAND",
    "sweep": "CONFIG",
    "gradients": "CONFIG",
    "nothing": "nothing",
    "--wrong": "COMMAND",
    "": "COMMAND",
}


def of_options() -> Iterator[Case]:
    """Wrong options."""
    for line, culprit in OPTIONS.items():
        yield Case(line, culprit)


def of_outputs() -> Iterator[Case]:
    """Places where nothing can be written, or something is already."""
    below = "good.png/below"
    yield Case(f"denoise good.jpg {below}.png", "good.png")
    yield Case("denoise good.jpg OUT.mp4", ".mp4")
    yield Case("denoise good.jpg OUT", "OUT")
    yield Case("denoise good.png good.jpg", "good.jpg")
    yield Case("denoise good.png good.png", "good.png")
    yield Case(f"export {{denoiser}} {below}.pth --config {{config}}", "good.png")
    yield Case("export {denoiser} good.png --config {config}", "good.png")
    yield Case("export {denoiser} list.pth --config {config}", "list.pth")
    yield Case("export {denoiser} folder.pth --config {config}", "folder.pth")
    yield Case(f"predict {{config}} {{denoiser}} good.png --out {below}", "good.png")
    yield Case(f"compare {{config}} --out {below}", "good.png")
    yield Case(f"train {{config}} --work-dir {below}", "good.png")
    yield Case(f"test {{config}} --work-dir {below}", "good.png")
    yield Case("test {config} --out found.txt", "found.txt")
    yield Case(f"data shapes {below}", "good.png")
    yield Case(f"config demo/joint {below}", "good.png")
    yield Case(f"demo --out {below}", "good.png")
    data = "--denoiser a=IdentityDenoiser --data d={images} --sigma 25 --first 1"
    yield Case(f"benchmark accuracy {data} --out {below}", "good.png")
    yield Case(f"benchmark designs --out {below} --rounds 1 --size 8x8", "good.png")
