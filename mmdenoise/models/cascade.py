"""The cascade: a denoiser in front of any frozen MMEngine model (Section III-B).

The whole data flow, top to bottom. Shapes as in :mod:`.data_preprocessor`::

    inputs, clean (N, 3, H, W) --denoiser--> denoised (N, 3, H, W)   RGB in [0, 1]
    denoised --normalise, place on the canvas--> head input (N, 3, Hb, Wb)
    head input --head(..., mode)--> losses or predictions
"""

from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from mmdenoise.precision import PRECISIONS, checked_precision, run_network
from mmdenoise.registry import MODELS
from mmdenoise.weights.cascade_state import check_state, keep_denoiser_alone
from mmdenoise.weights.named_weights import load_denoiser_weights

from .batch_checks import checked_finite, checked_image
from .canvas import Canvas, by_size
from .compilation import compile_whole
from .data_preprocessor import CascadeDataPreprocessor
from .frozen_head import FrozenHead
from .head_input import HeadInput
from .joint_loss import build_loss
from .label_check import LabelCheck
from .recompute import recompute_in_backward, refuse_reentrant

__all__ = ["Cascade", "CascadeClassifier", "CascadeSegmentor"]


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
            denoiser file, which says what it is; or a name in the zoo.
        head_checkpoint: File of the head's weights.
        head_options: Merged over the head's model, ``{'data_preprocessor.size': ...}``.
        head_channel_order: The order in which a head without channel conversion gets
            images: ``'bgr'``, as MMCV loads them, or ``'rgb'``.
        head_train_branches: Modules of the head whose own ``training`` flag follows the
            cascade's, for heads that return another form of output in training.
        tap: Name of the head's module whose output L_P compares; needed in training
            with L_P alone.
        noise: Config of a noise model; None for images that are noisy already.
        loss: Config of the joint loss.
        head_autocast: Whether automatic mixed precision reaches the head. False keeps
            it in float32, for a head whose features are beyond float16 (65,504) or
            too close to each other for bfloat16's 8 bits.
        denoiser_precision: What the denoiser computes in outside training,
            ``'float32'`` or ``'bfloat16'``; the head's numbers stay the host's.
        activation_checkpointing: Names of modules, ``denoiser`` or
            ``head.backbone.layer1``, that drop their activations in training and
            compute them again in the backward pass.
        denoiser_norm_eval: Whether batch norm in the denoiser stays in evaluation mode
            while it is trained, with the statistics that it started from.
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
        denoiser_precision: str = "float32",
        activation_checkpointing: Sequence[str] = (),
        denoiser_norm_eval: bool = False,
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
        frozen = model = None
        head_input = HeadInput(ImgDataPreprocessor(bgr_to_rgb=True), "rgb")
        if head is not None:
            frozen = FrozenHead(
                head,
                head_checkpoint,
                head_options,
                order=head_channel_order,
                train_branches=head_train_branches,
                tap=tap,
                autocast=head_autocast,
                data_preprocessor=data_preprocessor,
            )
            model, head_input = frozen.model, frozen.input
        noise = None if noise is None else MODELS.build(noise)
        prepare = CascadeDataPreprocessor(head_input, noise, LabelCheck(model))
        super().__init__(prepare, init_cfg)
        self.denoiser = MODELS.build(denoiser)
        # The network itself is a part of the cascade, under the name of its weights.
        self.frozen_head, self.head = frozen, model
        if frozen is not None:
            self.register_buffer("head_fingerprint", frozen.fingerprint())
        self.joint_loss = build_loss(loss, has_head=head is not None)
        self._initialise_denoiser = denoiser_checkpoint is None
        if denoiser_checkpoint is not None:
            load_denoiser_weights(self.denoiser, denoiser_checkpoint, denoiser)
        self._register_state_dict_hook(keep_denoiser_alone)
        self._register_load_state_dict_pre_hook(check_state, with_module=True)
        self._checked, self.denoiser_norm_eval = False, denoiser_norm_eval
        self.denoiser_precision = checked_precision(denoiser_precision, PRECISIONS[1:])
        recompute_in_backward(self, activation_checkpointing)
        compile_whole(self.denoiser, compile_denoiser, activation_checkpointing)
        self.train()

    def init_weights(self) -> None:
        """Initialise the denoiser, unless a checkpoint did; never touch the head.

        Raises:
            ValueError: If the perceptual loss has no tap: a training begins here.
        """
        if self.joint_loss.perceptual > 0:
            _ = self.frozen_head.tap
        if self._initialise_denoiser and hasattr(self.denoiser, "init_weights"):
            self.denoiser.init_weights()

    def train(self, mode: bool = True) -> "Cascade":
        """Switch the denoiser to training or evaluation; the head stays frozen."""
        super().train(mode)
        if self.frozen_head is not None:
            self.frozen_head.follow(mode)
        for module in self.denoiser.modules() if self.denoiser_norm_eval else ():
            if isinstance(module, _NormBase):
                module.eval()
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
        canvas = canvas or Canvas.filled_by(inputs)
        denoised = self.denoise(inputs, sigma)
        if mode == "loss":
            return self.loss(denoised, data_samples, clean, canvas)
        if mode == "predict":
            images = dict(denoised=denoised, noisy=inputs, clean=clean)
            return self._predict(images, data_samples, canvas)
        if mode == "tensor":
            if self.frozen_head is None:
                return denoised
            return self.frozen_head.run(
                self._for_head(denoised, canvas), data_samples, mode
            )
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def denoise(self, noisy: Tensor, sigma: Optional[Tensor] = None) -> Tensor:
        """Denoise (N, 3, H, W), told the level where the denoiser takes one."""
        net = self.denoiser
        told = (sigma,) if getattr(net, "takes_sigma", False) else ()
        precision = "float32" if self.training else self.denoiser_precision
        return checked_image(net, noisy, run_network(net, precision, noisy, *told))

    def _for_head(self, images: Tensor, canvas: Canvas) -> Tensor:
        return canvas.place(self.frozen_head.input.from_image(images))

    def loss(
        self,
        denoised: Tensor,
        data_samples: Optional[list],
        clean: Optional[Tensor],
        canvas: Canvas,
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
        given = dict(denoised=denoised, clean=clean, area=canvas.area(denoised))
        if loss.needs_head:
            inputs = self._for_head(denoised, canvas)
            target = self._for_head(clean, canvas) if loss.compares_in_head else None
            given["feature_area"] = canvas.area(inputs)
            wanted = loss.perceptual > 0, loss.task_target
            given |= self.frozen_head.guide(inputs, target, data_samples, *wanted)
        return loss(**given)

    def _predict(self, images: dict, samples: Optional[list], canvas: Canvas) -> list:
        denoised = checked_finite(self.denoiser, images["denoised"])
        predictions = samples or [BaseDataElement() for _ in denoised]
        if self.frozen_head is not None:
            inputs = self._for_head(denoised, canvas)
            predictions = self.frozen_head.run(inputs, samples, "predict")
        # Each image's versions hang on its prediction, for the metrics.
        for name, batch in images.items():
            cropped = () if batch is None else canvas.crop(batch)
            for sample, image in zip(predictions, cropped):
                sample.set_field(image.detach(), name, dtype=torch.Tensor)
        return predictions

    def test_step(self, data: Union[dict, tuple, list]) -> list:
        """Predict a batch; images of unlike sizes are predicted size by size.

        So that a batch gives what its images give alone, and a head whose preprocessor
        wants one size gets it.
        """
        if not isinstance(data, dict):
            return super().test_step(data)
        groups = by_size(data)
        if len(groups) == 1:
            return super().test_step(data)
        self.data_preprocessor.look_at_views(data)
        found = {}
        for indices, part in groups:
            found.update(zip(indices, super().test_step(part)))
        return [found[index] for index in sorted(found)]

    val_step = test_step


def _of_head(name: str, what: str) -> property:
    return property(lambda self: getattr(self.head, name), doc=what)


@MODELS.register_module()
class CascadeSegmentor(Cascade):
    """A cascade under the name, and with the properties, of a segmentor."""

    backbone = _of_head("backbone", "The head's backbone.")
    decode_head = _of_head("decode_head", "The head's decode head.")
    out_channels = _of_head("out_channels", "Channels of the head's logits.")
    num_classes = _of_head("num_classes", "Classes the head tells apart.")
    align_corners = _of_head("align_corners", "How the head resizes its logits.")


@MODELS.register_module()
class CascadeClassifier(Cascade):
    """A cascade under the name, and with the properties, of a classifier."""

    backbone = _of_head("backbone", "The head's backbone.")
    with_head = _of_head("with_head", "Whether it has a classification head.")
