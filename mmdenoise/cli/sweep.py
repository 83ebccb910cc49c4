r"""Test heads behind denoisers under noises: the paper's Tables IV and V in one run.

mmdenoise sweep seg_cascade.py cls_cascade.py --denoiser CBM3D=CBM3D \
    --denoiser separate=multiscale_sigma{sigma} \
    --denoiser joint@seg_cascade=seg.pth \
    --denoiser joint@cls_cascade=cls.pth \
    --denoiser cross-task@seg_cascade=cls.pth \
    --denoiser cross-task@cls_cascade=seg.pth --difference joint separate

Writes sweep.md, sweep.csv, sweep.tex and sweep.png. Finished cells are kept: run the
same command again to go on after a kill.
"""

from __future__ import annotations

import argparse
import os.path as osp

from mmdenoise.cli.options import (
    add_config,
    add_denoisers,
    add_inference_precision,
    add_out,
    add_overwrite,
    named_values,
    read_level,
    read_seed,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    add_config(parser)
    parser.add_argument(
        "heads",
        nargs="*",
        metavar="CONFIG",
        help="more cascades' configs; a head goes by its config's name",
    )
    add_denoisers(
        parser,
        "a method (NAME@HEAD=SOURCE in front of one head alone; {sigma} in a source "
        "stands for the level)",
    )
    parser.add_argument(
        "--sigma",
        type=read_level,
        nargs="+",
        help="levels of Gaussian noise in 8-bit units (15 30 45 60 without it and "
        "without --noise)",
    )
    parser.add_argument(
        "--noise",
        action="append",
        default=[],
        metavar="TYPE:OPTION=VALUE[,VALUE...]",
        help="a noise model, a column for each value: "
        "ImageNetCNoise:kind=shot:severity=1,2,3,4,5; may be given several times",
    )
    parser.add_argument(
        "--seed",
        type=read_seed,
        nargs="+",
        default=[0],
        help="of the noise; several are averaged",
    )
    parser.add_argument(
        "--keys",
        nargs="+",
        default=[],
        help="metrics in the tables; a head's first one is its score",
    )
    parser.add_argument(
        "--difference",
        action="append",
        default=[],
        nargs=2,
        metavar=("NAME", "NAME"),
        help="a paired bootstrap interval of the first minus the second under every "
        "noise; may be given several times",
    )
    add_out(parser, osp.join("work_dirs", "sweep"))
    add_inference_precision(parser, "float32, unless the config says another")
    add_overwrite(parser, "results")


def run(args: argparse.Namespace) -> None:
    """Sweep."""
    from mmdenoise.apis.noise_columns import gaussian_columns, noise_columns
    from mmdenoise.apis.sweep import sweep
    from mmdenoise.cli.runs import check_data, names_of, read_config

    paths = [args.config, *args.heads]
    heads = {}
    for name, path in zip(names_of(paths), paths):
        one = argparse.Namespace(**dict(vars(args), config=path))
        heads[name] = read_config(one, args.out)
        check_data(heads[name], ["test_dataloader"])
    columns = gaussian_columns(args.sigma) if args.sigma else []
    for text in args.noise:
        columns += noise_columns(text)
    text = sweep(
        heads,
        _methods(named_values("--denoiser", args.denoiser, "SOURCE")),
        args.out,
        columns,
        args.keys,
        args.seed,
        [tuple(pair) for pair in args.difference],
        overwrite=args.overwrite,
        precision=args.precision,
    )
    print(text)
    print(f"written to {args.out}: sweep.md, sweep.csv, sweep.tex, sweep.png")


def _methods(given: dict[str, str]) -> dict[str, str | dict[str, str]]:
    """Gather what is in front of one head alone under the method's name.

    Raises:
        ValueError: If a method is given for all heads and for one.
    """
    found: dict[str, str | dict[str, str]] = {}
    for text, source in given.items():
        name, at, head = text.partition("@")
        if not at:
            if name in found:
                raise ValueError(f"--denoiser: {name!r} is given for one head as well")
            found[name] = source
            continue
        sources = found.setdefault(name, {})
        if isinstance(sources, str):
            raise ValueError(f"--denoiser: {name!r} is given for all heads as well")
        sources[head] = source
    return found
