"""The frozen task network: open, build, load, freeze, normalise for, and tap it.

Shapes: images (N, 3, H, W), RGB in [0, 1]; head inputs (N, 3, H, W) in whatever units
and channel order the head's own preprocessor makes.
"""

import contextlib
import difflib
import os
from collections.abc import Iterator, Sequence
from typing import Callable, Optional, Union

import torch
from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmengine.logging import print_log
from mmengine.model import BaseModel, revert_sync_batchnorm
from torch import Tensor, nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.state_dicts import load_strictly, read_state_dict

__all__ = [
    "HeadInput",
    "Tap",
    "build_head",
    "channel_order",
    "open_head",
    "switch_to_eval",
]


def open_head(
    head: Union[str, dict],
    options: Optional[dict] = None,
    data_preprocessor: Optional[dict] = None,
) -> ConfigDict:
    """Turn what the user gave into the config of a model.

    Args:
        head: The path of a complete config (or a zoo name, ``mmseg::...``), of which
            ``model``, a top-level ``data_preprocessor``, ``custom_imports`` and
            ``default_scope`` are taken and nothing else; or a model dict.
        options: Merged over the model; dotted keys work.
        data_preprocessor: Used where the head has none of its own.

    Returns:
        The model's config, with its ``_scope_`` and its ``data_preprocessor``.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If the config holds no model, or its imports fail.
    """
    if isinstance(head, str):
        config = _read_config(head)
        if "model" not in config:
            raise ValueError(f"head: the config {head!r} holds no 'model'")
        model = config.model
        data_preprocessor = config.get("data_preprocessor", data_preprocessor)
        if config.get("default_scope"):
            model.setdefault("_scope_", config.default_scope)
    elif isinstance(head, dict):
        model = ConfigDict(head)
    else:
        raise TypeError(
            f"head must be a config's path or a model dict, got {type(head).__name__}"
        )
    if options:
        whole = Config(dict(model=model))
        whole.merge_from_dict({f"model.{key}": v for key, v in options.items()})
        model = whole.model
    if data_preprocessor is not None and model.get("data_preprocessor") is None:
        model.data_preprocessor = ConfigDict(data_preprocessor)
    return model


def _read_config(path: str) -> Config:
    if "::" not in path and not os.path.isfile(path):
        raise FileNotFoundError(f"head: there is no config {path!r}")
    try:
        return get_config(path) if "::" in path else Config.fromfile(path)
    except ImportError as error:
        reason = " ".join(str(error).partition(", the current sys.path")[0].split())
        raise ValueError(
            f"head: the imports of {path!r} fail ({reason}); put the folder of its "
            "custom modules on PYTHONPATH"
        ) from None


def channel_order(config: ConfigDict, default: str) -> str:
    """Return the channel order of a head's input, ``'rgb'`` or ``'bgr'``.

    A preprocessor that converts says so; one that does not keeps the order of the
    images as loaded, ``default``.
    """
    if default not in ("rgb", "bgr"):
        raise ValueError(f"head_channel_order must be 'rgb' or 'bgr', got {default!r}")
    preprocessor = config.get("data_preprocessor") or {}
    if preprocessor.get("rgb_to_bgr"):
        return "bgr"
    if preprocessor.get("bgr_to_rgb") or preprocessor.get("to_rgb"):
        return "rgb"
    return default


def build_head(config: ConfigDict, checkpoint: Optional[str]) -> BaseModel:
    """Build, load strictly and freeze a head.

    Args:
        config: From :func:`open_head`.
        checkpoint: The file of its weights. None leaves the weights that its own
            ``init_cfg`` gives, with a warning: a head nobody trained guides nothing.

    Returns:
        The model in evaluation mode; no tensor of it requires a gradient.
    """
    # Parameters must be frozen before DDP looks at them, hence while building.
    head = MODELS.build(config)
    if checkpoint is not None:
        state = read_state_dict(checkpoint, "head_checkpoint")
        load_strictly(head, state, f"head_checkpoint {checkpoint!r}")
    else:
        print_log(
            "head_checkpoint is None: the head keeps its initial weights",
            logger="current",
            level=30,
        )
        head.init_weights()
    # Frozen statistics need no synchronising, and DDP refuses the layer on a CPU.
    return revert_sync_batchnorm(head.requires_grad_(False).eval())


def switch_to_eval(head: nn.Module, train_branches: Sequence[str], mode: bool) -> None:
    """Keep a head in evaluation mode, save the flags some heads compute by.

    Args:
        head: The head.
        train_branches: Names of modules whose *own* ``training`` flag follows ``mode``:
            modules that return another form of output in training. Their children, BN
            and dropout among them, stay in evaluation mode.
        mode: Whether the cascade trains.
    """
    head.eval()
    for name in train_branches:
        module_of(head, name, "head_train_branches").training = mode


def module_of(head: nn.Module, name: str, option: str) -> nn.Module:
    """Return the module of that name, or say which names there are."""
    modules = dict(head.named_modules())
    if name and name in modules:
        return modules[name]
    names = [known for known in modules if known]
    near = difflib.get_close_matches(str(name), names, n=3)
    upper = [known for known in names if known.count(".") < 2]
    raise ValueError(
        f"{option}: the head has no module {name!r}"
        + (f"; did you mean {', '.join(near)}?" if near else ".")
        + f" It has {', '.join(upper)} and what they contain"
    )


class HeadInput:
    """Map between images, RGB in [0, 1], and a head's normalised input.

    This is the only place where a scale other than [0, 1] or another channel order
    exists. It reads the mean and the standard deviation from the head's *built*
    preprocessor at each call, and so follows it across devices.

    Args:
        preprocessor: The head's own.
        order: From :func:`channel_order`.
    """

    def __init__(self, preprocessor: nn.Module, order: str) -> None:
        self.preprocessor = preprocessor
        self.order = order

    @property
    def _normalises(self) -> bool:
        return getattr(self.preprocessor, "_enable_normalize", False)

    def to_image(self, inputs: Tensor) -> Tensor:
        """Undo the normalisation: head input to RGB in [0, 1]."""
        if self._normalises:
            inputs = inputs * self.preprocessor.std + self.preprocessor.mean
        image = inputs / 255
        return image.flip(-3) if self.order == "bgr" else image

    def from_image(self, image: Tensor) -> Tensor:
        """Normalise as the head's preprocessor does: RGB in [0, 1] to head input."""
        inputs = (image.flip(-3) if self.order == "bgr" else image) * 255
        if self._normalises:
            inputs = (inputs - self.preprocessor.mean) / self.preprocessor.std
        return inputs


class _Reached(Exception):
    """The tapped module has run; the rest of the pass is not needed."""


class Tap:
    """The feature extractor phi of Eq. (2): the output of one module of the head.

    Args:
        head: The head.
        name: A module's name in it, ``backbone.layer3`` for instance.

    Raises:
        ValueError: If there is no such module.
    """

    def __init__(self, head: nn.Module, name: str) -> None:
        self.name = name
        self._module = module_of(head, name, "tap")

    @contextlib.contextmanager
    def _listen(self, stop: bool) -> Iterator[list[Tensor]]:
        features: list[Tensor] = []

        def keep(module: nn.Module, args: tuple, output: object) -> None:
            if features:  # a module that runs more than once: its first output
                return
            # Copies: an in-place ReLU may follow.
            features.extend(tensor.clone() for tensor in _tensors(output))
            if stop:
                raise _Reached

        handle = self._module.register_forward_hook(keep, prepend=True)
        try:
            yield features
        except _Reached:
            pass
        finally:
            handle.remove()
        if not features:
            raise ValueError(
                f"tap: {self.name!r} gave no features in the head's loss pass; name a "
                "module that runs there and returns tensors"
            )

    def record(self) -> "contextlib.AbstractContextManager[list[Tensor]]":
        """Record phi during a whole pass of the head, with gradients.

        Yields:
            The list that holds the tapped tensors once the pass is over.
        """
        return self._listen(stop=False)

    def features_of(self, run: Callable[[], object]) -> list[Tensor]:
        """Return phi of what ``run`` puts through the head, without gradients.

        The pass stops at the tap.
        """
        with torch.no_grad(), self._listen(stop=True) as features:
            run()
        return features


def _tensors(output: object) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, (tuple, list)):
        for value in output:
            yield from _tensors(value)
