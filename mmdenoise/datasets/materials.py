"""Materials of the generated set: textures with periods of four to nine pixels.

Each is a function of the position along (u) and across (v) the material, in pixels:
``(H, W), (H, W), rng -> (H, W)``, all float64, in a unit of its own.
"""

import math
from typing import Callable

import numpy as np

__all__ = ["MATERIALS", "material_texture"]

Rng = np.random.Generator
Texture = Callable[[np.ndarray, np.ndarray, Rng], np.ndarray]


def _fabric(u: np.ndarray, v: np.ndarray, rng: Rng) -> np.ndarray:
    """Plain weave: threads along u and v take turns on top."""
    period = rng.uniform(4.5, 6.0)
    u, v = u / period, v / period
    over = (np.floor(u) + np.floor(v)) % 2 == 0
    return np.sin(np.pi * np.where(over, u % 1, v % 1))


def _corduroy(u: np.ndarray, v: np.ndarray, rng: Rng) -> np.ndarray:
    """Straight ribs along v."""
    period = rng.uniform(5.0, 7.0)
    return np.sin(2 * np.pi * u / period)


def _brick(u: np.ndarray, v: np.ndarray, rng: Rng) -> np.ndarray:
    """Running bond: courses shifted by half a brick, thin dark joints."""
    height = rng.uniform(6.0, 7.5)
    length = 2.0 * height
    row = np.floor(v / height)
    u = u + 0.5 * length * (row % 2)
    joint = np.minimum(
        np.abs((u + length / 2) % length - length / 2),
        np.abs((v + height / 2) % height - height / 2),
    )
    return -np.exp(-((joint / 0.9) ** 2))


def _scales(u: np.ndarray, v: np.ndarray, rng: Rng) -> np.ndarray:
    """Rows of overlapping round scales, each darker towards its root."""
    width = rng.uniform(7.0, 9.0)
    u, v = u / width, 2.0 * v / width
    row = np.floor(v)
    shade = np.zeros_like(u)
    # A scale reaches over two rows: paint the farther row first, the nearer over it.
    for step in (0, 1):
        centre = row - step
        across = (u + 0.5 * (centre % 2)) % 1 - 0.5
        along = (v - centre) / 2
        radius = np.sqrt(across**2 + along**2)
        shade = np.where(radius < 0.5, 1.0 - (2 * radius) ** 2, shade)
    return shade


def _stone(u: np.ndarray, v: np.ndarray, rng: Rng) -> np.ndarray:
    """Grain without direction: many plane waves of like period, at random angles."""
    grain = np.zeros_like(u)
    for _ in range(24):
        angle, phase = rng.uniform(0.0, 2 * math.pi, 2)
        wave = 2 * math.pi / rng.uniform(5.0, 8.0)
        grain += np.sin(wave * (math.cos(angle) * u + math.sin(angle) * v) + phase)
    return grain


MATERIALS: dict[str, Texture] = {
    "fabric": _fabric,
    "corduroy": _corduroy,
    "brick": _brick,
    "scales": _scales,
    "stone": _stone,
}


def material_texture(name: str, x: np.ndarray, y: np.ndarray, rng: Rng) -> np.ndarray:
    """Draw a material at a random angle, place and period, slightly bent.

    Args:
        name: One of ``MATERIALS``.
        x: Column of each pixel, (H, W) float64.
        y: Row of each pixel, the same shape.
        rng: Where angle, place, period and bend come from.

    Returns:
        (H, W) float64 with mean 0 and variance 1 over the given pixels, so that
        neither brightness nor contrast says which material it is.
    """
    angle = rng.uniform(0.0, 2 * math.pi)
    # A slow bend, as of cloth: straight lattices would give the class away from afar.
    bend, (phase_x, phase_y) = rng.uniform(0.5, 1.5), rng.uniform(0, 2 * math.pi, 2)
    x = x + bend * np.sin(y / 11.0 + phase_x)
    y = y + bend * np.sin(x / 11.0 + phase_y)
    u = math.cos(angle) * x + math.sin(angle) * y + rng.uniform(0, 64)
    v = math.cos(angle) * y - math.sin(angle) * x + rng.uniform(0, 64)
    pattern = MATERIALS[name](u, v, rng)
    return (pattern - pattern.mean()) / pattern.std()
