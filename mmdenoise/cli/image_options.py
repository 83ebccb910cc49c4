"""Options of commands that show what several denoisers make of images."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmengine.config import DictAction

from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_seed,
    add_sigma,
    named_values,
)

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdenoise.apis.method_images import MethodImages, MethodRunner

__all__ = ["add_config_option", "add_images", "methods_of", "read_images"]


def add_images(parser: argparse.ArgumentParser, what: str, nargs: str = "+") -> None:
    """Let a command take images, noise and denoisers.

    Args:
        parser: The command's.
        what: What the denoisers are, for the help.
        nargs: How many images.
    """
    parser.add_argument("images", nargs=nargs, metavar="IMAGE", help="8-bit RGB files")
    add_denoisers(parser, what)
    noise = "; of the noise that is added, or with --noisy of what is there"
    add_sigma(parser, None, noise)
    parser.add_argument(
        "--noisy", action="store_true", help="the images are noisy already: add none"
    )
    add_seed(parser)
    add_device(parser)


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Let a command put the denoisers in front of a cascade's head."""
    parser.add_argument(
        "--config",
        help="config of a cascade: its head, its test pipeline and, without --sigma or "
        "--noisy, its noise are taken",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="settings that override the config's",
    )


def methods_of(args: argparse.Namespace) -> MethodRunner:
    """Load the denoisers that ``--denoiser`` names, and the head of ``--config``.

    Raises:
        ValueError: If there is neither a level, nor ``--noisy``, nor a config's noise.
    """
    from mmdenoise.apis.method_images import MethodRunner
    from mmdenoise.cli.devices import choose_device

    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    cfg = _config(args)
    return MethodRunner(sources, cfg, choose_device(args.device), args.sigma)


def _config(args: argparse.Namespace) -> Config:
    from mmdenoise.apis.method_images import config_without_head
    from mmdenoise.cli.runs import read_config

    noise = None if args.noisy else args.sigma
    given = getattr(args, "config", None) is not None
    if noise is None and not args.noisy and not given:
        raise ValueError(
            "give --sigma, the noise to add to clean images, or --noisy for images "
            "that are noisy already"
        )
    simple = config_without_head(noise, args.seed)
    if not given:
        return simple
    cfg = read_config(args)
    if args.noisy or noise is not None:
        cfg.model.noise = simple.model.noise
    elif cfg.model.get("noise") is not None:
        cfg.model.noise.seed = args.seed
    return cfg


def read_images(
    args: argparse.Namespace,
) -> tuple[Iterator[MethodImages], list[str]]:
    """Read the images that a command names, each with its versions.

    Returns:
        The images, and the names of the head's classes.

    Raises:
        ValueError: If there are none, clean ones that are not asked for or not as many,
            or indices without a config or beyond its test set.
    """
    from mmdenoise.apis.method_images import items_of_test_set
    from mmdenoise.apis.test_set_info import info_of_test_set

    if args.clean and (not args.noisy or len(args.clean) != len(args.images)):
        raise ValueError(
            "--clean goes with --noisy, and names one file for each image: got "
            f"{len(args.clean)} for {len(args.images)}"
        )
    if args.index and args.config is None:
        raise ValueError("--index names images of a test set: give its --config")
    if not args.index and not args.images:
        raise ValueError("name images, or some of a test set by --config and --index")
    cleans = args.clean or [None] * len(args.images)
    methods = methods_of(args)
    items = items_of_test_set(methods.cfg, args.index)
    files = [methods.read(*pair) for pair in zip(args.images, cleans)]
    classes = (
        [] if args.config is None else info_of_test_set(methods.cfg).get("classes", ())
    )
    return map(methods.run, [*files, *items]), list(classes)
