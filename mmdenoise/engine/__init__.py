"""What runs beside the model: hooks, and the file backend of checkpoints."""

from mmdenoise.weights.atomic_backend import AtomicBackend

from .dataset_classes_hook import DatasetClassesHook
from .empty_data_hook import EmptyDataHook
from .invalid_loss import InvalidLossHook
from .mixed_precision import MixedPrecisionOptimWrapper
from .optimiser import DenoiserOptimWrapperConstructor
from .progress import ProgressHook
from .random_state import RandomStateHook
from .resumed_options import ResumedOptionsHook
from .training_data import TrainingDataHook
from .training_pictures import TrainingPicturesHook

__all__ = [
    "AtomicBackend",
    "DatasetClassesHook",
    "DenoiserOptimWrapperConstructor",
    "EmptyDataHook",
    "InvalidLossHook",
    "MixedPrecisionOptimWrapper",
    "ProgressHook",
    "RandomStateHook",
    "ResumedOptionsHook",
    "TrainingDataHook",
    "TrainingPicturesHook",
]
