"""ImageNet-C's noises at their five severities.

Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common
Corruptions and Perturbations", ICLR 2019; numbers from its published
``ImageNet-C/create_c/make_imagenet_c.py``. Speckle is one of its four corruptions for
validation. Its files were truncated to 8 bits and stored as JPEG of quality 85 after a
resize and a central crop to 224x224; here values are rounded, at the size of the
image, and JPEG follows where ``jpeg=85`` asks for it.
"""

from __future__ import annotations

from mmdenoise.registry import MODELS

from .base import NoiseModel

__all__ = ["IMAGENET_C", "imagenet_c_noise"]

# Standard deviations are of values in [0, 1] there; photons and shares are as here.
IMAGENET_C = {
    "gaussian": ("GaussianNoise", "sigma", (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot": ("PoissonGaussianNoise", "peak", (60, 25, 12, 5, 3)),
    "impulse": ("ImpulseNoise", "amount", (0.03, 0.06, 0.09, 0.17, 0.27)),
    "speckle": ("SpeckleNoise", "sigma", (0.15, 0.2, 0.35, 0.45, 0.6)),
}


@MODELS.register_module(name="ImageNetCNoise")
def imagenet_c_noise(
    kind: str,
    severity: int,
    seed: int = 0,
    clip: bool = True,
    quantise: bool = True,
    jpeg: int | tuple[int, int] | None = None,
) -> NoiseModel:
    """Build one of ImageNet-C's noises, clipped and rounded to 8 bits by default.

    In a config: ``noise=dict(type='mmdenoise.ImageNetCNoise', kind='shot',
    severity=3)``.

    Args:
        kind: ``'gaussian'``, ``'shot'``, ``'impulse'`` or ``'speckle'``.
        severity: 1 to 5.
        seed: This and all that follow are as of :class:`NoiseModel`.
        clip: Clip to [0, 1].
        quantise: Round to 8 bits.
        jpeg: Compress as JPEG.

    Raises:
        ValueError: If there is no such kind or severity.

    Example:
        >>> imagenet_c_noise("shot", severity=3).peak
        12.0
    """
    if kind not in IMAGENET_C:
        raise ValueError(
            f"ImageNet-C has the noises {', '.join(IMAGENET_C)}, none of kind {kind!r}"
        )
    if severity not in range(1, 6) or isinstance(severity, bool):
        raise ValueError(f"ImageNet-C has severities 1 to 5, got {severity!r}")
    name, argument, values = IMAGENET_C[kind]
    value = values[int(severity) - 1] * (255 if argument == "sigma" else 1)
    options = dict(seed=seed, clip=clip, quantise=quantise, jpeg=jpeg)
    return MODELS.build({"type": f"mmdenoise.{name}", argument: value, **options})
