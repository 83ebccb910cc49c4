"""The joint loss, Eq. (1) to (3), in one unit: images in [0, 1], features as they are.

Shapes: images (N, 3, H, W); features (N, C, h, w) maps, (N, L, C) tokens or (N, C)
vectors; areas (N, 1, H, W) booleans, True where a position belongs to an image rather
than to padding, or None where every position does.
"""

import math
from typing import Optional

from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmdenoise.registry import MODELS

from .balance import Balance
from .flat_error import flat_error
from .loss_terms import HeadLosses, divergence, squared_error, task_loss

__all__ = ["JointLoss", "build_loss"]


@MODELS.register_module()
class JointLoss(nn.Module):
    """Weights of Eq. (3): ``L_D + perceptual * L_P + task * L_H``.

    A term of weight 0 is not computed at all.

    With ``balance`` the weights are pulls: ``perceptual=0.5`` gives L_P the weight by
    which its gradient at the denoised image is half as long as that of L_D.

    The paper's weights, 0.5 and 0.25 (classification) or 0.5 (segmentation), go with a
    pixel unit that it does not state. The defaults gained most in front of a DeepLabV3,
    and cost 1 dB; the pulls ``perceptual=15, task=10, balance=16`` cost 0.13 to 0.29 dB
    in front of two heads (docs/results.md).

    Args:
        perceptual: lambda_P, on features as the head computes them.
        task: lambda_H, on the head's own loss.
        reconstruction: Weight of L_D, 1 in the paper.
        target: What L_H compares with: ``'labels'``, by the head's own loss, or
            ``'head'``, its own output on the clean image, which needs no labels.
        temperature: Of the softmax over classes whose distributions L_H compares with
            ``target='head'``; None takes the squared error of the outputs instead, for
            heads that give no logits over classes.
        balance: Number of batches at the start of a training over which pulls are
            measured (:class:`~.balance.Balance`); 0 takes weights as they are.
        flat: Weight, as it is, of what stays of the error on flat areas; the paper has
            no such term. See :func:`~.flat_error.flat_error`.

    Raises:
        ValueError: If a weight is negative or not finite, or if all are zero; if
            another argument is wrong.
    """

    def __init__(
        self,
        perceptual: float = 2.5e-4,
        task: float = 0.01,
        reconstruction: float = 1.0,
        target: str = "labels",
        temperature: Optional[float] = 1.0,
        balance: int = 0,
        flat: float = 0.0,
    ) -> None:
        super().__init__()
        weights = dict(
            perceptual=perceptual, task=task, reconstruction=reconstruction, flat=flat
        )
        for name, weight in weights.items():
            is_number = isinstance(weight, (int, float)) and not isinstance(
                weight, bool
            )
            if not (is_number and math.isfinite(weight) and weight >= 0):
                raise ValueError(
                    f"loss weight {name} must be finite and not negative, got "
                    f"{weight!r}"
                )
        if not any(weights.values()):
            raise ValueError("every loss weight is 0: nothing would be trained")
        self.perceptual = perceptual
        self.task = task
        self.reconstruction = reconstruction
        self.flat = flat
        if target not in ("labels", "head"):
            raise ValueError(f"target must be 'labels' or 'head', got {target!r}")
        is_number = isinstance(temperature, (int, float))
        if temperature is not None and not (is_number and 0 < temperature < math.inf):
            raise ValueError(
                f"temperature must be finite and above 0, or None; got {temperature!r}"
            )
        self.target = target
        self.temperature = temperature
        if isinstance(balance, bool) or not isinstance(balance, int) or balance < 0:
            raise ValueError(f"balance must be a number of batches, got {balance!r}")
        if balance and not reconstruction:
            raise ValueError(
                "balance measures L_P and L_H by the pull of L_D: reconstruction must "
                "be above 0"
            )
        self.balance = Balance(balance) if balance and self.needs_head else None

    @property
    def needs_clean(self) -> bool:
        """Whether a term compares with the clean image."""
        in_images = self.reconstruction > 0 or self.flat > 0
        return in_images or self.compares_in_head

    @property
    def compares_in_head(self) -> bool:
        """Whether the clean image goes through the head as well."""
        return self.perceptual > 0 or (self.task > 0 and self.target == "head")

    @property
    def task_target(self) -> Optional[str]:
        """What L_H compares with; None without L_H."""
        return self.target if self.task > 0 else None

    @property
    def needs_head(self) -> bool:
        """Whether a term passes through the head."""
        return self.perceptual > 0 or self.task > 0

    def forward(
        self,
        denoised: Tensor,
        clean: Optional[Tensor] = None,
        area: Optional[Tensor] = None,
        features: Optional[list[Tensor]] = None,
        clean_features: Optional[list[Tensor]] = None,
        feature_area: Optional[Tensor] = None,
        head_losses: Optional[HeadLosses] = None,
        output: Optional[list[Tensor]] = None,
        clean_output: Optional[list[Tensor]] = None,
    ) -> dict[str, Tensor]:
        """Weigh what is given.

        Args:
            denoised: F(x), (N, 3, H, W) in [0, 1], unclipped.
            clean: x~, the same shape.
            area: Positions of the images in ``denoised``.
            features: phi(F(x)), one tensor for each output of the tapped module.
            clean_features: phi(x~), alike.
            feature_area: Positions of the images in the head's own input.
            head_losses: What the head's ``loss`` mode returned for F(x); with
                ``target='labels'``.
            output: Tensors of the head's ``tensor`` mode for F(x); with
                ``target='head'``.
            clean_output: Those for x~.

        Returns:
            Weighted terms under ``loss_*``, which MMEngine sums; the raw terms under
            the names without it; the head's other entries as they are.
        """
        raw = {}
        if self.reconstruction > 0:
            raw["reconstruction"] = squared_error(denoised, clean, area)
        if self.perceptual > 0:
            raw["perceptual"] = sum(
                squared_error(ours, theirs, feature_area)
                for ours, theirs in zip(features, clean_features)
            )
        if self.task > 0 and self.target == "head":
            raw["task"] = sum(
                self._disagreement(ours, theirs, feature_area)
                for ours, theirs in zip(output, clean_output)
            )
        elif self.task > 0:
            raw["task"] = task_loss(head_losses)
        weights = {name: getattr(self, name) for name in raw}
        if self.balance is not None:
            weights = self.balance(raw, denoised, weights)
        if self.flat > 0:
            raw["flat"] = flat_error(denoised, clean, area)
            # Beside measured weights it is logged, and MMEngine logs tensors alone.
            weights["flat"] = denoised.new_tensor(self.flat)
        terms = {f"loss_{name}": weights[name] * raw[name] for name in raw}
        terms.update((name, value.detach()) for name, value in raw.items())
        if self.balance is not None:
            terms.update((f"weight_{name}", weights[name]) for name in raw)
        if head_losses is not None:
            terms.update((k, v) for k, v in head_losses.items() if "loss" not in k)
        return terms

    def _disagreement(
        self, ours: Tensor, theirs: Tensor, area: Optional[Tensor]
    ) -> Tensor:
        if self.temperature is None:
            return squared_error(ours, theirs, area)
        return divergence(ours, theirs, self.temperature, area)


def build_loss(config: Optional[dict], has_head: bool) -> JointLoss:
    """Build a cascade's loss; without a head and a config, L_D alone.

    Raises:
        ValueError: If a term needs a head and there is none.
    """
    if config is None:
        config = dict(type="mmdenoise.JointLoss")
        if not has_head:
            config.update(perceptual=0, task=0)
    built = MODELS.build(ConfigDict(config))
    if built.needs_head and not has_head:
        raise ValueError(
            "the perceptual and the task loss need a head: give one, or set both "
            "weights to 0"
        )
    return built
