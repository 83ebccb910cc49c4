"""Images of known noise, for what measures it."""

import numpy as np
import torch
from PIL import Image


def scene(seed=0, height=192, width=256, low=0.15, high=0.85):
    """Smooth shades and edges: (H, W, 3) in [low, high]."""
    generator = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 64
    image = np.zeros((height, width, 3))
    for _ in range(6):
        down, right, phase = generator.uniform(-1.5, 1.5, 3)
        colour = generator.uniform(0, 1, 3)
        image += np.sin(down * rows + right * columns + phase)[..., None] * colour
    # Not on a grid of 8.
    image[height // 3 + 3 : height // 2 + 6, width // 4 + 1 : width // 2 + 5] += 1
    image -= image.min()
    return low + image / image.max() * (high - low)


def noisy(image, model, seed=0):
    clean = torch.from_numpy(image).permute(2, 0, 1).float()
    generator = torch.Generator().manual_seed(seed)
    return model.add(clean, generator).permute(1, 2, 0).numpy()


def save(path, image, **options):
    """Write (H, W, C) floats in [0, 1] as 8 bits."""
    path.parent.mkdir(exist_ok=True)
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return str(path)
