"""Activation checkpointing: less memory in training, for one more forward pass.

Chen et al., "Training Deep Nets with Sublinear Memory Cost" (2016). What a module
computed between its input and its output is dropped and computed again in the backward
pass.
"""

import contextlib
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

__all__ = ["recompute_in_backward", "refuse_reentrant"]

OPTION = "activation_checkpointing"


def recompute_in_backward(model: nn.Module, names: Sequence[str]) -> None:
    """Let the named modules drop their activations in training.

    Gradients, those of features tapped inside included, equal the ones without it, and
    BN statistics are updated once.

    Args:
        model: The cascade.
        names: Names of modules in it, ``denoiser`` or ``head.backbone.layer1``. None of
            them may contain another one, which would be computed three times.

    Raises:
        ValueError: If there is no such module, or if one contains another.
    """
    modules = dict(model.named_modules())
    for name in names:
        if not name or name not in modules:
            raise ValueError(
                f"{OPTION}: the cascade has no module {name!r}; names begin with "
                "'denoiser' or 'head.'"
            )
        outer = [other for other in names if name.startswith(f"{other}.")]
        if outer or list(names).count(name) > 1:
            raise ValueError(
                f"{OPTION}: {name!r} lies in {(outer or [name])[0]!r}, which is named "
                "as well: it would be computed three times"
            )
    for name in names:
        module = modules[name]
        if isinstance(module, (nn.ModuleList, nn.ModuleDict)):
            raise ValueError(
                f"{OPTION}: {name!r} is a list of modules and has no forward pass of "
                f"its own; name its members, {name}.0 and so on"
            )
        module.forward = _Recomputed(module)


class _Recomputed:
    """Stands in for a module's forward; copied along with it, as for EMA."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        # Bound to the module, so that a deep copy is bound to the module's copy.
        self.forward = module.forward

    def __call__(self, *args, **kwargs):
        if not torch.is_grad_enabled():
            return self.forward(*args, **kwargs)
        # Reentrant checkpointing gives no gradient to what is recorded within, nor to
        # weights behind an input that needs none.
        return checkpoint(
            self.forward,
            *args,
            use_reentrant=False,
            context_fn=self._contexts,
            **kwargs,
        )

    def _contexts(self) -> tuple:
        return contextlib.nullcontext(), _statistics_kept(self.module)


@contextlib.contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Let normalisation layers compute as in training without counting the batch."""
    layers = [
        (layer, layer.momentum, layer.num_batches_tracked)
        for layer in module.modules()
        if isinstance(layer, _NormBase) and layer.training and layer.track_running_stats
    ]
    for layer, _, _ in layers:
        # A share of 0 for the batch. Doing without running statistics instead would
        # save other tensors than in the first pass, which PyTorch refuses.
        layer.momentum, layer.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for layer, momentum, count in layers:
            layer.momentum, layer.num_batches_tracked = momentum, count


def refuse_reentrant(model: nn.Module) -> None:
    """Refuse a model that MMEngine's ``activation_checkpointing`` has been applied to.

    It is reentrant: behind an input that needs no gradient, as the noisy image is, the
    weights get none, and nothing says so.

    Raises:
        RuntimeError: Naming the module and the option to use.
    """
    for name, module in model.named_modules():
        forward = vars(module).get("forward")
        source = getattr(forward, "__globals__", {}).get("__name__")
        if source == "mmengine.runner.activation_checkpointing":
            raise RuntimeError(
                f"MMEngine's {OPTION} on {name!r} is reentrant, by which a denoiser "
                "loses gradients silently: take it out of the config's top level and "
                f"set model.{OPTION}=[{name!r}]"
            )
