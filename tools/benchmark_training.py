"""What a training iteration costs, as ratios measured in one run on one config.

Each variant trains in a process of its own, on the config's data, first iterations
apart. The base is a bare PyTorch loop over the same model and loader.
"""

import json
import os
import resource
import subprocess
import sys
import time

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdenoise.cli.common import command_line, read_config, run_tool

VARIANTS = {
    "bare PyTorch loop": {},
    "Runner": {},
    "activation checkpointing, denoiser": {
        "model.activation_checkpointing": ["denoiser"]
    },
    "activation checkpointing, denoiser and head": {
        "model.activation_checkpointing": ["denoiser", "head"]
    },
    "compiled denoiser": {"model.compile_denoiser": True},
}


class Clock(Hook):
    """Stops the time after warm-up; waits for the device first."""

    priority = "VERY_LOW"

    def __init__(self, warm_up: int) -> None:
        self.warm_up, self.start = warm_up, 0.0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Start once the warm-up is over."""
        if runner.iter + 1 == self.warm_up:
            self.start = now()


def now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument("--iterations", type=int, default=10, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=3, help="that are not")
    parser.add_argument("--variant", choices=VARIANTS, help="run one, print JSON")
    return parser.parse_args()


def measure(args) -> dict:
    """Train one variant; return seconds per iteration and peak memory in MiB."""
    cfg = read_config(args)
    cfg.merge_from_dict(VARIANTS[args.variant])
    total = args.warm_up + args.iterations
    cfg.train_cfg = dict(type="IterBasedTrainLoop", max_iters=total)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.default_hooks.checkpoint = None
    runner = Runner.from_cfg(cfg)
    if args.variant == "bare PyTorch loop":
        seconds = bare_loop(runner, args.warm_up, total)
    else:
        clock = Clock(args.warm_up)
        runner.register_hook(clock)
        runner.train()
        seconds = now() - clock.start
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**20
    else:
        # Kibibytes on Linux, bytes on macOS.
        scale = 2**20 if sys.platform == "darwin" else 2**10
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    return dict(seconds=seconds / args.iterations, peak=peak)


def bare_loop(runner: Runner, warm_up: int, total: int) -> float:
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
            start = now()
    return now() - start


def table(rows: dict) -> str:
    """Markdown: seconds and MiB, and both as ratios to the bare loop."""
    base = rows["bare PyTorch loop"]
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


def main() -> None:
    args = parse_args()
    if args.variant:
        print(json.dumps(measure(args)))
        return
    has_head = read_config(args).model.get("head") is not None
    rows = {}
    for number, name in enumerate(VARIANTS):
        if "head" in name and not has_head:
            continue
        print(f"[{number + 1}/{len(VARIANTS)}] {name}", file=sys.stderr, flush=True)
        rows[name] = run_variant(name)
        if "error" in rows[name] and number == 0:
            raise RuntimeError(rows[name]["error"])
    print(table(rows))


def run_variant(name: str) -> dict:
    done = subprocess.run(
        [sys.executable, *sys.argv, "--variant", name],
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        errors = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
        return dict(error=(errors or ["error: it was killed"])[-1][len("error: ") :])
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    run_tool(main)
