"""Check what the documents say: links, placeholders, commands and their options.

python .ci/check_docs.py [FILE ...]      # every Markdown file that git tracks

A line a fault, and exit code 1 if there is one.
"""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
PLACEHOLDER = re.compile(
    r"\b(TBD|TODO|FIXME|XX\.X|[A-Z]{2,}TIME|coming soon|to be (?:done|measured))\b"
)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
FILE = re.compile(r"(?<![\w/.{}$])(?:configs|tools)/[\w/.-]+\.(?:py|sh)\b")
# What is gone is told there.
HISTORY = "CHANGELOG.md"
# What a page may show of other programs.
OTHERS = ("pip", "git", "torchrun", "mkdocs")


def main(names: list[str]) -> int:
    """Check the named files, or all; return the exit code."""
    if not names:
        listed = subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT)
        names = listed.decode().split()
    faults = [
        f"{name}:{line}: {fault}"
        for name in names
        for line, fault in sorted(faults_of(Path(ROOT, name)))
    ]
    print("\n".join(faults) or f"{len(names)} documents: no fault found")
    return 1 if faults else 0


def faults_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the description of each fault of a document."""
    text = path.read_text(encoding="utf-8")
    prose = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in PLACEHOLDER.finditer(prose):
        yield _line(prose, match), f"placeholder {match[0]!r}"
    for match in LINK.finditer(prose):
        fault = dead_link(path, match[1])
        if fault:
            yield _line(prose, match), fault
    if path.name == HISTORY:
        return
    for match in FILE.finditer(text):
        if not (ROOT / match[0]).is_file():
            yield _line(text, match), f"there is no {match[0]}"
    for block in FENCE.finditer(text):
        if block[1] in ("bash", "sh", "console"):
            for number, command in commands_of(block[2]):
                for fault in command_faults(command):
                    yield _line(text, block) + number, fault
    for match in INLINE.finditer(prose):
        for option in OPTION.findall(match[1]):
            if match[1].split()[0] not in OTHERS and option not in all_options():
                yield _line(prose, match), f"no command has the option {option}"


def _line(text: str, match: re.Match) -> int:
    return text.count("\n", 0, match.start()) + 1


def dead_link(page: Path, target: str) -> str | None:
    """Say what is wrong with a link of a page, if it is one within the project."""
    if re.match(r"[a-z]+:", target):
        return None
    name, _, anchor = target.partition("#")
    found = page if not name else (page.parent / name).resolve()
    if not found.exists():
        return f"dead link {target}"
    if anchor and found.suffix == ".md" and anchor not in anchors(found):
        return f"dead link {target}: no such heading"
    return None


@functools.cache
def anchors(page: Path) -> frozenset[str]:
    """Names of a page's headings, as they stand in links."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return frozenset(
        re.sub(r"[^\w -]", "", heading.replace("`", "").lower()).replace(" ", "-")
        for heading in headings
    )


def commands_of(block: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each command of a shell block with its line, continued lines joined."""
    number, joined = 0, ""
    for offset, line in enumerate(block.splitlines(), 1):
        number = number if joined else offset
        joined += line.removesuffix("\\") + " "
        if line.endswith("\\"):
            continue
        try:
            words = shlex.split(joined.strip().removeprefix("$ "), comments=True)
        except ValueError:
            words = []
        joined = ""
        if words:
            yield number, words


def command_faults(words: list[str]) -> Iterator[str]:
    """Yield what is wrong with a command of ours; others' pass."""
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    if words[:1] == ["make"]:
        targets = (ROOT / "Makefile").read_text(encoding="utf-8")
        for word in words[1:]:
            if not re.search(rf"^{re.escape(word)}:", targets, re.MULTILINE):
                yield f"the Makefile has no target {word!r}"
        return
    names = [word.rpartition("/")[2] for word in words[:3]]
    if "mmdenoise" not in names:
        return
    rest = words[names.index("mmdenoise") + 1 :]
    named = [word for word in rest if not word.startswith("-")]
    if not named:
        return
    command = tuple(named[:2]) if named[0] in GROUPS else tuple(named[:1])
    known = options_of(command)
    if known is None:
        yield f"there is no command 'mmdenoise {' '.join(command)}'"
        return
    for option in OPTION.findall(" ".join(rest)):
        if option not in known:
            yield f"'mmdenoise {' '.join(command)}' has no option {option}"


GROUPS = ("benchmark", "study", "data")


@functools.cache
def options_of(command: tuple[str, ...]) -> frozenset[str] | None:
    """Options of a command, by its own help; None if there is no such command."""
    shown = subprocess.run(
        [sys.executable, "-m", "mmdenoise", *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return frozenset(OPTION.findall(shown.stdout)) if shown.returncode == 0 else None


@functools.cache
def all_options() -> frozenset[str]:
    """Options of all commands."""
    shown = subprocess.run(
        [sys.executable, "-m", "mmdenoise", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = re.findall(r"^ {2,4}([a-z]+)\b", shown, re.MULTILINE)
    found = set(OPTION.findall(shown))
    for name in names:
        if name in GROUPS:
            inner = subprocess.run(
                [sys.executable, "-m", "mmdenoise", name, "--help"],
                cwd=ROOT,
                capture_output=True,
                text=True,
            ).stdout
            for sub in re.findall(r"^ {2,4}([a-z]+)\b", inner, re.MULTILINE):
                found |= options_of((name, sub)) or set()
        found |= options_of((name,)) or set()
    return frozenset(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
