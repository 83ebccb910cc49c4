"""Tables of results: rows and columns as text, in Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

__all__ = [
    "NONE",
    "cell_text",
    "csv_text",
    "interval_text",
    "latex_table",
    "markdown_table",
    "table",
]

NONE = "–"
LATEX = {"σ": r"$\sigma$", "±": r"$\pm$", "–": "--", "−": "$-$"}
LATEX |= {character: f"\\{character}" for character in "%&_#$"}


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown; columns but the first are flush right."""
    rule = "|---|" + "---:|" * (len(names) - 1)
    return "\n".join([_markdown_line(names), rule, *map(_markdown_line, rows)])


def _markdown_line(cells: Sequence[str]) -> str:
    escaped = [cell.replace("|", "\\|") for cell in cells]
    return "|" + "|".join(f" {cell} " if cell else " " for cell in escaped) + "|"


def latex_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table for LaTeX with the package ``booktabs``.

    Cells that Markdown prints bold (``**9.5**``) are bold here, too.
    """
    lines = [r"\begin{tabular}{l" + "r" * (len(names) - 1) + "}", r"\toprule"]
    lines += [_latex_line(names), r"\midrule", *map(_latex_line, rows)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _latex_line(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_cell, cells)) + r" \\"


def _latex_cell(text: str) -> str:
    bold = text.startswith("**") and text.endswith("**") and len(text) > 4
    text = text[2:-2] if bold else text
    text = "".join(LATEX.get(character, character) for character in text)
    return rf"\textbf{{{text}}}" if bold else text


def interval_text(value: float, low: float, high: float) -> str:
    """Write a difference and its interval: ``+5.28 [+0.833, +9.72]``."""
    # What cancels leaves a remainder of rounding, which is 0.
    parts = (0.0 if abs(one) < 1e-9 else one for one in (value, low, high))
    return "{:+.3g} [{:+.3g}, {:+.3g}]".format(*parts)


def csv_text(lines: Iterable[Sequence[object]]) -> str:
    """Write lines as CSV."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()


def table(
    rows: Mapping[str, Mapping[str, tuple[float, float]]], keys: Sequence[str]
) -> str:
    """Lay the summaries of several methods out in Markdown; a dash where one has none.

    Args:
        rows: By the method's name, mean and spread by the metric's.
        keys: The columns.
    """
    # Two digits are few for what lies in [0, 1], as SSIM does.
    digits = {
        key: 2
        if any(abs(row[key][0]) > 1 for row in rows.values() if key in row)
        else 4
        for key in keys
    }
    lines = [
        [name, *(cell_text(row.get(key), digits[key]) for key in keys)]
        for name, row in rows.items()
    ]
    return markdown_table(["", *keys], lines)


def cell_text(value: tuple[float, float] | None, digits: int) -> str:
    """Print a mean and its spread; ``exact`` for an infinite PSNR."""
    if value is None:
        return NONE
    mean, spread = value
    if np.isinf(mean):
        return "exact"
    text = f"{mean:.{digits}f}"
    return text + (f" ± {spread:.{digits}f}" if spread > 0 else "")
