"""``torch.compile`` of the denoiser, as a whole."""

from collections.abc import Sequence
from typing import Union

from torch import nn

from .recompute import OPTION

__all__ = ["compile_whole"]


def compile_whole(
    module: nn.Module, options: Union[bool, dict], recomputed: Sequence[str]
) -> None:
    """Compile the denoiser in place: names of weights and modules stay as they are.

    Args:
        module: The denoiser.
        options: Of ``torch.compile``, or True for none; False compiles nothing.
        recomputed: Names of modules of the cascade that are computed again.

    Raises:
        ValueError: If one of those lies in the denoiser.
    """
    if options is False:
        return
    inside = [name for name in recomputed if name.startswith("denoiser")]
    if inside:
        raise ValueError(
            f"compile_denoiser: {inside[0]!r} of {OPTION} lies in the denoiser, which "
            "is compiled as a whole: choose one"
        )
    module.compile(**({} if options is True else options))
