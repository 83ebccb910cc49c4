"""The text of a config that a checkpoint keeps: parsed, and never run."""

from __future__ import annotations

import ast

__all__ = ["model_in_text", "part_in_text"]

# Its tree takes a hundred times the memory.
LONGEST = 1 << 19


def model_in_text(text: object) -> dict | None:
    """Read ``model`` out of a config's text: see :func:`part_in_text`."""
    return part_in_text(text, "model")


def part_in_text(text: object, name: str) -> object:
    """Read one of a config's parts out of its text, which may come from anyone.

    ``Config.fromstring`` would run the text. What MMEngine writes into checkpoints is
    flat: assignments of literals and of ``dict`` calls, and only those are understood.

    Returns:
        The part; None if there is none, or it is more than literals.
    """
    try:
        is_config = isinstance(text, str) and len(text) <= LONGEST
        body = ast.parse(text).body if is_config else []
        for statement in body:
            if isinstance(statement, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name
                for target in statement.targets
            ):
                return _literal(statement.value)
    except (MemoryError, RecursionError, SyntaxError, TypeError, ValueError):
        pass
    return None


def _literal(node: ast.AST) -> object:
    if isinstance(node, ast.Dict):
        keys, values = map(_literal, node.keys), map(_literal, node.values)
        return dict(zip(keys, values))
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_literal(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id == "dict":
            # Names that are no identifiers stand in a literal, dict({...}, a=1).
            found = dict(*map(_literal, node.args))
            return dict(found, **{k.arg: _literal(k.value) for k in node.keywords})
    return ast.literal_eval(node)
