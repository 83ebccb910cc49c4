"""How long a file and a function may be, and how many arguments a class may take."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "mmdenoise"
FILE, FUNCTION, ARGUMENTS = 300, 60, 12
# A config builds it in one line: whatever a training may set is one of its arguments.
MANY_ARGUMENTS = {"Cascade"}


def sources():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(".mim"):
            yield name, path.read_text(encoding="utf-8")


def too_large(source, name):
    """What is over a limit in a file, each with its size."""
    if source.count("\n") > FILE:
        yield f"{name}: {source.count(chr(10))} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION:
                yield f"{name}::{node.name}: {lines} lines"
        if isinstance(node, ast.ClassDef) and node.name not in MANY_ARGUMENTS:
            found = arguments(node)
            if found > ARGUMENTS:
                yield f"{name}::{node.name}: {found} arguments"


def arguments(node):
    """How many a class's own constructor takes, ``self`` aside."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            given = child.args
            return len(given.posonlyargs + given.args + given.kwonlyargs) - 1
    return 0


def test_sizes():
    found = [one for name, source in sources() for one in too_large(source, name)]
    assert found == []


def constructor(count):
    names = ", ".join(f"a{number}" for number in range(count))
    return f"    def __init__(self, {names}):\n        pass\n"


@pytest.mark.parametrize(
    "source, wrong",
    [
        ("\n" * 300, []),
        ("\n" * 301, ["x.py: 301 lines"]),
        ("def f():\n" + "    a = 1\n" * 59, []),
        ("def f():\n" + "    a = 1\n" * 60, ["x.py::f: 61 lines"]),
        ("async def f():\n" + "    a = 1\n" * 60, ["x.py::f: 61 lines"]),
        ("class A:\n" + constructor(12), []),
        ("class A:\n" + constructor(13), ["x.py::A: 13 arguments"]),
        ("class Cascade:\n" + constructor(13), []),
    ],
)
def test_what_is_too_large_is_found(source, wrong):
    assert list(too_large(source, "x.py")) == wrong
