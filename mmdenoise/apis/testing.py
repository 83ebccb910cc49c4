"""Test a cascade, or one denoiser in front of several heads."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import is_main_process, master_only
from mmengine.runner import Runner

from mmdenoise.apis.denoiser_precision import precision_in, with_precision
from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.kept_cells import CellResult, numbers_in
from mmdenoise.evaluation.seed_statistics import columns, summary
from mmdenoise.evaluation.tables import csv_text, table
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.weights.named_weights import check_denoiser_weights, find_weights

__all__ = ["Tester", "evaluate_heads", "use_checkpoint"]


class Tester(Runner):
    """A Runner whose ranks each have the whole model to themselves."""

    def wrap_model(self, model_wrapper_cfg, model):
        """Move the model: nothing is trained, and DDP refuses one without weights."""
        return model.to(get_device())


def use_checkpoint(cfg: Config, checkpoint: str | None) -> None:
    """Point a config at what is to be tested: weights of the kind that the file holds.

    Args:
        cfg: Of a cascade, or of a bare task network; changed in place.
        checkpoint: A cascade's checkpoint, a denoiser's, a denoiser file, or a name in
            the zoo; for a task network its own. None leaves what the config names.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    cfg.load_from = None
    if checkpoint is None:
        return
    found = find_weights(checkpoint)
    if "denoiser" not in cfg.model:
        cfg.load_from = found.path
        return
    # The checkpoint replaces what the training began from, which may be gone.
    cfg.model.denoiser_checkpoint = None
    if found.is_cascade:
        cfg.load_from = found.path
    else:
        cfg.model.denoiser_checkpoint = checkpoint


def evaluate_heads(
    configs: Mapping[str, Config],
    denoiser: str,
    out_dir: str,
    overwrite: bool = False,
    precision: str = "auto",
) -> str:
    """Test one denoiser in front of several heads, each on its own test set.

    Writes ``heads.md`` and, with all digits, ``heads.csv``: a row a head, a column a
    metric.

    Args:
        configs: Configs of cascades by the row's name.
        denoiser: A denoiser file, any cascade's checkpoint, a denoiser's own, or a name
            in the zoo. Only the denoiser is taken: no head need be the one it was
            trained with.
        out_dir: Folder for the table, and for each head's log.
        overwrite: Replace a table that is there already.
        precision: What the denoiser computes in: ``'float32'``, ``'bfloat16'``, or
            ``'auto'``, float32 unless the config says another.

    Returns:
        The table in Markdown.

    Raises:
        FileExistsError: If there is a table, and ``overwrite`` is False.
        FileNotFoundError, RuntimeError, ValueError: If a config is no cascade's or the
            file does not fit the denoiser of one, before the first test.
    """
    paths = [os.path.join(out_dir, name) for name in ("heads.md", "heads.csv")]
    if is_main_process():
        refuse_existing(paths, overwrite)
        check_writable(out_dir)
    for name, cfg in configs.items():
        _check_fit(name, cfg, denoiser)
    configs = {name: with_precision(cfg, precision) for name, cfg in configs.items()}
    found, left_out = {}, {}
    for number, (name, cfg) in enumerate(configs.items()):
        cfg.load_from, cfg.model.denoiser_checkpoint = None, denoiser
        cfg.work_dir = os.path.join(out_dir, name)
        # Runners of one process are told apart by it.
        experiment = cfg.get("experiment_name") or os.path.basename(out_dir)
        cfg.experiment_name = f"{experiment}_{number}"
        metrics = Tester.from_cfg(cfg).test()
        found[name] = numbers_in(metrics)
        left_out.update((k, True) for k in metrics if k not in found[name])
    keys = columns(found.values())
    rows = {name: summary([CellResult(row, [])], keys) for name, row in found.items()}
    text = table(rows, keys)
    if left_out:
        text += f"\n\nLeft out, no single numbers: {', '.join(left_out)}."
    ran = dict.fromkeys(precision_in(cfg) for cfg in configs.values())
    text += f"\n\nDenoised in {' and '.join(ran)}."
    lines = [[name, *(row.get(k, "") for k in keys)] for name, row in found.items()]
    _write(dict(zip(paths, [text + "\n", csv_text([["head", *keys], *lines])])))
    return text


def _check_fit(name: str, cfg: Config, denoiser: str) -> None:
    """Refuse a config of no cascade, and a file that does not fit its denoiser."""
    if "denoiser" not in cfg.model:
        raise ValueError(
            f"{name!r} is no cascade's config: it has no model.denoiser to put in "
            "front of its head"
        )
    try:
        check_denoiser_weights(denoiser, cfg.model.denoiser)
    except RuntimeError as error:
        raise RuntimeError(f"{name!r}: {error}") from None


@master_only
def _write(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        with atomic_path(name) as path, open(path, "w", encoding="utf-8") as file:
            file.write(text)
