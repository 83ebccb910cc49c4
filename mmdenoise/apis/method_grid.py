"""Methods by noises in front of one head: what ``compare`` and ``sweep`` share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from mmengine.config import Config
from torch import nn

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
        level: In 8-bit units, of images that are noisy already. Of simulated noise the
            cascade tells the one that was drawn.
    """

    label: str
    values: dict[str, object]
    noise: dict | None = None
    kind: str = ""
    level: float | None = None

    @property
    def options(self) -> dict:
        """What is merged over a cascade's model."""
        return {} if self.noise is None else dict(noise=dict(self.noise, _delete_=True))


class Grid(NamedTuple):
    """What was found in front of one head.

    Attributes:
        bench: The head's test set and metrics.
        clean: The head alone on clean images; nothing where the images are noisy
            already.
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
        noise_seeds: Each noise is drawn under each of them; one where the images are
            noisy already.

    Returns:
        By method and column's label, a cell a noise seed.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If something is missing or does not
            fit, by name.
    """
    check_names(method.name for method in methods)
    if not noise_seeds or len(set(noise_seeds)) < len(noise_seeds):
        raise ValueError(f"noise seeds must differ, got {list(noise_seeds)}")
    drawn = all(column.noise or cfg.model.get("noise") for column in columns)
    if not drawn and len(noise_seeds) > 1:
        raise ValueError(
            "the images are noisy already (noise=None) and nothing is drawn: one noise "
            f"seed is enough, got {list(noise_seeds)}"
        )
    cells = _cells(cfg, methods, columns, noise_seeds)
    _check(cfg, [cell for own in cells.values() for cell in own])
    return cells


def check_pairs(
    pairs: Sequence[tuple[str, str]], methods: Sequence[Method], clean: bool = True
) -> None:
    """Refuse differences of methods that nobody gave.

    Args:
        pairs: Names of methods.
        methods: The denoisers.
        clean: Whether there is the head alone on clean images.

    Raises:
        ValueError: Naming the method.
    """
    names = [CLEAN] * clean + [NOISY, *dict.fromkeys(m.name for m in methods)]
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

    The latter where noise is simulated: there are no clean images elsewhere.

    Args:
        bench: The head's test set.
        cells: The plan.
        keys: Names of metrics that will be shown.

    Raises:
        ValueError: If the head has no such metric, after its first test.
    """
    planned = [cell for own in cells.values() for cell in own]
    simulated = all(merged(bench.cfg, cell).model.get("noise") for cell in planned)
    clean = [bench.result(CLEAN_CELL)] if simulated else []
    _check_keys(clean, keys)
    found = {}
    for where, own in cells.items():
        found[where] = [bench.result(one) for one in own]
        _check_keys(found[where], keys)
    bench.close()
    return Grid(bench, clean, found)


def _check_keys(results: Sequence[CellResult], keys: Sequence[str]) -> None:
    for one in results:
        unknown = [key for key in keys if key not in one.metrics]
        if unknown:
            raise ValueError(
                f"no metric is called {', '.join(unknown)}; the config's are "
                f"{', '.join(sorted(one.metrics))}"
            )


def _cells(
    cfg: Config,
    methods: Sequence[Method],
    columns: Sequence[Column],
    noise_seeds: Sequence[int],
) -> dict[tuple[str, str], list[Cell]]:
    cells = {}
    for column in columns:
        models = {NOISY: IDENTITY}
        for method in methods:
            with _naming(method.name, column.label):
                model = method.model(column.values)
                models[method.name] = _told(model, cfg.model, column.level)
        for name, model in models.items():
            model = dict(model, **column.options)
            cells[name, column.label] = [
                Cell(name, model, seed, column.label) for seed in noise_seeds
            ]
    return cells


def _told(model: dict, own: Mapping, level: float | None) -> dict:
    """Tell the level to a denoiser that takes it; bare weights go into ``own``'s."""
    if level is None:
        return model
    denoiser = dict(model.get("denoiser") or own["denoiser"])
    mark = {"_delete_": denoiser.pop("_delete_", False)}
    if not getattr(MODELS.build(denoiser), "takes_sigma", False):
        return model
    return dict(model, denoiser=dict(denoiser, sigma=level, **mark))


def _check(cfg: Config, cells: Sequence[Cell]) -> None:
    """Build every noise and denoiser, so that what is wrong is said at once."""
    seen = []
    for cell in cells:
        if cell.model in seen:
            continue
        seen.append(cell.model)
        model = merged(Config(dict(model=cfg.model)), cell).model
        with _naming(cell.name, cell.noise):
            noise = model.get("noise") and MODELS.build(model.noise)
            denoiser = MODELS.build(model.denoiser)
            path = model.get("denoiser_checkpoint")
            if path is not None:
                load_denoiser_weights(denoiser, path, model.denoiser)
            if getattr(denoiser, "takes_sigma", False) and denoiser.sigma is None:
                _check_told(noise)


def _check_told(noise: nn.Module | None) -> None:
    if noise is None:
        raise ValueError(
            "this denoiser is told the level of the noise: say with sigma which one "
            "the images have"
        )
    probe = torch.full((3, 8, 8), 0.5)
    _, level = noise.add_and_tell(probe, torch.Generator())
    if level is None:
        raise ValueError(
            f"this denoiser is told the level of the noise, and {noise!r} has none to "
            "tell"
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


def own_column(cfg: Config, sigma: float | None = None) -> Column:
    """The noise of a config itself, or of its images.

    Args:
        cfg: Config of a cascade.
        sigma: Level in 8-bit units of images that are noisy already, where it is known.

    Raises:
        ValueError: If ``sigma`` is given and the config simulates the noise.
    """
    noise: Mapping | None = cfg.model.get("noise")
    if noise is None:
        return Column("", {} if sigma is None else dict(sigma=sigma), level=sigma)
    if sigma is not None:
        raise ValueError(
            f"sigma is for images that are noisy already (noise=None), got {sigma:g}: "
            f"this config simulates {noise.get('type')}, which tells its level itself"
        )
    sigma = noise.get("sigma")
    return Column("", dict(sigma=sigma) if isinstance(sigma, (int, float)) else {})
