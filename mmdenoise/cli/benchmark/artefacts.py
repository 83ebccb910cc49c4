"""Measure flat areas, bars, the grid and clipped noise: what a denoiser must not do.

mmdenoise benchmark artefacts --denoiser ours=multiscale --denoiser FFDNet=ffdnet.mat
"""

from __future__ import annotations

import argparse

from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_sigma,
    add_threads,
    named_values,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_denoisers(parser, "a row of the table; {sigma} in the source is the level")
    add_sigma(parser, 25)
    add_threads(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Measure, and print a table."""
    from mmdenoise.apis.methods import Method
    from mmdenoise.benchmarks.artefacts import artefact_table, measure_artefacts
    from mmdenoise.cli.devices import choose_device, use_threads

    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    if not sources:
        raise ValueError("name what is measured: --denoiser NAME=SOURCE")
    device = choose_device(args.device)
    use_threads(args.threads)
    rows = {}
    for name, source in sources.items():
        denoiser = Method(name, source).load(args.sigma, device)
        rows[name] = measure_artefacts(
            lambda noisy, denoiser=denoiser: denoiser(noisy.to(device)).cpu(),
            args.sigma,
        )
    print(
        f"sigma {args.sigma:g}; deviations and amplitudes in 8-bit levels, PSNR in dB"
    )
    print(artefact_table(rows))
