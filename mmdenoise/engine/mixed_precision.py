"""Training in bfloat16, on a GPU and on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from mmdenoise.precision import autocast, choose_precision
from mmdenoise.registry import OPTIM_WRAPPERS

__all__ = ["MixedPrecisionOptimWrapper"]


@OPTIM_WRAPPERS.register_module()
class MixedPrecisionOptimWrapper(OptimWrapper):
    """An optimiser whose forward passes run under autocast to bfloat16.

    MMEngine's ``AmpOptimWrapper`` wants an accelerator and scales the loss, which
    bfloat16 does not need. Weights, their gradients and the optimiser's state stay
    float32, so that a checkpoint goes on in either precision.

    Args:
        precision: ``'bfloat16'``, ``'float32'``, or ``'auto'``: bfloat16 where the
            device has the instructions, else float32. Which one it is, is logged.
        **kwargs: As of ``mmengine.optim.OptimWrapper``: ``optimizer``, ``clip_grad``,
            ``accumulative_counts``.

    Raises:
        ValueError: If bfloat16 is asked of a device that has no instructions for it.
    """

    def __init__(self, precision: str = "auto", **kwargs) -> None:
        super().__init__(**kwargs)
        self.device = get_device()
        self.precision = choose_precision(precision, self.device)
        why = ""
        if precision == "auto" and self.precision == "float32":
            why = f" (no instructions for bfloat16 on {self.device!r})"
        print_log(f"training in {self.precision}{why}", logger="current")

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run what is inside in the chosen precision."""
        with super().optim_context(model), autocast(self.precision, self.device):
            yield
