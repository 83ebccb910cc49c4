"""Restoration networks of others' checkpoints, by the package ``spandrel``."""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor, nn

from mmdenoise.models.image_padding import pad_to
from mmdenoise.registry import MODELS
from mmdenoise.weights.reader import open_checkpoint
from mmdenoise.weights.state_dicts import denoiser_weights, is_cascade, weights_in
from mmdenoise.weights.strict_loading import refuse_not_finite, refuse_not_numbers

from .base import Denoiser

__all__ = ["SpandrelDenoiser"]

# Most networks of these have one input channel more: a map of the noise level.
WITH_LEVEL = ("DRUNet", "DnCNN")
INSTALL = "pip install spandrel, or make baselines in a checkout"


@MODELS.register_module()
class SpandrelDenoiser(Denoiser):
    """A network that ``spandrel`` tells from its weights: SCUNet, NAFNet, DRUNet, ...

    The package (``pip install spandrel``, MIT) knows some forty architectures by the
    names and shapes of their weights; Restormer and nine others, some of them not for
    commercial use, come with ``spandrel_extra_arches`` where that is installed. The
    network is an ordinary module, ``netG``, and can be trained on in a cascade.

    The architecture is found in the file, so ``checkpoint`` has to be there whenever
    the denoiser is built. A denoiser file or a cascade's checkpoint of a network
    trained on will do, too, and ``load_denoiser`` needs nothing beside a denoiser file.

    Args:
        checkpoint: The network's weights, in any of the files that
            :mod:`mmdenoise.weights.reader` opens; or the URL of one.
        sigma: Standard deviation of the noise in 8-bit units (25 means 25/255), for a
            network that is told it (DRUNet, FDnCNN) where no level is handed over,
            and for no other.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If the package is not installed.
        ValueError: If the file is corrupt, holds NaN, no weights, or more than weights;
            if spandrel does not know its architecture; if the network is none for RGB
            to RGB of the same size; or if ``sigma`` is wrong or has no use.
    """

    def __init__(self, checkpoint: str, sigma: float | None = None) -> None:
        super().__init__()
        if not isinstance(checkpoint, str):
            raise ValueError(
                "checkpoint must be the path of a network's weights, by which spandrel "
                f"tells what it is; got {checkpoint!r}"
            )
        what = f"checkpoint {checkpoint!r}"
        found = _open(checkpoint)
        self.architecture = found.architecture.name
        self.takes_sigma = _has_level(found)
        _refuse_other_tasks(found, self.takes_sigma, what)
        # By this name spandrel, and what is built on it, open our files, too.
        self.netG = found.model
        refuse_not_finite(self.netG.state_dict(), what)
        # What leads from an image to the network's own range and back, and takes the
        # image of several outputs. The package's public call clips, and cuts gradients
        # off; where there is a level, this one tells the network 15 whatever it is.
        self._call = _as_it_is if _is_told(found) else found._call_fn
        self._sizes = found.size_requirements
        self.stride = self._sizes.multiple_of
        self.sigma = sigma

    def estimate(self, noisy: Tensor, level: Tensor | None = None) -> Tensor:
        """Denoise (N, 3, H, W); clipped where the network itself clips."""
        height, width = noisy.shape[-2:]
        right, bottom = self._sizes.get_padding(width, height)
        image = pad_to(noisy, height + bottom, width + right)
        if level is not None:
            level = (level / 255).expand_as(noisy[:, :1])
            level = pad_to(level, height + bottom, width + right)
            image = torch.cat([image, level], dim=1)
        return self._call(self.netG, image)[..., :height, :width]

    def _name(self) -> str:
        return getattr(self, "architecture", None) or super()._name()

    def extra_repr(self) -> str:
        """What it is, as PyTorch's modules show their arguments."""
        return f"architecture={self.architecture!r}, sigma={self.sigma}"


def _open(path: str) -> object:
    """Let spandrel tell what a file holds.

    Returns:
        Its descriptor: the network, and what it is.
    """
    spandrel = _package()
    what = f"checkpoint {path!r}"
    content = open_checkpoint(path, "checkpoint")
    if isinstance(content, dict) and all(isinstance(key, str) for key in content):
        # Weights lie under params, params_ema or netG elsewhere.
        content = spandrel.canonicalize_state_dict(content)
    state = weights_in(content, what)
    if is_cascade(state):
        state = spandrel.canonicalize_state_dict(denoiser_weights(state))
    refuse_not_numbers(state, what)
    registry, hint = _architectures(spandrel)
    try:
        return registry.load(state)
    except spandrel.UnsupportedModelError:
        raise ValueError(
            f"{what} is of no architecture that spandrel knows{hint}"
        ) from None
    except Exception as error:  # architectures read shapes of keys as they come
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(
            f"{what} looks like a network of spandrel's and does not load: {reason}"
        ) from None


def _package() -> ModuleType:
    """Import the package, which costs time and may be missing, as late as possible."""
    try:
        import spandrel
    except ImportError as error:
        raise ImportError(
            f"SpandrelDenoiser needs the package spandrel ({error}): {INSTALL}"
        ) from None
    return spandrel


def _architectures(spandrel: ModuleType) -> tuple[object, str]:
    """All that is installed, and what to say where it is not enough."""
    try:
        from spandrel_extra_arches import EXTRA_REGISTRY
    except ImportError:
        return spandrel.MAIN_REGISTRY, (
            " (Restormer and others, some not for commercial use, come with "
            "pip install spandrel_extra_arches)"
        )
    registry = spandrel.MAIN_REGISTRY.copy()
    registry.add(*EXTRA_REGISTRY, ignore_duplicates=True)
    return registry, ""


def _is_told(found: object) -> bool:
    return found.architecture.id in WITH_LEVEL


def _has_level(found: object) -> bool:
    """Whether a network has one input channel more than output channels, for sigma."""
    options = found.model.hyperparameters
    return _is_told(found) and options["in_nc"] == options["out_nc"] + 1


def _as_it_is(network: nn.Module, image: Tensor) -> Tensor:
    return network(image)


def _refuse_other_tasks(found: object, has_level: bool, what: str) -> None:
    """Refuse what does not map RGB to RGB of the same size.

    Raises:
        ValueError: Naming the file, its architecture and what it does instead.
    """
    name = found.architecture.name
    if found.scale != 1:
        raise ValueError(
            f"{what} is a {name} that enlarges images {found.scale} times; a denoiser "
            "keeps their size"
        )
    if found.purpose != "Restoration":
        raise ValueError(f"{what} is a {name} for {found.purpose}, not for denoising")
    inputs = found.input_channels
    if _is_told(found):
        # The package counts the map out of every DRUNet, those without one included.
        inputs = found.model.hyperparameters["in_nc"] - has_level
    if (inputs, found.output_channels) != (3, 3):
        raise ValueError(
            f"{what} is a {name} of {inputs} to {found.output_channels} channels"
            f"{' (gray)' if found.output_channels == 1 else ''}; a denoiser maps RGB "
            "to RGB: 3 to 3"
        )
