"""Options that several commands share: one name, one meaning, one default."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

from mmengine.config import DictAction

__all__ = [
    "add_config",
    "add_denoisers",
    "add_device",
    "add_first",
    "add_inference_precision",
    "add_launcher",
    "add_out",
    "add_overwrite",
    "add_precision",
    "add_seed",
    "add_sigma",
    "add_threads",
    "named_values",
    "old_name",
    "read_level",
    "read_seed",
]


class _Settings(DictAction):
    """MMEngine's, with a usage error for what has no ``=``."""

    def __call__(self, parser, namespace, values, option_string=None):
        """Read the settings."""
        for text in values:
            if "=" not in text:
                parser.error(f"{option_string} takes KEY=VALUE, got {text!r}")
        super().__call__(parser, namespace, values, option_string)


def add_config(parser: argparse.ArgumentParser) -> None:
    """Let a command take a config, and settings that override it."""
    parser.add_argument("config", metavar="CONFIG", help="config file")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=_Settings,
        metavar="KEY=VALUE",
        help='settings that override the config\'s: model.noise.sigma=30, key="[a,b]"',
    )


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Let a command be one rank of several, as the hosts' tools are."""
    parser.add_argument("--work-dir", help="folder for logs, checkpoints and results")
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="job launcher",
    )
    # torch.distributed.launch passes it; torchrun sets the variable itself.
    parser.add_argument(
        *("--local_rank", "--local-rank"), type=int, default=0, help=argparse.SUPPRESS
    )


def add_out(
    parser: argparse.ArgumentParser, default: str | None, *old: str, **more
) -> None:
    """Add ``--out``, the folder for results, and its older spellings."""
    text = "folder for the results"
    if default is not None:
        text += f" ({default} without it)"
    parser.add_argument("--out", default=default, **dict(dict(help=text), **more))
    old_name(parser, "--out", *old)


def add_overwrite(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--overwrite``; without it nothing that exists is replaced.

    Args:
        parser: The command's.
        what: What may be replaced.
    """
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help=f"replace {what} that exist already",
    )


def add_seed(parser: argparse.ArgumentParser, of: str = "the noise") -> None:
    """Add ``--seed``, of whatever is drawn at random."""
    parser.add_argument(
        "--seed", type=read_seed, default=0, help=f"of {of} (0 without it)"
    )


def read_seed(text: str) -> int:
    """Read a seed; for ``type`` of ``add_argument``."""
    if not text.strip().isdecimal() or int(text) >= 1 << 32:
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 0 to 4294967295, got {text!r}"
        )
    return int(text)


def add_sigma(
    parser: argparse.ArgumentParser,
    default: float | None,
    more: str = "",
    auto: bool = False,
    **kwargs,
) -> None:
    """Add ``--sigma``, the level of the noise.

    Args:
        parser: The command's.
        default: The level without the option.
        more: What the help says besides.
        auto: Take ``auto`` as well, which measures it.
        **kwargs: Of ``add_argument``.
    """
    text = f"level of the noise in 8-bit units{more}"
    if auto:
        text += "; auto measures it and leaves alone what is clean, correlated or JPEG"
    if default is not None:
        text += f" ({default} without it)"
    kind = _level_or_auto if auto else read_level
    parser.add_argument("--sigma", type=kind, default=default, help=text, **kwargs)


def read_level(text: str) -> float:
    """Read a level of noise; for ``type`` of ``add_argument``."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"must be a number from 0 on, got {text!r}")
    return value


def _level_or_auto(text: str) -> float | str:
    try:
        return text if text == "auto" else read_level(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or auto") from None


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; :func:`mmdenoise.cli.devices.choose_device` reads it."""
    parser.add_argument(
        "--device",
        help="cpu, cuda, cuda:1; without it the first GPU, or the CPU if there is none",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``; :func:`mmdenoise.cli.devices.use_threads` obeys it."""
    parser.add_argument("--threads", type=int, help="of PyTorch on the CPU")


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add ``--precision``, and ``--amp``, the hosts' name for mixed precision."""
    choices = ["auto", "float32", "bfloat16", "float16"]
    parser.add_argument(
        "--precision",
        choices=choices,
        help="auto: bfloat16 where the GPU or the CPU has instructions for it, else "
        "float32; float16 needs a GPU; without the option, the config's",
    )
    old_name(
        parser, "--precision", "--amp", nargs="?", const="float16", choices=choices
    )


def add_inference_precision(parser: argparse.ArgumentParser, auto: str) -> None:
    """Add ``--precision`` to a command that runs a denoiser and trains none.

    Args:
        parser: The command's.
        auto: What it is where nothing, or ``auto``, is given.
    """
    parser.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="what the denoiser computes in: bfloat16 is within a grey level of "
        "float32, and faster where the GPU or the CPU has instructions for it; auto, "
        f"the default: {auto}",
    )


def add_first(parser: argparse.ArgumentParser) -> None:
    """Add ``--first``, for less than whole sets."""
    parser.add_argument("--first", type=int, help="only so many images of each set")


def add_denoisers(parser: argparse.ArgumentParser, what: str, *old: str) -> None:
    """Add ``--denoiser NAME=SOURCE``, for what is compared.

    Args:
        parser: The command's.
        what: What the name names, for the help.
        old: Older spellings.
    """
    kwargs = dict(action="append", default=[], metavar="NAME=SOURCE")
    parser.add_argument(
        "--denoiser",
        help=f"{what}: its name, and a name of the zoo, a file, or a class without "
        "weights (CBM3D); may be given several times",
        **kwargs,
    )
    old_name(parser, "--denoiser", *old, **kwargs)


def old_name(parser: argparse.ArgumentParser, name: str, *old: str, **kwargs) -> None:
    """Let older spellings of an option work, out of the help."""
    if old:
        dest = name.lstrip("-").replace("-", "_")
        kwargs = dict(dict(default=argparse.SUPPRESS), **kwargs)
        parser.add_argument(*old, dest=dest, **dict(kwargs, help=argparse.SUPPRESS))


def named_values(option: str, given: Sequence[str], what: str) -> dict[str, str]:
    """Read an option that is given as ``NAME=VALUE``, any number of times.

    Args:
        option: The option, for the error.
        given: What it was given.
        what: What a value is, in capitals.

    Raises:
        ValueError: If one has another form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} takes NAME={what}, got {text!r}")
        if name in found:
            raise ValueError(f"{option} names {name!r} twice")
        found[name] = value
    return found
