"""Which room imports which: always what stands below it, and never what stands above.

cli > apis, benchmarks > visualization, evaluation, engine, datasets > models > weights,
images > registry.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "mmdenoise"
HEIGHTS = dict(
    __main__=7,
    cli=6,
    apis=5,
    benchmarks=5,
    visualization=4,
    evaluation=4,
    engine=4,
    datasets=4,
    models=3,
    weights=2,
    images=2,
)
# What is not named stands at the bottom: the registry and helpers of the whole package.
BOTTOM = 1
# The package offers these when they are asked for, and imports none.
LAZY = {"__init__.py"}
# Modules, by file and what they import, that do not keep to it yet: none may be added.
KNOWN: set[tuple[str, str]] = set()


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def height(module):
    return HEIGHTS.get(room(module), BOTTOM)


def imported(tree, module, is_package):
    """Full names of our modules that a file imports, inside functions too."""
    package = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            # ``from mmdenoise import models`` names a room by what it imports.
            names = [alias.name for alias in node.names]
            yield from (f"{start}.{name}" for name in names)


def violations(source, path):
    """What a file, by its path within the package, imports from above it."""
    parts = Path(path).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = ".".join(["mmdenoise", *(parts[:-1] if is_package else parts)])
    found = set()
    for name in imported(ast.parse(source), module, is_package):
        if name.startswith("mmdenoise.") and height(name) > height(module):
            found.add((path, room(name)))
        siblings = height(name) == height(module) and room(name) != room(module)
        if name.startswith("mmdenoise.") and siblings and height(name) > BOTTOM:
            # Rooms of one floor do not know each other, but for what is listed.
            if (room(module), room(name)) not in SIBLINGS:
                found.add((path, room(name)))
    return found


# Rooms of one floor, of which the first may import the second.
SIBLINGS = {
    ("benchmarks", "apis"),
    ("engine", "datasets"),
    ("engine", "visualization"),
    ("visualization", "evaluation"),
}


def sources():
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name not in LAZY and not name.startswith(".mim"):
            yield name, path.read_text()


def test_every_room_has_a_height():
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms <= set(HEIGHTS)


def test_imports_lead_down():
    found = set()
    for name, source in sources():
        found |= violations(source, name)
    assert found - KNOWN == set()
    assert KNOWN - found == set(), "mended: take it off the list"


@pytest.mark.parametrize(
    "path, line, wrong",
    [
        ("weights/x.py", "import mmdenoise.models", True),
        ("weights/x.py", "from mmdenoise.models.noise import a", True),
        ("weights/x.py", "from mmdenoise import apis", True),
        ("weights/x.py", "from ..engine import a", True),
        ("weights/zoo/__init__.py", "from ...cli import main", True),
        ("weights/x.py", "def f():\n    from mmdenoise.cli import main", True),
        ("models/denoisers/x.py", "from mmdenoise.apis.denoiser import a", True),
        ("registry.py", "from mmdenoise.weights import zoo", True),
        ("images/x.py", "from mmdenoise.weights import zoo", True),
        ("evaluation/x.py", "from mmdenoise.visualization import panel", True),
        ("models/x.py", "from mmdenoise.weights import zoo", False),
        ("weights/x.py", "from mmdenoise.registry import MODELS", False),
        ("weights/x.py", "from .reader import a\nimport torch", False),
        ("cli/x.py", "from mmdenoise.benchmarks import speed", False),
    ],
)
def test_a_wrong_import_is_found(path, line, wrong):
    assert bool(violations(line, path)) is wrong


def test_weights_alone_open_them():
    for name, source in sources():
        if name.startswith("weights/"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Attribute) and node.attr == "load":
                names = [ast.unparse(node)]
            else:
                continue
            opened = {"pickle", "safetensors", "h5py", "torch.load", "scipy.io"}
            roots = {
                n for n in names for o in opened if n == o or n.startswith(f"{o}.")
            }
            assert not roots, f"{name} imports {roots}: weights/ opens files"
