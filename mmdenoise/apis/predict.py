"""A user's own noisy image: what the denoiser makes of it, and what the head sees."""

from __future__ import annotations

import json
import os

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from PIL import Image
from torch import nn

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.functional import quantize
from mmdenoise.registry import MODELS
from mmdenoise.visualization import colour_labels, colour_table, label_map_of
from mmdenoise.weights.mmengine_loading import safe_loading
from mmdenoise.weights.state_dicts import is_cascade, read_state_dict
from mmdenoise.weights.zoo import resolve

__all__ = [
    "image_pipeline",
    "info_of_test_set",
    "load_cascade",
    "predict_image",
    "write_prediction",
]


def predict_image(
    cfg: Config, checkpoint: str | None, image: str, device: str = "cpu"
) -> BaseDataElement:
    """Run a cascade on an image that is noisy already; no noise is added.

    Args:
        cfg: Config of a cascade, with its test pipeline.
        checkpoint: A cascade's or denoiser's checkpoint, a release, or a name in the
            zoo; None takes the config's ``denoiser_checkpoint``.
        image: Path of the image.
        device: Where to run.

    Returns:
        The head's prediction, with ``noisy`` and ``denoised`` (3, H, W) beside it.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If the image or a checkpoint is
            missing, corrupt or does not fit, by name.
    """
    if not os.path.isfile(image):
        raise FileNotFoundError(f"there is no image {image!r}")
    model = load_cascade(cfg, checkpoint, device, noise=None)
    data = Compose(image_pipeline(cfg))(dict(img_path=image))
    with torch.no_grad():
        return model.test_step(pseudo_collate([data]))[0]


@safe_loading()
def load_cascade(
    cfg: Config, checkpoint: str | None, device: str = "cpu", **changes: object
) -> nn.Module:
    """Build a config's cascade with trained weights.

    Args:
        cfg: Config of a cascade.
        checkpoint: As of :func:`predict_image`.
        device: Where to put it.
        **changes: Of the config's ``model``: ``noise=None``, for instance.

    Returns:
        The cascade in evaluation mode.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: If a checkpoint is missing, corrupt
            or does not fit, by name.
    """
    init_default_scope(cfg.get("default_scope", "mmengine"))
    config = dict(cfg.model, **changes)
    state = None
    if checkpoint is not None:
        checkpoint = resolve(checkpoint)
        state = read_state_dict(checkpoint)
        # It replaces whatever the training began from, which may be gone.
        config["denoiser_checkpoint"] = None if is_cascade(state) else checkpoint
    model = MODELS.build(config)
    if state is not None and is_cascade(state):
        model.load_state_dict(state)
    return model.to(device).eval()


def image_pipeline(cfg: Config) -> list:
    """The test pipeline without what reads a label."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    steps = [step for step in pipeline if "LoadAnnotations" not in str(step["type"])]
    # Whatever reader the config has, a truncated file must not pass.
    steps[0] = dict(type="mmdenoise.LoadImage")
    return steps


def write_prediction(sample: BaseDataElement, cfg: Config, out_dir: str) -> list[str]:
    """Write what :func:`predict_image` returned.

    ``NAME_denoised.png``, at the size at which the network saw it; for a label map
    ``NAME_labels.png`` (indices, with the data set's colours) and ``NAME_overlay.png``;
    for labels and scores ``NAME_prediction.json``.

    Returns:
        The files' paths.
    """
    name = os.path.splitext(os.path.basename(sample.img_path))[0]
    denoised = quantize(sample.denoised).permute(1, 2, 0).cpu().numpy()
    pictures = {"denoised": Image.fromarray(denoised)}
    labels = label_map_of(sample, "pred")
    if labels is not None:
        palette = info_of_test_set(cfg).get("palette", [])
        pictures["labels"] = _indexed(labels, palette)
        pictures["overlay"] = _overlay(denoised, colour_labels(labels, palette))
    written = []
    for kind, picture in pictures.items():
        written.append(os.path.join(out_dir, f"{name}_{kind}.png"))
        with atomic_path(written[-1]) as path:
            picture.save(path)
    numbers = {
        key: value.cpu().tolist()
        for key, value in sample.all_items()
        if key.startswith("pred") and isinstance(value, torch.Tensor)
    }
    if numbers:
        written.append(os.path.join(out_dir, f"{name}_prediction.json"))
        with atomic_path(written[-1]) as path, open(path, "w") as file:
            json.dump(numbers, file)
    return written


def info_of_test_set(cfg: Config) -> dict:
    """What is known of the test set's classes, without its files.

    Returns:
        ``classes`` and ``palette``, where there are any.
    """
    dataset = cfg.test_dataloader.dataset
    # A set of the host's own is registered with the host, not with us.
    with DATASETS.switch_scope_and_registry(cfg.get("default_scope")) as registry:
        info = getattr(registry.get(dataset.type), "METAINFO", {})
    return dict(info, **dataset.get("metainfo", {}))


def _indexed(labels: np.ndarray, palette: list) -> Image.Image:
    image = Image.fromarray(labels.astype(np.uint8))
    # All 256: Pillow stores indices in no more bits than a palette's length takes.
    image.putpalette(colour_table(palette).reshape(-1).tolist())
    return image


def _overlay(image: np.ndarray, colours: np.ndarray) -> Image.Image:
    front = Image.fromarray(colours).resize(image.shape[1::-1], Image.NEAREST)
    return Image.blend(Image.fromarray(image), front, 0.5)
