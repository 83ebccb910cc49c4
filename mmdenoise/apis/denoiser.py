"""Load a denoiser by its name in the zoo, or from a file that says what it is."""

from __future__ import annotations

import inspect
import os

import torch
from torch import nn

from mmdenoise.models.denoisers import Denoiser, checked_sigma
from mmdenoise.registry import MODELS
from mmdenoise.weights.endings import READ
from mmdenoise.weights.named_weights import find_weights, load_denoiser_weights
from mmdenoise.weights.zoo import zoo_file, zoo_hint, zoo_names

__all__ = [
    "UnnamedDenoiserError",
    "denoiser_config",
    "list_denoisers",
    "load_denoiser",
    "takes_sigma",
]

OURS, DENOISERS = "mmdenoise.", "mmdenoise.models.denoisers."


class UnnamedDenoiserError(ValueError):
    """A file holds weights and does not say of what network."""


def load_denoiser(
    source: str,
    device: str | torch.device = "cpu",
    sigma: float | None = None,
    for_inference: bool = True,
) -> nn.Module:
    """Build a denoiser and load its weights, strictly, running nothing of the file.

    Args:
        source: A name in the zoo (``'multiscale_sigma25'``); a denoiser file, as
            ``mmdenoise export`` writes it; a checkpoint of a denoiser or
            cascade that records its config, as training writes it; the authors' own
            file of a DnCNN or FFDNet; or the class name of a denoiser without weights
            (``'IdentityDenoiser'``).
        device: Where to put it.
        sigma: Level of the noise in 8-bit units (25 means 25/255), for denoisers that
            take it as an argument. Others have theirs from their training.
        for_inference: Let a network that can do so take its faster form of the same
            results (its method ``for_inference``). False returns the network as it was
            trained, with its weights under their names.

    Returns:
        The denoiser in evaluation mode: RGB float (N, 3, H, W) in [0, 1] in and out.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If weights do not fit the network that the file names.
        ValueError: If the name is unknown, the file is corrupt or does not say what it
            is, the denoiser takes no ``sigma`` or needs one, or there is no such
            device.
    """
    target = _device(device)
    config, path = denoiser_config(source, sigma)
    try:
        denoiser = MODELS.build(config)
    except TypeError as error:
        raise ValueError(f"{source!r} cannot be built: {error}") from None
    if isinstance(denoiser, Denoiser):
        _tell(denoiser, source, sigma)
    if path is not None:
        load_denoiser_weights(denoiser, path, config)
    elif denoiser.state_dict():
        raise ValueError(
            f"{source!r} is a network and needs weights: name a file of them "
            f"({', '.join(READ)}), or one of the zoo: {', '.join(zoo_names())}"
        )
    denoiser.eval()
    if for_inference and hasattr(denoiser, "for_inference"):
        denoiser = denoiser.for_inference()
    return denoiser.to(target)


def list_denoisers() -> list[str]:
    """Names of the denoisers with weights that :func:`load_denoiser` has at hand.

    Example:
        >>> from mmdenoise import list_denoisers
        >>> "multiscale_blind" in list_denoisers()
        True
    """
    return zoo_names()


def denoiser_config(source: str, sigma: float | None = None) -> tuple[dict, str | None]:
    """Find out what :func:`load_denoiser` builds, and the file of its weights, if any.

    Raises:
        FileNotFoundError, ValueError: As ``load_denoiser``.
        UnnamedDenoiserError: If a file holds weights and does not say of what.
    """
    path, config, found = _resolve(source)
    if not issubclass(found, Denoiser):
        config = dict(config, **_level(source, found, config, sigma))
    return config, path


def takes_sigma(source: str) -> bool:
    """Whether :func:`load_denoiser` takes a ``sigma`` for this source.

    Raises:
        FileNotFoundError, ValueError: As ``load_denoiser``.
    """
    _, config, found = _resolve(source)
    if issubclass(found, Denoiser):
        # Some take a level or not by their options, or by their weights.
        return MODELS.build(config).takes_sigma
    return "sigma" in inspect.signature(found).parameters


def _resolve(source: str) -> tuple[str | None, dict, type]:
    """A source's file, if it has one, its config, and its class."""
    path = zoo_file(source)
    if path is None and _is_file(source):
        path = source
    config = dict(type=source) if path is None else _recorded_config(path)
    found = _denoiser_class(config["type"])
    if found is None:
        raise ValueError(
            f"no denoiser is called {config['type']!r}; the zoo has "
            f"{', '.join(zoo_names()) or 'none yet'}; else give a file of weights "
            f"({', '.join(READ)})"
        )
    # A host's default scope would look its bare name up there.
    config = dict(config, type=OURS + str(config["type"]).removeprefix(OURS))
    if path is not None and "checkpoint" in inspect.signature(found).parameters:
        # Where it finds its architecture: here, whatever file it was made of.
        config = dict(config, checkpoint=path)
    return path, config, found


def _device(name: str | torch.device) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"no device is called {name!r}: 'cpu', 'cuda'") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {str(name)!r}: PyTorch sees no CUDA GPU here")
    return device


def _is_file(source: str) -> bool:
    return os.path.isfile(source) or source.endswith(READ) or os.sep in source


def _recorded_config(path: str) -> dict:
    config = find_weights(path).recorded_denoiser()
    if config is None:
        raise UnnamedDenoiserError(
            f"{path!r} does not say what denoiser it holds: make a denoiser file of it "
            "with mmdenoise export and the training's --config"
        )
    return config


def _denoiser_class(kind: object) -> type | None:
    """Look a denoiser up among those that are registered; import nothing.

    MMEngine's registries import whatever a dotted name means, ``os.system`` included.
    """
    name = str(kind)
    name = name[len(OURS) :] if name.startswith(OURS) else name
    found = MODELS.module_dict.get(name)
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        return None
    # A cascade or a loss is a module, too, and no denoiser; others' are taken at their
    # word.
    ours, inside = (found.__module__.startswith(part) for part in (OURS, DENOISERS))
    return found if inside or not ours else None


def _tell(denoiser: Denoiser, source: str, sigma: float | None) -> None:
    """Tell a denoiser the level that it goes by.

    Raises:
        ValueError: If one is given and not taken, or needed and not given.
    """
    name = type(denoiser).__name__
    if sigma is not None and not denoiser.takes_sigma:
        checked_sigma(sigma)
        raise ValueError(
            f"{source!r} ({name}) takes no sigma, it has its level from its training; "
            f"{zoo_hint(sigma)}"
        )
    if sigma is not None:
        denoiser.sigma = sigma
    if denoiser.takes_sigma and denoiser.sigma is None:
        raise ValueError(
            f"{source!r} ({name}) needs the level of the noise: give sigma, in 8-bit "
            "units"
        )


def _level(source: str, found: type, config: dict, sigma: float | None) -> dict:
    """The argument ``sigma`` for the constructor of a plain module.

    Raises:
        ValueError: If one is given and not taken, or needed and not given.
    """
    parameter = inspect.signature(found).parameters.get("sigma")
    if sigma is None:
        if parameter is not None and config.get("sigma") is None:
            if parameter.default is parameter.empty:
                raise ValueError(
                    f"{source!r} ({found.__name__}) needs the level of the noise: give "
                    "sigma, in 8-bit units"
                )
        return {}
    checked_sigma(sigma)
    if parameter is None:
        raise ValueError(
            f"{source!r} ({found.__name__}) takes no sigma, it has its level from its "
            f"training; {zoo_hint(sigma)}"
        )
    return dict(sigma=sigma)
