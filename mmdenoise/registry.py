"""Child registries of MMEngine's, under the scope ``mmdenoise``.

Hosts reach our classes as ``mmdenoise.X`` whatever their own ``default_scope`` is,
and our configs reach the hosts' classes through the common root.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import EVALUATOR as MMENGINE_EVALUATOR
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
)
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

__all__ = [
    "DATASETS",
    "DATA_SAMPLERS",
    "EVALUATOR",
    "HOOKS",
    "METRICS",
    "MODELS",
    "OPTIM_WRAPPERS",
    "OPTIM_WRAPPER_CONSTRUCTORS",
    "TRANSFORMS",
]


def _child(parent: Registry, location: str) -> Registry:
    return Registry(
        parent.name,
        parent=parent,
        scope="mmdenoise",
        locations=[f"mmdenoise.{location}"],
    )


MODELS = _child(MMENGINE_MODELS, "models")
DATASETS = _child(MMENGINE_DATASETS, "datasets")
DATA_SAMPLERS = _child(MMENGINE_DATA_SAMPLERS, "datasets")
TRANSFORMS = _child(MMENGINE_TRANSFORMS, "datasets")
EVALUATOR = _child(MMENGINE_EVALUATOR, "evaluation")
METRICS = _child(MMENGINE_METRICS, "evaluation")
HOOKS = _child(MMENGINE_HOOKS, "engine")
OPTIM_WRAPPERS = _child(MMENGINE_OPTIM_WRAPPERS, "engine")
OPTIM_WRAPPER_CONSTRUCTORS = _child(MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS, "engine")
