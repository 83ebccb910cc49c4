"""What a training iteration costs: seconds and memory of several ways to train."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

__all__ = ["VARIANTS", "measure", "measure_all", "training_table"]

BASE = "bare PyTorch loop"
VARIANTS = {
    BASE: {},
    "Runner": {},
    "activation checkpointing, denoiser": {
        "model.activation_checkpointing": ["denoiser"]
    },
    "activation checkpointing, denoiser and head": {
        "model.activation_checkpointing": ["denoiser", "head"]
    },
    "compiled denoiser": {"model.compile_denoiser": True},
}


class _Clock(Hook):
    """Notes the time when warm-up is over.

    Args:
        warm_up: How many iterations do not count.
    """

    priority = "VERY_LOW"

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self.start = warm_up, 0.0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Start once the warm-up is over."""
        if runner.iter + 1 == self.warm_up:
            self.start = _now()


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def measure_all(arguments: Sequence[str], has_head: bool) -> dict[str, dict]:
    """Measure each variant in a process of its own.

    Args:
        arguments: Of ``mmdenoise`` for this very benchmark.
        has_head: Whether the config's cascade has a head.

    Returns:
        What :func:`measure` returned, or ``error``, by the variant's name.

    Raises:
        RuntimeError: If the first fails.
    """
    rows: dict[str, dict] = {}
    for number, name in enumerate(VARIANTS):
        if "head" in name and not has_head:
            continue
        print(f"[{number + 1}/{len(VARIANTS)}] {name}", file=sys.stderr, flush=True)
        rows[name] = _measure_apart(arguments, name)
        if "error" in rows[name] and name == BASE:
            raise RuntimeError(rows[name]["error"])
    return rows


def _measure_apart(arguments: Sequence[str], name: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "mmdenoise", *arguments, "--variant", name],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return dict(error=_reason(done.returncode, done.stderr))
    return json.loads(done.stdout.strip().splitlines()[-1])


def _reason(code: int, written: str) -> str:
    """Why a process failed: its own error, or the signal or the line that ended it."""
    lines = [line.strip() for line in written.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith("error: "):
            return line[len("error: ") :]
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}: memory was short?"
    return f"it ended with code {code}: {lines[-1] if lines else 'it said nothing'}"


def measure(
    cfg: Config, variant: str, iterations: int, warm_up: int
) -> dict[str, float]:
    """Train one variant for a few iterations.

    Args:
        cfg: Config of a training; changed in place.
        variant: One of :data:`VARIANTS`.
        iterations: How many are timed.
        warm_up: How many before them are not.

    Returns:
        ``seconds`` an iteration, and ``peak``, memory in MiB.
    """
    cfg.merge_from_dict(VARIANTS[variant])
    total = warm_up + iterations
    cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=total)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint = None
    runner = Runner.from_cfg(cfg)
    if variant == BASE:
        seconds = _bare_loop(runner, warm_up, total)
    else:
        clock = _Clock(warm_up)
        runner.register_hook(clock)
        runner.train()
        seconds = _now() - clock.start
    return dict(seconds=seconds / iterations, peak=_peak())


def _peak() -> float:
    """Most memory so far in MiB: the GPU's, or the process's where there is none."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    # Kibibytes on Linux, bytes on macOS.
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def _bare_loop(runner: Runner, warm_up: int, total: int) -> float:
    """The same work by hand: no hooks, no logs, no schedule."""
    model = runner.model.train()
    model.init_weights()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=1e-5)
    batches = iter(runner.build_dataloader(runner._train_dataloader))
    start = 0.0
    for iteration in range(total):
        data = model.data_preprocessor(next(batches), True)
        terms = model(**data, mode="loss")
        loss = sum(value for name, value in terms.items() if name.startswith("loss_"))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration + 1 == warm_up:
            start = _now()
    return _now() - start


def training_table(rows: Mapping[str, dict]) -> str:
    """Lay out seconds and MiB in Markdown, and both as ratios to the bare loop."""
    base = rows[BASE]
    memory = (
        "peak of GPU memory" if torch.cuda.is_available() else "peak of the process"
    )
    lines = [
        f"| | s / iteration | ratio | {memory}, MiB | ratio |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in rows.items():
        if "error" in row:
            lines.append(f"| {name} | {row['error']} | | | |")
            continue
        lines.append(
            f"| {name} | {row['seconds']:.3f} | {row['seconds'] / base['seconds']:.2f} "
            f"| {row['peak']:.0f} | {row['peak'] / base['peak']:.2f} |"
        )
    return "\n".join(lines)
