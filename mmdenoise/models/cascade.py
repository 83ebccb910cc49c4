"""The cascade: a denoiser in front of any frozen MMEngine model (Section III-B).

The whole data flow, top to bottom. Shapes as in :mod:`.data_preprocessor`::

    inputs, clean (N, 3, H, W) --denoiser--> denoised (N, 3, H, W)   RGB in [0, 1]
    denoised --normalise, place on the canvas--> head input (N, 3, Hb, Wb)
    head input --head(..., mode)--> losses or predictions
"""

from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.config import ConfigDict
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.cascade_state import check_state, keep_denoiser_alone
from mmdenoise.weights.denoiser_file import load_denoiser_weights
from mmdenoise.weights.state_dicts import fingerprint

from .data_preprocessor import Canvas, CascadeDataPreprocessor, area_of, crop_to_areas
from .frozen_head import (
    HeadInput,
    Tap,
    build_head,
    channel_order,
    open_head,
    switch_to_eval,
)
from .label_check import LabelCheck
from .recompute import recompute_in_backward, refuse_reentrant

__all__ = ["Cascade", "CascadeClassifier", "CascadeSegmentor"]

# What a head's loss raises that meets another form of output than it expects.
FORM_ERRORS = (
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)


@MODELS.register_module()
class Cascade(BaseModel):
    """Denoise, then let a frozen network do its task; train the denoiser alone.

    Args:
        denoiser: Config of a denoiser, RGB (N, 3, H, W) in [0, 1] in and out. One that
            takes the noise's level is told the one that was drawn; for images that are
            noisy already, its own ``sigma``.
        head: Path of a complete config, or a model dict; None trains the denoiser by
            itself (Eq. (3) with lambda_P = lambda_H = 0).
        denoiser_checkpoint: File of a denoiser's weights, or of a cascade's, or a
            release, which says what it is; or a name in the zoo.
        head_checkpoint: File of the head's weights.
        head_options: Merged over the head's model, ``{'data_preprocessor.size': ...}``.
        head_channel_order: The order in which a head without channel conversion gets
            images: ``'bgr'``, as MMCV loads them, or ``'rgb'``.
        head_train_branches: Modules of the head whose own ``training`` flag follows the
            cascade's, for heads that return another form of output in training.
        tap: Name of the head's module whose output L_P compares.
        noise: Config of a noise model; None for images that are noisy already.
        loss: Config of the joint loss.
        head_autocast: Whether automatic mixed precision reaches the head. False keeps
            it in float32, for a head whose features are beyond float16 (65,504) or
            too close to each other for bfloat16's 8 bits.
        activation_checkpointing: Names of modules, ``denoiser`` or
            ``head.backbone.layer1``, that drop their activations in training and
            compute them again in the backward pass.
        compile_denoiser: Compile the denoiser, and nothing else, with
            ``torch.compile``; a dict holds arguments of that.
        data_preprocessor: Used for a head that has none; hosts hand it over.
        pretrained: None, as hosts' tools set it.
        train_cfg: None, likewise.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If a file, a key of a checkpoint, a
            module's name or a number is wrong, each named.
    """

    def __init__(
        self,
        denoiser: dict,
        head: Union[str, dict, None] = None,
        denoiser_checkpoint: Optional[str] = None,
        head_checkpoint: Optional[str] = None,
        head_options: Optional[dict] = None,
        head_channel_order: str = "bgr",
        head_train_branches: Sequence[str] = (),
        tap: Optional[str] = None,
        noise: Optional[dict] = None,
        loss: Optional[dict] = None,
        head_autocast: bool = True,
        activation_checkpointing: Sequence[str] = (),
        compile_denoiser: Union[bool, dict] = False,
        data_preprocessor: Optional[dict] = None,
        init_cfg: Optional[dict] = None,
        pretrained: None = None,
        train_cfg: None = None,
    ) -> None:
        if pretrained is not None or train_cfg is not None:
            raise ValueError(
                "a cascade takes no 'pretrained' and no 'train_cfg': weights come from "
                "head_checkpoint and denoiser_checkpoint"
            )
        if head is None:
            model = None
            preprocessor = ImgDataPreprocessor(bgr_to_rgb=True)
            order = "rgb"
        else:
            config = open_head(head, head_options, data_preprocessor)
            order = channel_order(config, head_channel_order)
            model = build_head(config, head_checkpoint)
            preprocessor = model.data_preprocessor
        head_input = HeadInput(preprocessor, order)
        noise_model = None if noise is None else MODELS.build(noise)
        super().__init__(
            CascadeDataPreprocessor(
                preprocessor, head_input, noise_model, LabelCheck(model)
            ),
            init_cfg,
        )
        self.denoiser = MODELS.build(denoiser)
        self.head = model
        self.head_input = head_input
        self.head_train_branches = tuple(head_train_branches)
        self.joint_loss = _build_loss(loss, has_head=model is not None)
        self.tap = None
        if self.joint_loss.perceptual > 0:
            if tap is None:
                raise ValueError(
                    "the perceptual loss needs a tap: the name of a module of the head "
                    "(relu3_3 in the paper), or perceptual=0"
                )
        if tap is not None and model is not None:
            self.tap = Tap(model, tap)
        if model is not None:
            self.register_buffer("head_fingerprint", fingerprint(model.state_dict()))
        self._initialise_denoiser = denoiser_checkpoint is None
        if denoiser_checkpoint is not None:
            load_denoiser_weights(self.denoiser, denoiser_checkpoint, denoiser)
        self._register_state_dict_hook(keep_denoiser_alone)
        self._register_load_state_dict_pre_hook(check_state, with_module=True)
        self.head_autocast = head_autocast
        self._checked = False
        recompute_in_backward(self, activation_checkpointing)
        if compile_denoiser is not False:
            inside = [n for n in activation_checkpointing if n.startswith("denoiser")]
            if inside:
                raise ValueError(
                    f"compile_denoiser: {inside[0]!r} of activation_checkpointing lies "
                    "in the denoiser, which is compiled as a whole: choose one"
                )
            # In place: names of weights and modules stay as they are.
            options = {} if compile_denoiser is True else compile_denoiser
            self.denoiser.compile(**options)
        self.train()

    def init_weights(self) -> None:
        """Initialise the denoiser, unless a checkpoint did; never touch the head."""
        if self._initialise_denoiser and hasattr(self.denoiser, "init_weights"):
            self.denoiser.init_weights()

    def train(self, mode: bool = True) -> "Cascade":
        """Switch the denoiser to training or evaluation; the head stays frozen."""
        super().train(mode)
        if self.head is not None:
            switch_to_eval(self.head, self.head_train_branches, mode)
        return self

    def forward(
        self,
        inputs: Tensor,
        data_samples: Optional[list] = None,
        mode: str = "tensor",
        clean: Optional[Tensor] = None,
        canvas: Optional[Canvas] = None,
        sigma: Optional[Tensor] = None,
    ) -> Union[dict[str, Tensor], list, Tensor]:
        """Run the cascade.

        Args:
            inputs: Noisy images (N, 3, H, W), RGB in [0, 1].
            data_samples: The head's, passed through to it.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``, as for any MMEngine model.
            clean: Clean images (N, 3, H, W), RGB in [0, 1], where there are any.
            canvas: Where the images lie in the head's padded batch. None: the images
                fill their tensor, and the head gets it as it is.
            sigma: Level of the noise in 8-bit units, (N, 1, 1, 1) or (N, 1, H, W), for
                a denoiser that takes it. None: its own.

        Returns:
            A dict of losses, a list of predictions that carry ``denoised``, ``noisy``
            and ``clean`` (3, h, w) beside the head's own fields, or the head's raw
            output (the denoised images where there is no head).
        """
        if mode == "loss" and not self._checked:
            # A Runner wraps modules between building the model and its first step.
            refuse_reentrant(self)
            self._checked = True
        denoised = self.denoise(inputs, sigma)
        if mode == "loss":
            return self.loss(denoised, data_samples, clean, canvas)
        if mode == "predict":
            predictions = self._predict(denoised, data_samples, canvas)
            images = dict(denoised=denoised, noisy=inputs, clean=clean)
            return _attach(predictions, images, canvas)
        if mode == "tensor":
            if self.head is None:
                return denoised
            return self._run_head(self._for_head(denoised, canvas), data_samples, mode)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def denoise(self, noisy: Tensor, sigma: Optional[Tensor] = None) -> Tensor:
        """Denoise (N, 3, H, W), told the level where the denoiser takes one."""
        if getattr(self.denoiser, "takes_sigma", False):
            return self.denoiser(noisy, sigma)
        return self.denoiser(noisy)

    def _for_head(self, images: Tensor, canvas: Optional[Canvas]) -> Tensor:
        inputs = self.head_input.from_image(images)
        return inputs if canvas is None else canvas.place(inputs)

    def _run_head(self, inputs: Tensor, data_samples: Optional[list], mode: str):
        if self.head_autocast:
            return self.head(inputs, data_samples, mode=mode)
        with torch.autocast(inputs.device.type, enabled=False):
            return self.head(inputs.float(), data_samples, mode=mode)

    def loss(
        self,
        denoised: Tensor,
        data_samples: Optional[list],
        clean: Optional[Tensor],
        canvas: Optional[Canvas],
    ) -> dict[str, Tensor]:
        """Compute Eq. (3) of denoised images; the other arguments as in forward.

        Returns:
            Weighted terms under ``loss_*``, raw ones without, as the joint loss does.

        Raises:
            ValueError: If a term needs a clean image and there is none.
        """
        loss = self.joint_loss
        if loss.needs_clean and clean is None:
            raise ValueError(
                "the reconstruction and the perceptual loss need a clean image: with "
                "noise=None the batch must bring it under 'clean'"
            )
        sizes = [tuple(denoised.shape[-2:])] * len(denoised)
        sizes = sizes if canvas is None else canvas.sizes
        given = dict(
            denoised=denoised,
            clean=clean,
            area=area_of(sizes, *denoised.shape[-2:], denoised.device),
        )
        if not loss.needs_head:
            return loss(**given)

        inputs = self._for_head(denoised, canvas)
        given["feature_area"] = area_of(sizes, *inputs.shape[-2:], inputs.device)
        if loss.perceptual > 0:
            target = self._for_head(clean, canvas)
            given["clean_features"] = self.tap.features_of(
                lambda: self._head_losses(target, data_samples)
            )
            # One pass gives phi(F(x)) and L_H.
            with self.tap.record() as given["features"]:
                given["head_losses"] = self._head_losses(inputs, data_samples)
            if denoised.requires_grad and not all(
                feature.requires_grad for feature in given["features"]
            ):
                raise RuntimeError(
                    f"no gradient passes the tap {self.tap.name!r}: reentrant "
                    "activation checkpointing (with_cp) of the head cuts it off; "
                    "switch that off with head_options"
                )
        else:
            given["head_losses"] = self._head_losses(inputs, data_samples)
        return loss(**given)

    def _head_losses(self, inputs: Tensor, data_samples: Optional[list]) -> dict:
        try:
            return self._run_head(inputs, data_samples, "loss")
        except FORM_ERRORS as error:
            raise RuntimeError(
                f"the head's loss fails in evaluation mode ({error}); if the head "
                "returns another form of output in training, name the modules that do "
                "in head_train_branches, ['backbone', 'decode_head'] for instance"
            ) from error

    def _predict(
        self, denoised: Tensor, data_samples: Optional[list], canvas: Optional[Canvas]
    ) -> list:
        if self.head is not None:
            inputs = self._for_head(denoised, canvas)
            return self._run_head(inputs, data_samples, "predict")
        return data_samples or [BaseDataElement() for _ in denoised]


@MODELS.register_module()
class CascadeSegmentor(Cascade):
    """A cascade under the name, and with the properties, of a segmentor."""

    @property
    def backbone(self) -> nn.Module:
        """The head's backbone."""
        return self.head.backbone

    @property
    def decode_head(self) -> nn.Module:
        """The head's decode head."""
        return self.head.decode_head

    @property
    def out_channels(self) -> int:
        """Channels of the head's logits."""
        return self.head.out_channels

    @property
    def num_classes(self) -> int:
        """Classes the head tells apart."""
        return self.head.num_classes

    @property
    def align_corners(self) -> bool:
        """How the head resizes its logits."""
        return self.head.align_corners


@MODELS.register_module()
class CascadeClassifier(Cascade):
    """A cascade under the name, and with the properties, of a classifier."""

    @property
    def backbone(self) -> nn.Module:
        """The head's backbone."""
        return self.head.backbone

    @property
    def with_head(self) -> bool:
        """Whether the head has a classification head."""
        return self.head.with_head


def _build_loss(loss: Optional[dict], has_head: bool) -> nn.Module:
    if loss is None:
        loss = dict(type="mmdenoise.JointLoss")
        if not has_head:
            loss.update(perceptual=0, task=0)
    built = MODELS.build(ConfigDict(loss))
    if built.needs_head and not has_head:
        raise ValueError(
            "the perceptual and the task loss need a head: give one, or set both "
            "weights to 0"
        )
    return built


def _attach(
    predictions: list[BaseDataElement],
    images: dict[str, Optional[Tensor]],
    canvas: Optional[Canvas],
) -> list[BaseDataElement]:
    """Hang each image's (3, h, w) versions on its prediction, for the metrics."""
    for name, batch in images.items():
        if batch is not None:
            sizes = [tuple(batch.shape[-2:])] * len(batch)
            cropped = crop_to_areas(batch, sizes if canvas is None else canvas.sizes)
            for sample, image in zip(predictions, cropped):
                sample.set_field(image.detach(), name, dtype=torch.Tensor)
    return predictions
