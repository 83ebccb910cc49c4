"""The wheel by itself, in an empty folder: commands, configs, names that hosts read."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Build a wheel of what git tracks, and unpack it where nothing else is."""
    source = tmp_path_factory.mktemp("source")
    names = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in names.splitlines():
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target"]
    subprocess.run([*command, folder, source], check=True, timeout=300)
    return folder


@pytest.fixture
def run(installed, tmp_path):
    """Run the installed console script in an empty folder."""
    environment = dict(os.environ, PYTHONPATH=str(installed), OMP_NUM_THREADS="1")

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, installed / "bin" / "mmdenoise", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_an_image_is_denoised(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    assert "denoised 1 of 1" in run("denoise", "photo.png", "clean.png", "--sigma", 25)
    denoised = np.asarray(Image.open(tmp_path / "clean.png"))
    assert denoised.shape == pixels.shape
    assert denoised.std() < 0.8 * pixels.std()


def test_a_shipped_config_trains_on_generated_data(run, tmp_path):
    """``demo/denoiser`` copied, its data made, a few iterations, then tested."""
    assert "demo/denoiser" in run("config").splitlines()
    assert "_base_/default_runtime.py" in run("config", "demo/denoiser")
    run("config", "demo/denoiser", "mine")
    size = ["--train", 4, "--val", 2, "--size", 48]
    run("data", "shapes", "work_dirs/demo/data", *size)
    run("train", "mine/demo/denoiser.py", "--cfg-options", "train_cfg.max_iters=2")
    checkpoint = "work_dirs/denoiser/iter_2.pth"
    assert (tmp_path / checkpoint).is_file()
    assert "PSNR" in run("test", "mine/demo/denoiser.py", checkpoint)


def test_what_hosts_look_for_is_there(installed, run, tmp_path):
    """``.mim`` as the hosts' packages have it; a base by its name."""
    mim = installed / "mmdenoise" / ".mim"
    index = (mim / "model-index.yml").read_text()
    for name in re.findall(r"- (\S+)", index):
        metafile = (mim / name).read_text()
        configs = re.findall(r"Config: (\S+)", metafile)
        assert configs and all((mim / config).is_file() for config in configs)
    tools = {path.name for path in (mim / "tools").iterdir()}
    assert {"train.py", "test.py", "dist_train.sh", "slurm_test.sh"} <= tools
    assert (installed / "mmdenoise" / "py.typed").is_file()
    (tmp_path / "mine.py").write_text("_base_ = 'mmdenoise::demo/joint.py'\n")
    program = (
        "import mmdenoise\nfrom mmengine.config import Config\n"
        "print(Config.fromfile('mine.py').model.head)"
    )
    environment = dict(os.environ, PYTHONPATH=str(installed))
    found = subprocess.check_output(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, text=True
    )
    assert Path(found.strip()) == mim / "configs" / "demo" / "head.py"
    assert Config.fromfile(found.strip()).model.type == "EncoderDecoder"


def test_every_import_is_declared(installed):
    """Of the package, at any depth; the hosts and the baselines are extras."""
    names = set()
    for path in (installed / "mmdenoise").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        names |= set(re.findall(r"^\s*(?:from|import) ([a-zA-Z]\w*)", text, re.M))
    foreign = {n for n in names - set(sys.stdlib_module_names) if is_module(n)}
    metadata = next(installed.glob("mmdenoise-*.dist-info/METADATA")).read_text()
    required = re.findall(r"^Requires-Dist: ([\w.-]+)", metadata, re.MULTILINE)
    given = {provided(name.lower()) for name in required} | {"mmdenoise"}
    hosts = {"mmengine", "mmcv", "mmseg", "mmpretrain"}
    extra = {"spandrel_extra_arches", "fcntl", "resource"}
    assert foreign - hosts - extra <= given


def provided(requirement):
    """The module that a requirement brings."""
    names = {
        "opencv-python": "cv2",
        "pillow": "PIL",
        "pyyaml": "yaml",
        "scikit-image": "skimage",
    }
    return names.get(requirement, requirement)


def is_module(name):
    return importlib.util.find_spec(name) is not None
