"""Noises and their severities as the columns of a sweep."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

import mmdenoise.models  # noqa: F401 - registers the noise models
from mmdenoise.apis.method_grid import Column
from mmdenoise.registry import MODELS

__all__ = ["SIGMAS", "gaussian_columns", "noise_columns"]

SIGMAS = (15.0, 30.0, 45.0, 60.0)
OURS = "mmdenoise."


def gaussian_columns(sigmas: Sequence[float] = SIGMAS) -> list[Column]:
    """Gaussian noise at some levels, in 8-bit units; the paper's by default."""
    return [
        Column(
            f"σ = {sigma:g}",
            dict(sigma=float(sigma)),
            dict(type="mmdenoise.GaussianNoise", sigma=float(sigma)),
            "Gaussian",
        )
        for sigma in sigmas
    ]


def noise_columns(text: str) -> list[Column]:
    """Read ``TYPE:OPTION=VALUE[,VALUE...][:OPTION=...]``, a column for each value.

    ``ImageNetCNoise:kind=shot:severity=1,2,3,4,5`` are five columns of one kind.

    Args:
        text: The type of a registered noise model, and its options; one of them at
            most has several values.

    Raises:
        ValueError: If there is no such model, or the form is another.
    """
    kind, *parts = text.split(":")
    kind = kind.removeprefix(OURS)
    if MODELS.module_dict.get(kind) is None:
        raise ValueError(f"no noise model is called {kind!r}")
    options: dict[str, list] = {}
    for part in parts:
        name, equals, values = part.partition("=")
        if not (name and equals and values):
            raise ValueError(
                f"a noise is TYPE:OPTION=VALUE[,VALUE...][:OPTION=...], got {text!r}"
            )
        options[name] = [_value(value) for value in values.split(",")]
    varied = [name for name, values in options.items() if len(values) > 1]
    if len(varied) > 1:
        raise ValueError(f"one option of a noise may have several values: {text!r}")
    # A single value is a severity, too, if it is the last option's.
    name = varied[0] if varied else next(reversed(options), None)
    fixed = {key: values[0] for key, values in options.items() if key != name}
    severities = options.get(name, [None])
    return [_column(kind, fixed, name, severity) for severity in severities]


def _column(kind: str, fixed: Mapping, name: str | None, severity: object) -> Column:
    values = dict(fixed) if name is None else {**fixed, name: severity}
    group = " ".join([kind.removesuffix("Noise"), *map(str, fixed.values())])
    label = group if name is None else f"{group}, {name} {severity}"
    noise = dict(values, type=f"{OURS}{kind}")
    return Column(label, values, noise, group)


def _value(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
