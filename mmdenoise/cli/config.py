"""List the shipped configs, show one, or copy it with the files it is made of.

mmdenoise config                                     # list them
mmdenoise config cascade_deeplab_sigma60             # show what one says
mmdenoise config cascade_deeplab_sigma60 my_configs  # copy it and its _base_ files
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmdenoise.cli.options import add_overwrite


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="of a shipped config; none lists them"
    )
    parser.add_argument(
        "out", nargs="?", metavar="DIR", help="folder to copy it into; none shows it"
    )
    add_overwrite(parser, "copies")


def run(args: argparse.Namespace) -> None:
    """List, show or copy."""
    from mmdenoise.shipped_configs import config_names, find_config

    if args.name is None:
        print("\n".join(config_names()))
    elif args.out is None:
        _show(find_config(args.name))
    else:
        _copy(find_config(args.name), Path(args.out), args.overwrite)


def _show(path: Path) -> None:
    """Print a config, then each of its bases, under its name."""
    from mmdenoise.shipped_configs import base_files, configs_folder

    for number, part in enumerate(base_files(path)):
        name = part.relative_to(configs_folder()).as_posix()
        print(f"{os.linesep if number else ''}# ---- {name}")
        print(part.read_text(encoding="utf-8").rstrip())


def _copy(path: Path, out: Path, overwrite: bool) -> None:
    """Copy a config and all that it names, at the same places below a folder."""
    from mmdenoise.atomic_files import atomic_path
    from mmdenoise.output_checks import check_writable, refuse_existing
    from mmdenoise.shipped_configs import configs_folder, needed_files

    parts = {p: out / p.relative_to(configs_folder()) for p in needed_files(path)}
    # A base of two configs that were copied one after the other is no clash.
    parts = {
        part: target
        for part, target in parts.items()
        if not (target.is_file() and target.read_bytes() == part.read_bytes())
    }
    refuse_existing(map(str, parts.values()), overwrite)
    check_writable(str(out))
    for part, target in parts.items():
        with atomic_path(str(target)) as temporary:
            Path(temporary).write_bytes(part.read_bytes())
    print(f"written: {out / path.relative_to(configs_folder())}")
    print(f"{len(parts)} files in all, its _base_ files among them")
