"""Where each term of the joint loss pulls: gradients at the noisy input (Figure 3).

Shapes: images (3, H, W), RGB in [0, 1]; maps and masks (H, W).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement, PixelData
from torch import Tensor

from mmdenoise.evaluation.psnr_ssim import quantize
from mmdenoise.visualization.gradient_maps import magnitude_picture
from mmdenoise.visualization.label_maps import label_map_of
from mmdenoise.visualization.method_panel import Block, Cell
from mmdenoise.visualization.regions import checked_region

from .load_cascade import load_cascade
from .method_images import items_of_test_set
from .test_set_info import info_of_test_set

__all__ = [
    "TERMS",
    "LossGradients",
    "gradient_block",
    "gradient_table",
    "loss_gradients",
]

TERMS = dict(reconstruction="L_D", perceptual="L_P", task="L_H")
TOP = 0.1
IGNORED = 255


class LossGradients(NamedTuple):
    """One image's gradients.

    Attributes:
        clean: The clean image.
        noisy: The noisy image, unclipped.
        energy: For each term its squared gradient at the noisy image, summed over the
            channels.
        mask: Where the object is; None where that is not known.
    """

    clean: Tensor
    noisy: Tensor
    energy: dict[str, Tensor]
    mask: Tensor | None

    def top_share(self, term: str) -> float:
        """Share of a term's energy in the 10% of pixels that hold the most of it."""
        energy = self.energy[term].flatten()
        most = energy.topk(math.ceil(TOP * energy.numel())).values
        return (most.sum() / energy.sum()).item()

    def object_share(self, term: str) -> float:
        """Share of a term's energy on the object; NaN where that is not known."""
        if self.mask is None:
            return math.nan
        energy = self.energy[term]
        return (energy[self.mask].sum() / energy.sum()).item()

    @property
    def object_area(self) -> float:
        """The object's share of the picture; NaN where that is not known."""
        return math.nan if self.mask is None else self.mask.double().mean().item()


def loss_gradients(
    cfg: Config,
    checkpoint: str | None,
    indices: Sequence[int],
    boxes: Sequence[Sequence[int]] = (),
    device: str = "cpu",
) -> Iterator[LossGradients]:
    """Measure the gradient of each term alone at the noisy input of a cascade.

    The object is what a label map says is no background, what a detector's boxes hold,
    or what ``boxes`` give.

    Args:
        cfg: Config of a cascade with a head, a tap and a noise; its loss weights play
            no part.
        checkpoint: A cascade's or denoiser's checkpoint, a denoiser file, or a name in
            the zoo; None takes the config's ``denoiser_checkpoint``.
        indices: Images of the test set.
        boxes: x, y, width and height of each image's object, in pixels of what the
            denoiser gets.
        device: Where to run.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If the config has no head or noise,
            or a file, an index or a box is wrong, by name.
    """
    for part in ("head", "noise"):
        if cfg.model.get(part) is None:
            raise ValueError(f"the gradients need a cascade with model.{part}")
    if boxes and len(boxes) != len(indices):
        raise ValueError(f"got {len(boxes)} boxes for {len(indices)} images")
    has_tap = cfg.model.get("tap") is not None
    loss = dict(type="mmdenoise.JointLoss", perceptual=int(has_tap), task=1)
    model = load_cascade(cfg, checkpoint, device, loss=loss)
    # Not model.eval(): head_train_branches give their form of output in training only.
    model.train().denoiser.eval()
    classes = info_of_test_set(cfg).get("classes", ())
    items = items_of_test_set(cfg, indices)
    for number, item in enumerate(items):
        box = boxes[number] if boxes else None
        yield _gradients(model, item, classes, box)


def _gradients(
    model: torch.nn.Module,
    item: dict,
    classes: Sequence[str],
    box: Sequence[int] | None,
) -> LossGradients:
    batch = model.data_preprocessor(pseudo_collate([item]), False)
    noisy, sigma = batch.pop("inputs").requires_grad_(), batch.pop("sigma")
    size = tuple(noisy.shape[-2:])
    (sample,) = batch["data_samples"]
    _fit_labels(sample, size, tuple(batch["canvas"].frame.shape[-2:]))
    mask = _object_mask(sample, size, classes, box)
    terms = model.loss(model.denoise(noisy, sigma), **batch)
    energy = {}
    for name, symbol in TERMS.items():
        if f"loss_{name}" in terms:
            value = terms[f"loss_{name}"]
            (found,) = torch.autograd.grad(value, noisy, retain_graph=True)
            energy[symbol] = found[0].double().square().sum(0).cpu()
            if not energy[symbol].sum() > 0:
                raise ValueError(f"{symbol} has no gradient at the noisy input")
    clean = batch["clean"][0].cpu()
    return LossGradients(clean, noisy[0].detach().cpu(), energy, mask)


def _fit_labels(
    sample: BaseDataElement, size: tuple[int, int], frame: tuple[int, int]
) -> None:
    """Bring a label map to the image's size, and then to the head's padded frame.

    Hosts load the labels of test images at the files' own size.
    """
    for name, field in sample.all_items():
        if name.startswith("gt") and isinstance(field, PixelData):
            labels = field.data[None].double()
            if tuple(labels.shape[-2:]) != size:
                labels = F.interpolate(labels, size, mode="nearest-exact")
            right, bottom = frame[1] - size[1], frame[0] - size[0]
            labels = F.pad(labels, (0, right, 0, bottom), value=IGNORED)
            fitted = PixelData(data=labels[0].to(field.data))
            sample.set_field(fitted, name, dtype=PixelData)


def _object_mask(
    sample: BaseDataElement,
    size: tuple[int, int],
    classes: Sequence[str],
    box: Sequence[int] | None,
) -> Tensor | None:
    height, width = size
    corners: list = []
    if box is not None:
        x, y, across, down = checked_region(box, height, width)
        corners = [(x, y, x + across, y + down)]
    elif (labels := label_map_of(sample, "gt")) is not None:
        if "background" not in classes:
            return None
        labels = torch.from_numpy(labels[:height, :width])
        return (labels != list(classes).index("background")) & (labels != IGNORED)
    elif "gt_instances" in sample:
        boxes = sample.gt_instances.bboxes
        corners = getattr(boxes, "tensor", boxes).round().int().tolist()
    if not corners:
        return None
    mask = torch.zeros(size, dtype=torch.bool)
    for left, top, right, bottom in corners:
        mask[max(top, 0) : bottom, max(left, 0) : right] = True
    return mask


def gradient_block(found: LossGradients) -> Block:
    """One image of the picture: clean, noisy, and a map for each term."""
    cells = {
        "clean": Cell(_picture(found.clean), _share("object: {} of the area", found)),
        "noisy": Cell(_picture(found.noisy)),
    }
    for term, energy in found.energy.items():
        caption = f"top 10%: {found.top_share(term):.0%}"
        if found.mask is not None:
            caption += f", object: {found.object_share(term):.0%}"
        cells[f"gradient of {term}"] = Cell(magnitude_picture(energy.numpy()), caption)
    return Block(cells)


def _share(text: str, found: LossGradients) -> str:
    return "" if found.mask is None else text.format(f"{found.object_area:.0%}")


def _picture(image: Tensor) -> np.ndarray:
    return quantize(image).permute(1, 2, 0).numpy()


def gradient_table(indices: Sequence[int], found: Sequence[LossGradients]) -> str:
    """Shares of the energy in Markdown: a row an image and a term, means last."""
    lines = [
        "| image | term | energy in the top 10% of pixels | on the object | its area |",
        "|---|---|---:|---:|---:|",
    ]
    means: dict[str, list[tuple[float, float, float]]] = {}
    for index, one in zip(indices, found):
        for term in one.energy:
            row = (one.top_share(term), one.object_share(term), one.object_area)
            means.setdefault(term, []).append(row)
            lines.append(f"| {index} | {term} | " + _cells(row))
    if len(found) > 1:
        for term, rows in means.items():
            lines.append(f"| mean | {term} | " + _cells(np.mean(rows, axis=0)))
    return "\n".join(lines)


def _cells(shares: Sequence[float]) -> str:
    return " | ".join("–" if s != s else f"{s:.1%}" for s in shares) + " |"
