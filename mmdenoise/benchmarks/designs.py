"""Table I, the designs of the paper's denoiser: what each costs, sees and gives."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

from mmdenoise.apis.methods import Method
from mmdenoise.atomic_files import atomic_path
from mmdenoise.benchmarks.accuracy import benchmark
from mmdenoise.benchmarks.complexity import (
    conv_parameters,
    multiply_adds,
    receptive_field,
)
from mmdenoise.benchmarks.published import DESIGN_SIGMA, DESIGNS, Design
from mmdenoise.benchmarks.score_tables import averages
from mmdenoise.benchmarks.speed import (
    conditions,
    load_all,
    measure_speed,
    smooth_image,
)
from mmdenoise.benchmarks.timing import quartiles, ratios
from mmdenoise.evaluation.tables import NONE, csv_text, markdown_table
from mmdenoise.registry import MODELS
from mmdenoise.weights.denoiser_file import write_denoiser_file
from mmdenoise.weights.endings import WRITTEN
from mmdenoise.weights.named_weights import load_denoiser_weights

__all__ = ["Row", "ablation", "ablation_csv", "ablation_table", "describe"]

CHOSEN = "3-skip-128-256"


class Row(NamedTuple):
    """A design as it is here, beside Table I.

    Attributes:
        design: The row of Table I.
        conv_parameters: Of convs and deconvs.
        parameters: With those of BN.
        multiply_adds: Per input pixel.
        field: Side of the receptive field in pixels.
        reach: Pixels to the side on which it is longest.
        seconds: Per megapixel, one number a round.
        psnr: Mean over the images in dB; None without weights.
        paper_psnr: Table I's, where the images and the level are Table I's.
    """

    design: Design
    conv_parameters: int
    parameters: int
    multiply_adds: float
    field: int
    reach: int
    seconds: list[float]
    psnr: float | None
    paper_psnr: float | None


def ablation(
    out_dir: str,
    weights: Mapping[str, str],
    data: tuple[str, str] | None = None,
    sigma: float = DESIGN_SIGMA,
    seed: int = 0,
    first: int | None = None,
    size: tuple[int, int] = (512, 768),
    rounds: int = 5,
    device: str = "cpu",
) -> str:
    """Describe, time and score the designs; write ``ablation.md`` and ``.csv``.

    Args:
        out_dir: Folder for the results.
        weights: Files of trained weights by the design's name
            (:attr:`mmdenoise.benchmarks.published.Design.name`).
        data: Name and folder of a set of clean images; needed with ``weights``.
        sigma: Noise level in 8-bit units; 35 in Table I.
        seed: Seed of the noise.
        first: Take only so many images.
        size: Height and width of the image on which speed is measured.
        rounds: How often each design is timed.
        device: Where to run.

    Returns:
        The table, in Markdown.

    Raises:
        FileNotFoundError: If weights or images are missing.
        RuntimeError: If weights are those of another design.
        ValueError: If a name is unknown, or there are weights and no images.
    """
    _check_given(weights, data)
    with tempfile.TemporaryDirectory() as folder:
        # Through files, as users' denoisers come: what loading does is done.
        methods = {d.name: _written(d, weights.get(d.name), folder) for d in DESIGNS}
        psnr, paper = {}, {}
        if weights:
            given = [methods[name] for name in weights]
            psnr, paper = _scores(given, data, sigma, out_dir, seed, first, device)
        denoisers = load_all(list(methods.values()), sigma, device)
        # The chosen one first: the others' ratios are to it.
        order = sorted(denoisers, key=lambda name: name != CHOSEN)
        ordered = {name: denoisers[name] for name in order}
        timed = measure_speed(ordered, smooth_image(size), sigma, rounds)
    rows = [
        describe(design)._replace(
            seconds=timed[design.name].seconds,
            psnr=psnr.get(design.name),
            paper_psnr=paper.get(design.name),
        )
        for design in DESIGNS
    ]
    text = ablation_table(rows) + f"\n\nSpeed: {conditions(size, rounds, device)}"
    _write(os.path.join(out_dir, "ablation.md"), text + "\n")
    _write(os.path.join(out_dir, "ablation.csv"), ablation_csv(rows))
    return text


def _check_given(weights: Mapping[str, str], data: tuple[str, str] | None) -> None:
    known = [design.name for design in DESIGNS]
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ValueError(f"no design is called {unknown[0]!r}; they are {known}")
    if weights and data is None:
        raise ValueError("weights were given and no images: name a folder of them")


def _scores(
    methods: Sequence[Method],
    data: tuple[str, str],
    sigma: float,
    out_dir: str,
    seed: int,
    first: int | None,
    device: str,
) -> tuple[dict[str, float], dict[str, float]]:
    """PSNR in dB by the design's name: ours, and Table I's where it is of the same.

    Raises:
        RuntimeError: If a method or an image fails.
    """
    found = benchmark(methods, dict([data]), [sigma], out_dir, seed, first, device)
    if found.failures:
        raise RuntimeError(found.failures[0])
    means = averages(found.scores)
    paper = {}
    kodak = data[0].lower() == "kodak24" and means[0].images == 24
    if kodak and sigma == DESIGN_SIGMA:
        known = {design.name: design.psnr for design in DESIGNS}
        paper = {method.name: known[method.name] for method in methods}
    return {mean.method: mean.psnr for mean in means}, paper


def _write(name: str, content: str) -> None:
    with atomic_path(name) as path, open(path, "w", encoding="utf-8") as file:
        file.write(content)


def _written(design: Design, weights: str | None, folder: str) -> Method:
    """Write a design's weights, or those that it starts from, into a denoiser file."""
    torch.manual_seed(0)
    network = MODELS.build(design.config)
    if weights is not None:
        load_denoiser_weights(network, weights, design.config)
    path = os.path.join(folder, f"{design.name}{WRITTEN[0]}")
    write_denoiser_file(path, network.state_dict(), design.config)
    return Method(design.name, path)


def describe(design: Design) -> Row:
    """Count a design's parameters and multiply-adds, and measure its field."""
    network = MODELS.build(design.config)
    # A receptive field knows nothing of widths, and narrow networks are quick.
    narrow = dict(encoder_channels=4, decoder_channels=4, stem_channels=2)
    field, reach = receptive_field(MODELS.build(dict(design.config, **narrow)))
    return Row(
        design,
        conv_parameters(network),
        sum(parameter.numel() for parameter in network.parameters()),
        multiply_adds(network),
        field,
        reach,
        [],
        None,
        None,
    )


def ablation_table(rows: Sequence[Row]) -> str:
    """Lay rows out in Markdown, the paper's numbers beside ours."""
    base = next(row.seconds for row in rows if row.design.name == CHOSEN)
    names = ["scales", "skip", "encoder", "decoder", "parameters", "Table I"]
    names += ["with BN", "multiply-adds / px", "field, px", "to one side"]
    names += ["time, ratio", "quartiles", "PSNR", "Table I"]
    lines = []
    for row in rows:
        design = row.design
        low, middle, high = quartiles(ratios(row.seconds, base))
        cells = [
            f"{design.scales}",
            "yes" if design.global_skip else "no",
            f"{design.encoder_channels}",
            f"{design.decoder_channels}",
            f"{row.conv_parameters:,}",
            f"{design.parameters:,}k",
            f"{row.parameters:,}",
            f"{row.multiply_adds:,.0f}",
            f"{row.field}x{row.field}",
            f"{row.reach}",
            f"{middle:.2f}",
            f"{low:.2f} to {high:.2f}",
            NONE if row.psnr is None else f"{row.psnr:.2f}",
            f"{design.psnr:.2f}",
        ]
        lines.append(cells)
    return markdown_table(names, lines)


def ablation_csv(rows: Sequence[Row]) -> str:
    """Lay rows out in CSV."""
    base = next(row.seconds for row in rows if row.design.name == CHOSEN)
    names = ["design", "scales", "global_skip", "encoder_channels", "decoder_channels"]
    names += ["conv_parameters", "paper_parameters", "parameters_with_bn"]
    names += ["multiply_adds_per_pixel", "receptive_field", "reach"]
    names += ["seconds_per_megapixel", "time_ratio", "psnr", "paper_psnr"]
    lines = [names]
    for row in rows:
        scales, skip, encoder, decoder, parameters, paper_psnr = row.design
        line = [row.design.name, scales, int(skip), encoder, decoder]
        line += [row.conv_parameters, parameters * 1000, row.parameters]
        line += [f"{row.multiply_adds:.1f}", row.field, row.reach]
        line += [f"{quartiles(row.seconds)[1]:.4f}"]
        line += [f"{quartiles(ratios(row.seconds, base))[1]:.4f}"]
        line += ["" if row.psnr is None else f"{row.psnr:.4f}", f"{paper_psnr:.2f}"]
        lines.append(line)
    return csv_text(lines)
