"""Options of commands that show what several denoisers make of images."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from mmdenoise.cli.options import (
    add_denoisers,
    add_device,
    add_seed,
    add_sigma,
    named_values,
)

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmdenoise.apis.method_images import Methods

__all__ = ["add_images", "image_config", "methods_of"]


def add_images(parser: argparse.ArgumentParser, what: str) -> None:
    """Let a command take images, noise and denoisers.

    Args:
        parser: The command's.
        what: What the denoisers are, for the help.
    """
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="8-bit RGB files")
    add_denoisers(parser, what)
    noise = "; of the noise that is added, or with --noisy of what is there"
    add_sigma(parser, None, noise)
    parser.add_argument(
        "--noisy", action="store_true", help="the images are noisy already: add none"
    )
    add_seed(parser)
    add_device(parser)


def image_config(args: argparse.Namespace) -> Config:
    """Make the config of images by themselves, with the noise that is asked for.

    Raises:
        ValueError: If neither a level nor ``--noisy`` is given.
    """
    from mmdenoise.apis.method_images import config_without_head

    if args.sigma is None and not args.noisy:
        raise ValueError(
            "give --sigma, the noise to add to clean images, or --noisy for images "
            "that are noisy already"
        )
    return config_without_head(None if args.noisy else args.sigma, args.seed)


def methods_of(args: argparse.Namespace) -> Methods:
    """Load the denoisers that ``--denoiser`` names, for images by themselves."""
    from mmdenoise.apis.method_images import Methods
    from mmdenoise.cli.devices import choose_device

    sources = named_values("--denoiser", args.denoiser, "SOURCE")
    cfg = image_config(args)
    return Methods(sources, cfg, choose_device(args.device), args.sigma)
