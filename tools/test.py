"""Test a cascade, a denoiser by itself, or a bare task network: MMEngine's Runner."""

import os.path as osp

from mmengine.device import get_device
from mmengine.runner import Runner

from mmdenoise.apis.cli import command_line, join_ranks, read_config, run_tool
from mmdenoise.models.checkpoints import is_cascade, read_state_dict


class Tester(Runner):
    """A Runner whose ranks each have the whole model to themselves."""

    def wrap_model(self, model_wrapper_cfg, model):
        """Move the model: nothing is trained, and DDP refuses one without weights."""
        return model.to(get_device())


def parse_args():
    parser = command_line(__doc__)
    parser.add_argument(
        "checkpoint",
        nargs="?",
        help="a cascade's or denoiser's checkpoint, or a release; for the config of a "
        "task network, its own; without it the config's own checkpoints are tested",
    )
    parser.add_argument("--out", help="write the predictions to this .pkl file")
    parser.add_argument("--show-dir", help="paint the predictions into this folder")
    parser.add_argument(
        "--tta", action="store_true", help="test-time augmentation (tta_pipeline)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = read_config(args)
    if args.checkpoint is not None and not osp.isfile(args.checkpoint):
        raise FileNotFoundError(f"there is no checkpoint {args.checkpoint!r}")
    cfg.load_from = args.checkpoint
    if args.checkpoint is not None and "denoiser" in cfg.model:
        # The checkpoint replaces what the training began from, which may be gone.
        cfg.model.denoiser_checkpoint = None
        if not is_cascade(read_state_dict(args.checkpoint)):
            # A release, or a denoiser's own weights.
            cfg.load_from, cfg.model.denoiser_checkpoint = None, args.checkpoint
    if args.show_dir:
        if "visualization" not in cfg.default_hooks or "visualizer" not in cfg:
            raise ValueError(
                "--show-dir needs a visualizer and default_hooks.visualization in the "
                "config, as the hosts' default_runtime has them"
            )
        cfg.default_hooks.visualization.draw = True
        cfg.visualizer.save_dir = args.show_dir
    if args.tta:
        if "tta_pipeline" not in cfg or "tta_model" not in cfg:
            raise ValueError("--tta needs 'tta_pipeline' and 'tta_model' in the config")
        cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
        cfg.model = dict(cfg.tta_model, module=cfg.model)
    join_ranks(cfg)
    runner = Tester.from_cfg(cfg)
    if args.out:
        from mmengine.evaluator import DumpResults

        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()


if __name__ == "__main__":
    run_tool(main)
