"""What the paper prints of denoisers, Tables I to III, and how to look it up.

Liu et al., "Connecting Image Denoising and High-Level Vision Tasks via Deep Learning".
PSNR in dB on whole images, sigma in 8-bit units; digits as they are printed. Two things
in Table II are odd: CBM3D's averages at sigma 35 and 50 (30.04, 28.62) are not the
means of its rows (30.02, 28.61), and its entries for image 17 at these levels repeat
those for image 16.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "DESIGNS",
    "DESIGN_SIGMA",
    "METHODS",
    "Design",
    "paper_average",
    "paper_method",
    "paper_psnr",
]

METHODS = ("CBM3D", "MCWNNM", "DnCNN", "FFDNet", "Proposed")
SIGMAS = (25, 35, 50)
# What the paper's own method is called here.
OURS = ("ours", "multiscale", "multiscaledenoiser")

# Table II: an image's number, then for each sigma the five methods.
_KODAK24 = """
01 29.13 28.66 29.75 29.65 29.76 27.31 26.93 28.10 28.01 28.11 25.86 25.28 26.52 26.45 26.55
02 32.44 31.92 32.97 32.86 33.00 31.07 30.62 31.65 31.60 31.75 29.84 29.27 30.44 30.35 30.54
03 34.54 34.05 34.97 34.92 35.12 32.62 32.27 33.37 33.38 33.58 31.34 30.52 31.76 31.77 31.99
04 32.67 32.42 32.94 32.90 33.01 31.02 30.92 31.51 31.49 31.59 29.92 29.37 30.12 30.09 30.22
05 29.73 29.37 30.53 30.35 30.55 27.61 27.53 28.66 28.52 28.72 25.92 25.60 26.77 26.67 26.87
06 30.59 30.18 31.05 30.99 31.08 28.78 28.44 29.37 29.34 29.45 27.34 26.70 27.74 27.72 27.85
07 33.66 33.36 34.42 34.31 34.47 31.64 31.53 32.60 32.54 32.70 29.99 29.51 30.67 30.66 30.82
08 29.88 29.39 30.30 30.04 30.37 27.82 27.67 28.53 28.30 28.64 26.23 25.86 26.65 26.50 26.84
09 34.06 33.42 34.59 34.52 34.63 32.28 31.76 33.06 33.00 33.11 30.86 30.00 31.42 31.40 31.53
10 33.82 33.23 34.33 34.24 34.38 31.97 31.51 32.74 32.68 32.83 30.48 29.63 31.03 30.99 31.17
11 31.25 30.62 31.82 31.70 31.84 29.53 29.04 30.23 30.14 30.29 28.00 27.41 28.67 28.56 28.76
12 33.76 33.02 34.12 34.04 34.18 32.24 31.52 32.73 32.65 32.83 30.98 30.00 31.32 31.24 31.47
13 27.64 27.19 28.26 28.17 28.24 25.70 25.40 26.46 26.39 26.47 24.03 23.70 24.73 24.67 24.76
14 30.03 29.67 30.79 30.67 30.80 28.24 28.05 29.17 29.07 29.20 26.74 26.43 27.57 27.48 27.63
15 33.08 32.69 33.32 33.24 33.35 31.47 31.15 31.89 31.82 31.96 30.32 29.59 30.50 30.44 30.59
16 32.33 31.79 32.69 32.66 32.74 30.64 30.15 31.16 31.14 31.23 29.36 28.53 29.68 29.63 29.78
17 32.93 32.39 33.53 33.47 33.50 30.64 30.75 31.96 31.94 31.98 29.36 28.98 30.33 30.33 30.40
18 29.83 29.46 30.40 30.31 30.46 28.00 27.70 28.72 28.63 28.79 26.41 25.94 27.03 26.96 27.14
19 31.78 31.29 32.23 32.12 32.30 30.19 29.86 30.80 30.70 30.88 29.06 28.44 29.34 29.26 29.49
20 33.45 32.78 34.15 34.03 34.29 31.84 31.32 32.73 32.65 32.91 30.51 29.79 31.28 31.21 31.53
21 30.99 30.55 31.61 31.53 31.63 29.17 28.86 29.94 29.88 29.98 27.61 27.13 28.27 28.21 28.34
22 30.93 30.48 31.41 31.33 31.38 29.36 28.93 29.94 29.88 29.95 28.09 27.47 28.54 28.48 28.58
23 34.79 34.45 35.36 35.31 35.40 33.09 32.79 33.86 33.82 33.89 31.75 30.96 32.18 32.22 32.30
24 30.09 29.93 30.79 30.66 30.77 28.19 28.17 28.98 28.89 29.03 26.62 26.37 27.18 27.11 27.30
Average 31.81 31.35 32.35 32.25 32.39 30.04 29.70 30.76 30.69 30.83 28.62 28.02 29.16 29.10 29.27
"""  # noqa: E501 - as wide as the table

# Table III has averages alone, over 68 images.
_CBSD68 = """
Average 30.71 30.23 31.23 31.21 31.32 28.89 28.57 29.58 29.58 29.73 27.38 26.63 27.92 27.76 28.09
"""  # noqa: E501


class Design(NamedTuple):
    """A row of Table I: one network on Kodak24.

    Attributes:
        scales: "Scale No."
        global_skip: "Skip connection".
        encoder_channels: Kernels of an encoding module's first and last conv.
        decoder_channels: The same of a decoding module.
        parameters: As printed, in thousands.
        psnr: As printed, in dB, at :data:`DESIGN_SIGMA`.
    """

    scales: int
    global_skip: bool
    encoder_channels: int
    decoder_channels: int
    parameters: int
    psnr: float

    @property
    def name(self) -> str:
        """A name for files and options: ``3-skip-128-256`` is the paper's choice."""
        skip = "skip" if self.global_skip else "noskip"
        return f"{self.scales}-{skip}-{self.encoder_channels}-{self.decoder_channels}"

    @property
    def config(self) -> dict:
        """The denoiser's config."""
        names = ("scales", "global_skip", "encoder_channels", "decoder_channels")
        options = {name: getattr(self, name) for name in names}
        return dict(type="mmdenoise.MultiScaleDenoiser", **options)


DESIGN_SIGMA = 35
DESIGNS = (
    Design(2, True, 128, 128, 384, 30.41),
    Design(2, False, 128, 256, 637, 30.39),
    Design(2, True, 128, 256, 637, 30.54),
    Design(2, True, 256, 256, 1780, 30.70),
    Design(3, True, 128, 128, 592, 30.64),
    Design(3, False, 128, 256, 1026, 30.52),
    Design(3, True, 128, 256, 1026, 30.83),
    Design(3, True, 256, 256, 2198, 30.87),
    Design(4, True, 128, 128, 970, 30.76),
    Design(4, False, 128, 256, 1488, 30.67),
    Design(4, True, 128, 256, 1488, 30.91),
    Design(4, True, 256, 256, 3945, 30.96),
)


def _read(text: str) -> dict[tuple[str, float, str], float]:
    """PSNR by (row, sigma, method)."""
    columns = [(sigma, method) for sigma in SIGMAS for method in METHODS]
    found = {}
    for line in text.split("\n")[1:-1]:
        row, *values = line.split()
        found.update({(row, *c): float(v) for c, v in zip(columns, values)})
    return found


# By the name of a data set: its size, and what is printed of it.
_TABLES = dict(kodak24=(24, _read(_KODAK24)), cbsd68=(68, _read(_CBSD68)))


def paper_method(name: str) -> str:
    """The paper's name of a method, if it has one; case does not count.

    ``ours`` and ``multiscale`` mean what the paper calls "Proposed".
    """
    names = {method.lower(): method for method in METHODS}
    names.update(dict.fromkeys(OURS, "Proposed"))
    return names.get(name.lower(), name)


def paper_psnr(data: str, image: str, method: str, sigma: float) -> float | None:
    """PSNR of one image in Table II; None where the paper has none.

    Args:
        data: Name of the data set, ``kodak24``; case does not count.
        image: The image's file name. The last number in it is the image's
            (``01.png``, ``kodim01.png``).
        method: See :func:`paper_method`.
        sigma: Noise level in 8-bit units.
    """
    _, table = _TABLES.get(data.lower(), (0, {}))
    numbers = re.findall(r"\d+", os.path.splitext(os.path.basename(image))[0])
    row = f"{int(numbers[-1]):02d}" if numbers else ""
    return table.get((row, sigma, paper_method(method)))


def paper_average(
    data: str, images: Sequence[str], method: str, sigma: float
) -> float | None:
    """Average PSNR in Table II or III over some images; None where there is none.

    Over a whole data set it is the printed average, over a part of Kodak24 the mean of
    the printed rows, and over a part of CBSD68, which has no rows, there is none.

    Args:
        data: Name of the data set, ``kodak24`` or ``cbsd68``; case does not count.
        images: The images' file names.
        method: See :func:`paper_method`.
        sigma: Noise level in 8-bit units.
    """
    size, table = _TABLES.get(data.lower(), (0, {}))
    if len(images) == size:
        return table.get(("Average", sigma, paper_method(method)))
    rows = [paper_psnr(data, image, method, sigma) for image in images]
    if not rows or None in rows:
        return None
    return sum(rows) / len(rows)
