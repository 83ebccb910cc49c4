"""Packaging of mmdenoise: what it needs, and what is the user's choice."""

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What lies beside the package in a checkout and is looked for inside it, by the name
# that MMEngine and mim look for, once it is installed.
METAFILE = "mmdenoise/weights/zoo/metafile.yml"
EXTRAS = ("configs", "tools", "model-index.yml", METAFILE)


class BuildWithExtras(build_py):
    """Puts configs, the hosts' tools and the model index into ``mmdenoise/.mim``.

    An editable installation finds them where they are, through links.
    """

    def run(self) -> None:
        """Build, then copy or link."""
        super().run()
        where = ROOT if self.editable_mode else Path(self.build_lib)
        folder = where / "mmdenoise" / ".mim"
        shutil.rmtree(folder, ignore_errors=True)
        for name in EXTRAS:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if self.editable_mode:
                target.symlink_to(os.path.relpath(ROOT / name, target.parent))
            elif (ROOT / name).is_dir():
                clean = shutil.ignore_patterns("__pycache__", "*.pyc")
                shutil.copytree(ROOT / name, target, ignore=clean)
            else:
                shutil.copy(ROOT / name, target)


def read_version() -> str:
    """Version from `mmdenoise/version.py`, read as text.

    Importing the package would need torch and the hosts, which are not there yet
    when the package is being installed.
    """
    path = ROOT / "mmdenoise" / "version.py"
    match = re.search(
        r"""^__version__\s*=\s*['"]([^'"]+)['"]""",
        path.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    if match is None:
        raise RuntimeError(f"{path}: no line of the form __version__ = '1.2.3'")
    return match.group(1)


def read_readme() -> str:
    path = ROOT / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


# The import names mmengine, mmcv, mmseg and mmpretrain are provided by two families
# of distributions. They are extras and not hard requirements, because a requirement
# on one family would install it over the other, file by file, in the environment
# where the user's own network works.
ONEDL = [
    "onedl-mmengine>=0.10.12",
    "onedl-mmcv>=2.3.6",
    "onedl-mmsegmentation>=1.4.2",
    "onedl-mmpretrain>=1.3.6",
    # Imported by mmpretrain, required by none of the four.
    "torchvision",
]
OPENMMLAB = [
    "mmengine>=0.10",
    # mmseg 1.2 and mmpretrain 1.2 refuse mmcv 2.2 when they are imported.
    "mmcv>=2.1,<2.2",
    "mmsegmentation>=1.2",
    "mmpretrain>=1.2",
    # Imported by mmsegmentation 1.2, which does not require them.
    "ftfy",
    "regex",
    "torchvision",
    # Older than NumPy 2, as the PyTorch that they are used with; opencv 4.12 needs it.
    "numpy<2",
    "opencv-python<4.12",
    # mmengine 0.10 imports pkg_resources, to find the configs of 'mmseg::...'.
    "setuptools<82",
]

setup(
    name="mmdenoise",
    version=read_version(),
    description=(
        "A trainable denoiser in front of your frozen segmentor or classifier, "
        "for the MMEngine family"
    ),
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    author="The mmdenoise developers",
    project_urls={"Paper": "https://arxiv.org/abs/1809.01826"},
    license="Apache-2.0",
    keywords="computer vision, image denoising, semantic segmentation, MMEngine",
    classifiers=[
        "Development Status :: 4 - Beta",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.9",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Processing",
    ],
    python_requires=">=3.9",
    packages=find_packages(include=["mmdenoise", "mmdenoise.*"]),
    package_data={
        "mmdenoise": ["py.typed"],
        "mmdenoise.visualization.opinion_page": ["page.*"],
        "mmdenoise.weights.zoo": ["*.safetensors", "metafile.yml"],
    },
    cmdclass={"build_py": BuildWithExtras},
    entry_points={"console_scripts": ["mmdenoise = mmdenoise.cli.main:main"]},
    zip_safe=False,
    # Whatever both host families share. The hosts themselves are extras: see above.
    install_requires=[
        "matplotlib",
        "numpy>=1.26",
        "opencv-python",
        "Pillow",
        "PyYAML",
        "safetensors",
        "tifffile",
        "torch>=2.1",
    ],
    extras_require={
        "onedl": ONEDL,
        "openmmlab": OPENMMLAB,
        "baselines": ["bm3d", "h5py", "scipy", "spandrel"],
        "completion": ["shtab"],
        "demo": ["gradio>=6"],
        "study": ["scipy"],
        "dev": ["pytest", "pytest-xdist", "ruff", "scikit-image"],
    },
)
