"""Turn any name of weights into weights, and say what they are.

A name is one of the zoo, a path or a URL. What is there may be a denoiser file, a
checkpoint of a cascade or of a denoiser, a bare state dict, the authors' own file of a
DnCNN or FFDNet, or a task network's weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mmengine.config import ConfigDict
from torch import Tensor, nn

from mmdenoise.registry import MODELS
from mmdenoise.weights.authors_networks import recognise
from mmdenoise.weights.config_record import model_in_text
from mmdenoise.weights.denoiser_file import (
    info_in,
    recorded_denoiser,
    whole_config,
)
from mmdenoise.weights.denoiser_table import checked_denoiser
from mmdenoise.weights.reader import local_path, open_checkpoint
from mmdenoise.weights.shortened import shortened
from mmdenoise.weights.state_dicts import denoiser_weights, is_cascade, weights_in
from mmdenoise.weights.strict_loading import load_strictly, refuse_not_finite
from mmdenoise.weights.zoo import resolve

__all__ = [
    "Weights",
    "check_denoiser_weights",
    "find_weights",
    "load_denoiser_weights",
]

EXPECTED = (
    "expected a denoiser file, a cascade's checkpoint or a denoiser's own; a task "
    "network's goes to head_checkpoint"
)
# Options by which networks of the same weights and the same results may differ; by
# ``checkpoint`` a denoiser names the file that its architecture is found in.
FREE = ("checkpoint", "init_cfg", "sigma")
OURS = "mmdenoise."
BATCH_NORMS = ("BN", "BN2d", "SyncBN", "MMSyncBN")


@dataclass(frozen=True)
class Weights:
    """What a name stands for.

    Attributes:
        source: The name, as it was given.
        path: The file on this machine.
        content: All that the file holds: dicts, numbers, texts, tensors.
        state: Its weights by key, whosever they are.
        info: What a denoiser file says of itself; None for another kind of file.
    """

    source: str
    path: str
    content: object
    state: dict[str, Tensor]
    info: dict[str, str] | None

    @property
    def is_cascade(self) -> bool:
        """Whether these are a cascade's, of which the denoiser is a part."""
        return is_cascade(self.state)

    @property
    def denoiser_state(self) -> dict[str, Tensor]:
        """The weights under the denoiser's own names."""
        return denoiser_weights(self.state)

    def recorded_denoiser(self) -> dict | None:
        """What the file says, or shows, of its denoiser.

        A denoiser file's record, the config that training keeps in a checkpoint, or
        the network that its authors' names and shapes tell.

        Returns:
            A config within :mod:`.denoiser_table`; None if the file does not say.

        Raises:
            ValueError: If it says what no file may say.
        """
        what = repr(self.source)
        if self.info is not None:
            return checked_denoiser(recorded_denoiser(self.info, what), what)
        meta = self.content.get("meta") if isinstance(self.content, dict) else None
        model = model_in_text(meta.get("cfg")) if isinstance(meta, dict) else None
        if isinstance(model, dict) and isinstance(model.get("denoiser"), dict):
            return checked_denoiser(model["denoiser"], what)
        published = recognise(self.state, what)
        return None if published is None else published[0]


def find_weights(source: str, what: str = "checkpoint") -> Weights:
    """Find out what a name of weights stands for; run nothing of the file.

    Args:
        source: A name in the zoo, a path, or a URL, which is downloaded once.
        what: The name of the option it was given as, for the error.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is corrupt, holds no weights, or more than data.
    """
    path = resolve(source)
    content = open_checkpoint(path, what)
    state = weights_in(content, f"{what}: {source!r}")
    local = local_path(path)
    return Weights(source, local, content, state, info_in(local, content))


def check_denoiser_weights(source: str, config: Mapping) -> None:
    """Raise what :func:`load_denoiser_weights` would for the denoiser of a config."""
    load_denoiser_weights(MODELS.build(ConfigDict(config)), source, config)


def load_denoiser_weights(denoiser: nn.Module, source: str, config: Mapping) -> None:
    """Load a denoiser's weights, strictly.

    Args:
        denoiser: The network, built.
        source: As for :func:`find_weights`.
        config: What the network was built of; a denoiser file must say the same.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If weights do not fit, or are those of another architecture.
        ValueError: If the file is corrupt, holds no weights, or NaN among them.
    """
    what = f"denoiser_checkpoint {source!r}"
    found = find_weights(source, "denoiser_checkpoint")
    if found.info is not None:
        _check_architecture(what, found.info, config)
    state = found.denoiser_state
    try:
        load_strictly(denoiser, state, what)
    except RuntimeError as error:
        if set(state) & set(denoiser.state_dict()):
            raise
        raise RuntimeError(f"{error}; {EXPECTED}") from None
    refuse_not_finite(state, what)


def _check_architecture(what: str, info: Mapping[str, str], config: Mapping) -> None:
    """Compare configs: networks of other options can have weights of the same shapes.

    Raises:
        RuntimeError: Naming both.
    """
    ours = whole_config(config)
    try:
        theirs = recorded_denoiser(info, what)
        kind = str(theirs.get("type")).removeprefix(OURS)
        if kind == ours["type"].removeprefix(OURS):
            # What is built is what the config says, also a class that no file may name.
            theirs = whole_config(dict(theirs, type=config["type"]))
        else:
            theirs = whole_config(checked_denoiser(theirs, what))
    except ValueError as error:
        raise RuntimeError(str(error)) from None
    names = [
        name
        for name in {**ours, **theirs}
        if name not in FREE
        and _comparable(ours.get(name)) != _comparable(theirs.get(name))
    ]
    if names:
        raise RuntimeError(
            f"{what} is a denoiser file of {_said(theirs, names)}, and the config "
            f"builds {_said(ours, names)}"
        )


def _comparable(option: object) -> object:
    """Norm layers that differ in how they train, and not in what they are."""
    if isinstance(option, dict) and option.get("type") in BATCH_NORMS:
        kept = {k: v for k, v in option.items() if k not in ("requires_grad",)}
        return dict(kept, type="BN")
    return option


def _said(config: Mapping, names: list[str]) -> str:
    options = [f"{n}={config[n]!r}" for n in names if n in config and n != "type"]
    return shortened(f"{config['type']}({', '.join(options)})", 300)
