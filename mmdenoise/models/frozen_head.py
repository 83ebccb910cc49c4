"""The frozen task network H of Eq. (3), and its first layers phi.

Shapes: images (N, 3, H, W), RGB in [0, 1]; head inputs (N, 3, Hb, Wb) in whatever units
and channel order the head's own preprocessor makes.
"""

from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.config import ConfigDict
from mmengine.logging import print_log
from mmengine.model import BaseModel, revert_sync_batchnorm
from torch import Tensor

from mmdenoise.registry import MODELS
from mmdenoise.weights.fingerprint import fingerprint
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.state_dicts import class_names_in, weights_in
from mmdenoise.weights.strict_loading import load_strictly

from .head_config import channel_order, open_head
from .head_input import HeadInput
from .tap import Tap, float_tensors, module_of

__all__ = ["FrozenHead"]

# What a head's loss raises that meets another form of output than it expects.
FORM_ERRORS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


class FrozenHead:
    """A trained network that is asked, and never changed.

    It is no module, so that the network's weights keep their names in the cascade.

    Args:
        head: Path of a complete config, or a model dict.
        checkpoint: The file of its weights. None leaves the weights that its own
            ``init_cfg`` gives, with a warning: a head nobody trained guides nothing.
        options: Merged over the head's model; dotted keys work.
        order: The order in which a head without channel conversion gets images:
            ``'bgr'``, as MMCV loads them, or ``'rgb'``.
        train_branches: Names of modules whose *own* ``training`` flag follows the
            cascade's: modules that return another form of output in training. Their
            children, BN and dropout among them, stay in evaluation mode.
        tap: Name of the module whose output is phi.
        autocast: Whether automatic mixed precision reaches it.
        data_preprocessor: Used where the head has none of its own.

    Attributes:
        model: The network, in evaluation mode; no tensor of it requires a gradient.
        input: The map between images and its input.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If a file, a key of a checkpoint or
            a module's name is wrong, each named.
    """

    def __init__(
        self,
        head: Union[str, dict],
        checkpoint: Optional[str] = None,
        options: Optional[dict] = None,
        order: str = "bgr",
        train_branches: Sequence[str] = (),
        tap: Optional[str] = None,
        autocast: bool = True,
        data_preprocessor: Optional[dict] = None,
    ) -> None:
        config = open_head(head, options, data_preprocessor)
        order = channel_order(config, order)
        self.model = _build(config, checkpoint)
        self.input = HeadInput(self.model.data_preprocessor, order)
        self.train_branches = tuple(train_branches)
        self.autocast = autocast
        self._tap = None if tap is None else Tap(self.model, tap)
        self.follow(training=False)

    @property
    def tap(self) -> Tap:
        """Where phi is.

        Raises:
            ValueError: If the config names no tap.
        """
        if self._tap is None:
            raise ValueError(
                "the perceptual loss needs a tap: the name of a module of the head "
                "(relu3_3 in the paper), or perceptual=0"
            )
        return self._tap

    def fingerprint(self) -> Tensor:
        """SHA-256 over its sorted tensors: (32,) uint8."""
        return fingerprint(self.model.state_dict())

    def follow(self, training: bool) -> None:
        """Stay in evaluation mode, save the flags that some heads compute by."""
        self.model.eval()
        for name in self.train_branches:
            branch = module_of(self.model, name, "head_train_branches")
            branch.training = training

    def run(self, inputs: Tensor, samples: Optional[list], mode: str) -> object:
        """Call the network: ``mode`` is that of any MMEngine model."""
        if self.autocast:
            return self.model(inputs, samples, mode=mode)
        with torch.autocast(inputs.device.type, enabled=False):
            return self.model(inputs.float(), samples, mode=mode)

    def losses(self, inputs: Tensor, samples: Optional[list]) -> dict:
        """Its own losses of (N, 3, Hb, Wb) inputs.

        Raises:
            RuntimeError: If it computes them in training alone, with what to set.
        """
        try:
            return self.run(inputs, samples, "loss")
        except FORM_ERRORS as error:
            branches = self._branches_that_help(inputs, samples)
            if not branches:
                raise
            raise RuntimeError(
                f"the head's loss fails in evaluation mode ({error}), and not where "
                "modules return the form of output that they have in training: set "
                f"head_train_branches={branches}"
            ) from error

    def guide(
        self,
        inputs: Tensor,
        clean: Optional[Tensor],
        samples: Optional[list],
        perceptual: bool,
        target: Optional[str],
    ) -> dict[str, object]:
        """What the terms of Eq. (3) that pass through the head compare.

        One pass of ``inputs`` gives phi and what L_H takes; it stops at the tap where
        there is no L_H.

        Args:
            inputs: Denoised images, (N, 3, Hb, Wb), as the head takes them.
            clean: The clean ones, likewise; where a term compares with them.
            samples: The head's data samples.
            perceptual: Whether there is L_P.
            target: Of L_H: ``'labels'`` or ``'head'``; None without L_H.

        Returns:
            Arguments of :class:`~.joint_loss.JointLoss`.
        """
        given: dict[str, object] = {}
        if target == "labels":
            ask, answer = self.losses, "head_losses"
        else:
            ask, answer = self.outputs, "output"
        with torch.no_grad():
            if perceptual and target == "head":
                with self.tap.record() as given["clean_features"]:
                    given["clean_output"] = ask(clean, samples)
            elif target == "head":
                given["clean_output"] = ask(clean, samples)
            elif perceptual:
                given["clean_features"] = self.tap.features_of(
                    lambda: ask(clean, samples)
                )
        if perceptual and target is None:
            given["features"] = self.tap.features_of(lambda: ask(inputs, samples))
        elif perceptual:
            with self.tap.record() as given["features"]:
                given[answer] = ask(inputs, samples)
        else:
            given[answer] = ask(inputs, samples)
        self._refuse_cut_gradient(inputs, given.get("features", ()))
        return given

    def outputs(self, inputs: Tensor, samples: Optional[list]) -> list[Tensor]:
        """The tensors of its ``tensor`` mode, for (N, 3, Hb, Wb) inputs.

        Raises:
            ValueError: If there are none.
        """
        found = self.run(inputs, samples, "tensor")
        tensors = list(float_tensors(found))
        if not tensors:
            raise ValueError(
                f"target='head': the head, {type(self.model).__name__}, returns "
                f"{type(found).__name__} and no tensors in its tensor mode; "
                "set target='labels'"
            )
        return tensors

    def _refuse_cut_gradient(self, inputs: Tensor, features: Sequence[Tensor]) -> None:
        if inputs.requires_grad and not all(f.requires_grad for f in features):
            raise RuntimeError(
                f"no gradient passes the tap {self.tap.name!r}: reentrant activation "
                "checkpointing (with_cp) of the head cuts it off; switch that off with "
                "head_options"
            )

    def _branches_that_help(self, inputs: Tensor, samples: Optional[list]) -> list:
        """The fewest of its parts by whose training flag its loss can be computed."""
        parts = {
            name: part
            for name, part in self.model.named_children()
            if name not in ("data_preprocessor", *self.train_branches)
        }

        def succeeds(names: Sequence[str]) -> bool:
            for name, part in parts.items():
                part.training = name in names
            try:
                self.run(inputs, samples, "loss")
            except Exception:  # whatever it is, the flags are not what is amiss
                return False
            finally:
                for part in parts.values():
                    part.training = False
            return True

        with torch.no_grad():
            helpful = list(parts)
            if not succeeds(helpful):
                return []
            for name in list(parts):
                fewer = [other for other in helpful if other != name]
                helpful = fewer if succeeds(fewer) else helpful
        return [*self.train_branches, *helpful]


def _build(config: ConfigDict, checkpoint: Optional[str]) -> BaseModel:
    # Parameters must be frozen before DDP looks at them, hence while building.
    head = MODELS.build(config)
    if checkpoint is not None:
        content = open_checkpoint(checkpoint, "head_checkpoint")
        state = weights_in(content, f"head_checkpoint: {checkpoint!r}")
        load_strictly(head, state, f"head_checkpoint {checkpoint!r}")
        names = class_names_in(content)
        if names is not None and getattr(head, "dataset_meta", None) is None:
            head.dataset_meta = dict(classes=names)  # where the hosts' inferencers do
    else:
        print_log(
            "head_checkpoint is None: the head keeps its initial weights",
            logger="current",
            level=30,
        )
        head.init_weights()
    # Frozen statistics need no synchronising, and DDP refuses the layer on a CPU.
    return revert_sync_batchnorm(head.requires_grad_(False).eval())
