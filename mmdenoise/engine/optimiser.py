"""What of a cascade goes into the optimiser."""

from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from mmdenoise.registry import OPTIM_WRAPPER_CONSTRUCTORS

__all__ = ["DenoiserOptimWrapperConstructor"]


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DenoiserOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """MMEngine's own, without the parameters of the frozen head.

    MMEngine leaves those out only where a schedule has a ``paramwise_cfg``, which this
    one does not need and takes all the same. Every parameter is a group of its own.

    Args:
        optim_wrapper_cfg: Config of the optimiser's wrapper.
        paramwise_cfg: As of MMEngine: rates and decays by the names of parameters.
    """

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        # Any setting makes MMEngine collect the parameters one by one.
        super().__init__(optim_wrapper_cfg, paramwise_cfg or dict(custom_keys={}))

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Build the wrapper of a model's optimiser.

        Raises:
            ValueError: If nothing in the model can be trained.
        """
        if not any(parameter.requires_grad for parameter in model.parameters()):
            inner = getattr(model, "module", model)
            name = type(getattr(inner, "denoiser", inner)).__name__
            raise ValueError(
                f"{name} has no weights, so there is nothing to train: test with it, "
                "or train another denoiser"
            )
        return super().__call__(model)
