"""The feature extractor phi of Eq. (2): one module of the head, tapped."""

import contextlib
import difflib
from collections.abc import Iterator
from typing import Callable

from torch import Tensor, nn

__all__ = ["Tap", "float_tensors", "module_of"]

# Names that an error lists.
MOST_NAMES = 12


def module_of(head: nn.Module, name: str, option: str) -> nn.Module:
    """Return the module of that name, or say which names there are."""
    modules = dict(head.named_modules())
    if name and name in modules:
        return modules[name]
    names = [known for known in modules if known]
    near = difflib.get_close_matches(str(name), names, n=3)
    upper = [known for known in names if known.count(".") < 2]
    raise ValueError(
        f"{option}: the head has no module {name!r}"
        + (f"; did you mean {', '.join(near)}?" if near else ".")
        + f" It has {', '.join(upper)} and what they contain"
    )


class _Reached(Exception):
    """The tapped module has run; the rest of the pass is not needed."""


class Tap:
    """The feature extractor phi of Eq. (2): the output of one module of the head.

    Args:
        head: The head.
        name: A module's name in it, ``backbone.layer3`` for instance.

    Raises:
        ValueError: If there is no such module.
    """

    def __init__(self, head: nn.Module, name: str) -> None:
        self.name = name
        self._head = head
        self._module = module_of(head, name, "tap")
        self._found = False

    @contextlib.contextmanager
    def _listen(self, stop: bool) -> Iterator[list[Tensor]]:
        features: list[Tensor] = []

        def keep(module: nn.Module, args: tuple, output: object) -> None:
            if features:  # a module that runs more than once: its first output
                return
            # Copies: an in-place ReLU may follow.
            features.extend(tensor.clone() for tensor in float_tensors(output))
            if stop:
                raise _Reached

        ran: list[str] = []
        handles = [self._module.register_forward_hook(keep, prepend=True)]
        if not self._found:
            handles += self._note_others(ran)
        try:
            yield features
        except _Reached:
            pass
        finally:
            for handle in handles:
                handle.remove()
        if not features:
            raise ValueError(
                f"tap: {self.name!r} gave no features in the head's loss pass; name a "
                f"module that runs there and returns tensors: {self._nearest(ran)}"
            )
        self._found = True

    def _note_others(self, ran: list[str]) -> list:
        """Let every module of the head that returns tensors note its name."""

        def note(name: str) -> Callable:
            def hook(module: nn.Module, args: tuple, output: object) -> None:
                if next(float_tensors(output), None) is not None and name not in ran:
                    ran.append(name)

            return hook

        return [
            module.register_forward_hook(note(name))
            for name, module in self._head.named_modules()
            if name
        ]

    def _nearest(self, ran: list[str]) -> str:
        """The names most like the tap's, in the order in which they ran."""
        near = difflib.get_close_matches(self.name, ran, n=MOST_NAMES // 2, cutoff=0)
        upper = [name for name in ran if name.count(".") < 2]
        shown = [*near, *(name for name in upper if name not in near)][:MOST_NAMES]
        return ", ".join(name for name in ran if name in shown) or "none did"

    def record(self) -> "contextlib.AbstractContextManager[list[Tensor]]":
        """Record phi during a whole pass of the head.

        Yields:
            The list that holds the tapped tensors once the pass is over.
        """
        return self._listen(stop=False)

    def features_of(self, run: Callable[[], object]) -> list[Tensor]:
        """Return phi of what ``run`` puts through the head; the pass stops there."""
        with self._listen(stop=True) as features:
            run()
        return features


def float_tensors(output: object) -> Iterator[Tensor]:
    """All float tensors of an output, nested or not, in order."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from float_tensors(value)
    elif isinstance(output, (tuple, list)):
        for value in output:
            yield from float_tensors(value)
