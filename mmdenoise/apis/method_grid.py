"""Methods by noises in front of one head: what ``compare`` and ``sweep`` share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.config import Config

from mmdenoise.apis.methods import CLEAN, NOISY, Method, check_names
from mmdenoise.evaluation.bootstrap import Interval, bootstrap
from mmdenoise.evaluation.kept_cells import Bench, Cell, CellResult, merged
from mmdenoise.registry import MODELS
from mmdenoise.weights.named_weights import load_denoiser_weights

__all__ = [
    "CLEAN_CELL",
    "Column",
    "Grid",
    "check_pairs",
    "evaluate_grid",
    "own_column",
    "plan_grid",
]

IDENTITY = dict(
    denoiser=dict(_delete_=True, type="mmdenoise.IdentityDenoiser"),
    denoiser_checkpoint=None,
)
NO_NOISE = dict(_delete_=True, type="mmdenoise.GaussianNoise", sigma=0)
# Without noise a seed changes nothing.
CLEAN_CELL = Cell(CLEAN, dict(IDENTITY, noise=NO_NOISE))


KINDS = (ImportError, FileNotFoundError, OSError, RuntimeError)
ERRORS = (*KINDS, KeyError, TypeError, ValueError)


class Column(NamedTuple):
    """A noise.

    Attributes:
        label: In tables and messages; empty for a config's own noise.
        values: What varies from column to column, by its name: ``{'sigma': 60}``.
        noise: Config of the noise model; None leaves the config's own.
        kind: Columns of one kind are severities of one noise.
    """

    label: str
    values: dict[str, object]
    noise: dict | None = None
    kind: str = ""

    @property
    def options(self) -> dict:
        """What is merged over a cascade's model."""
        return {} if self.noise is None else dict(noise=dict(self.noise, _delete_=True))


class Grid(NamedTuple):
    """What was found in front of one head.

    Attributes:
        bench: The head's test set and metrics.
        clean: The head alone on clean images.
        found: By method and column's label, results under each noise seed. The first
            method is the head alone.
    """

    bench: Bench
    clean: list[CellResult]
    found: dict[tuple[str, str], list[CellResult]]

    @property
    def results(self) -> list[CellResult]:
        """All of them."""
        return [one for found in (self.clean, *self.found.values()) for one in found]

    @property
    def left_out(self) -> list[str]:
        """Names of metrics that are no single numbers."""
        return list(dict.fromkeys(n for one in self.results for n in one.left_out))

    def of(self, method: str, label: str) -> list[CellResult]:
        """Results of a method, which may be ``clean``."""
        return self.clean if method == CLEAN else self.found[method, label]

    def difference(self, pair: tuple[str, str], label: str) -> dict[str, Interval]:
        """Interval of a method minus another, for each metric."""
        ours, theirs = (self.of(name, label) for name in pair)
        return bootstrap(self.bench.evaluator, ours, theirs)


def plan_grid(
    cfg: Config,
    methods: Sequence[Method],
    columns: Sequence[Column],
    noise_seeds: Sequence[int],
) -> dict[tuple[str, str], list[Cell]]:
    """Say what is tested: the head alone and every method, under every noise.

    All that can be wrong with a method, a noise or a name is said here, before the
    work.

    Args:
        cfg: Config of a cascade.
        methods: The denoisers.
        columns: The noises.
        noise_seeds: Each noise is drawn under each of them.

    Returns:
        By method and column's label, a cell a noise seed.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If something is missing or does not
            fit, by name.
    """
    check_names(method.name for method in methods)
    if not noise_seeds or len(set(noise_seeds)) < len(noise_seeds):
        raise ValueError(f"noise seeds must differ, got {list(noise_seeds)}")
    cells = _cells(methods, columns, noise_seeds)
    _check(cfg, [cell for own in cells.values() for cell in own])
    return cells


def check_pairs(pairs: Sequence[tuple[str, str]], methods: Sequence[Method]) -> None:
    """Refuse differences of methods that nobody gave.

    Raises:
        ValueError: Naming the method.
    """
    names = [CLEAN, NOISY, *dict.fromkeys(method.name for method in methods)]
    for name in (name for pair in pairs for name in pair):
        if name not in names:
            raise ValueError(
                f"no method is called {name!r}; there are {', '.join(names)}"
            )


def evaluate_grid(
    bench: Bench,
    cells: Mapping[tuple[str, str], list[Cell]],
    keys: Sequence[str] = (),
) -> Grid:
    """Test what :func:`plan_grid` said, and the head alone on clean images.

    Args:
        bench: The head's test set.
        cells: The plan.
        keys: Names of metrics that will be shown.

    Raises:
        ValueError: If the head has no such metric, after its first test.
    """
    clean = [bench.result(CLEAN_CELL)]
    unknown = [key for key in keys if key not in clean[0].metrics]
    if unknown:
        raise ValueError(
            f"no metric is called {', '.join(unknown)}; the config's are "
            f"{', '.join(sorted(clean[0].metrics))}"
        )
    found = {where: [bench.result(one) for one in own] for where, own in cells.items()}
    bench.close()
    return Grid(bench, clean, found)


def _cells(
    methods: Sequence[Method],
    columns: Sequence[Column],
    noise_seeds: Sequence[int],
) -> dict[tuple[str, str], list[Cell]]:
    cells = {}
    for column in columns:
        models = {NOISY: IDENTITY}
        for method in methods:
            with _naming(method.name, column.label):
                models[method.name] = method.model(column.values)
        for name, model in models.items():
            model = dict(model, **column.options)
            cells[name, column.label] = [
                Cell(name, model, seed, column.label) for seed in noise_seeds
            ]
    return cells


def _check(cfg: Config, cells: Sequence[Cell]) -> None:
    """Build every noise and denoiser, so that what is wrong is said at once."""
    seen = []
    for cell in cells:
        if cell.model in seen:
            continue
        seen.append(cell.model)
        model = merged(Config(dict(model=cfg.model)), cell).model
        with _naming(cell.name, cell.noise):
            noise, denoiser = MODELS.build(model.noise), MODELS.build(model.denoiser)
            path = model.get("denoiser_checkpoint")
            if path is not None:
                load_denoiser_weights(denoiser, path, model.denoiser)
            if getattr(denoiser, "takes_sigma", False) and denoiser.sigma is None:
                probe = torch.full((3, 8, 8), 0.5)
                _, level = noise.add_and_tell(probe, torch.Generator())
                if level is None:
                    raise ValueError(
                        f"this denoiser is told the level of the noise, and {noise!r} "
                        "has none to tell"
                    )


@contextlib.contextmanager
def _naming(*parts: str) -> Iterator[None]:
    """Say of an error whose it is."""
    try:
        yield
    except ERRORS as error:
        kind = next((kind for kind in KINDS if isinstance(error, kind)), ValueError)
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        where = ", ".join(part for part in parts if part)
        raise kind(f"{where}: {text}") from None


def own_column(cfg: Config) -> Column:
    """The noise of a config itself.

    Raises:
        ValueError: If it simulates none: its images are noisy already.
    """
    noise: Mapping | None = cfg.model.get("noise")
    if noise is None:
        raise ValueError(
            "a comparison needs the clean images and simulates the noise: the config "
            "has noise=None"
        )
    sigma = noise.get("sigma")
    return Column("", dict(sigma=sigma) if isinstance(sigma, (int, float)) else {})
