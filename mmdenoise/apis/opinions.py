"""From files of raters' answers to opinion scores (Section IV-B1, Figure 5)."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.opinions import (
    Screened,
    bradley_terry,
    bradley_terry_interval,
    check_scipy,
    kendall_w,
    mean_opinion_scores,
    screen_bt500,
    screen_chance,
    screen_p910,
)
from mmdenoise.output_checks import refuse_existing
from mmdenoise.visualization.opinion_chart import plot_opinions
from mmdenoise.visualization.opinion_page import ANSWER_FORMAT, KEY_FORMAT

__all__ = [
    "SCREENINGS",
    "Opinions",
    "collect_opinions",
    "read_answers",
    "write_opinions",
]

SCREENINGS: dict[str, Callable[[np.ndarray], list[Screened]]] = {
    "chance": screen_chance,
    "p910": screen_p910,
    "bt500": screen_bt500,
    "none": lambda scores: [],
}


@dataclass
class Opinions:
    """What raters think of some methods.

    Attributes:
        methods: Names, M of them.
        means: (M,) mean opinion scores, 1 (worst) to M (best).
        halves: (M,) half widths of their 95% intervals; NaN of one rater.
        strengths: (M,) Bradley-Terry scores, of mean 0.
        strength_interval: (2, M) their 95% bootstrap intervals.
        first: (M,) share of the rankings in which a method is the best.
        agreement: (I,) Kendall's W of each image.
        raters: How many answers count.
        images: How many images were ranked.
        screened: Files whose answers do not count, and why.
    """

    methods: list[str]
    means: np.ndarray
    halves: np.ndarray
    strengths: np.ndarray
    strength_interval: np.ndarray
    first: np.ndarray
    agreement: np.ndarray
    raters: int
    images: int
    screened: dict[str, str]

    def markdown(self) -> str:
        """A table, best first, and what it rests on."""
        lines = [
            "| method | mean opinion score | Bradley-Terry score | ranked best |",
            "|---|---:|---:|---:|",
        ]
        for i in np.argsort(-self.means, kind="stable"):
            low, high = self.strength_interval[:, i]
            half = self.halves[i]
            mean = f"{self.means[i]:.2f}" + (f" ± {half:.2f}" if half == half else "")
            bounds = f" [{low:+.2f}, {high:+.2f}]" if half == half else ""
            cells = f"{mean} | {self.strengths[i]:+.2f}{bounds} | {self.first[i]:.0%}"
            lines.append(f"| {self.methods[i]} | {cells} |")
        low, high = self.agreement.min(), self.agreement.max()
        lines += [
            "",
            f"{self.raters} rater{'s' * (self.raters != 1)}, {self.images} "
            f"image{'s' * (self.images != 1)}; 95% intervals. Kendall's W "
            f"{self.agreement.mean():.2f} on average, images: {low:.2f} to {high:.2f}.",
        ]
        for name, reason in self.screened.items():
            lines.append(f"Screened out: {name}: {reason}.")
        return "\n".join(lines)

    def csv(self) -> str:
        """All digits, a row a method."""
        file = io.StringIO()
        writer = csv.writer(file)
        columns = ["method", "mos", "mos_half_interval", "bradley_terry"]
        columns += ["bradley_terry_low", "bradley_terry_high", "ranked_best"]
        writer.writerow(columns)
        rows = zip(
            self.means,
            self.halves,
            self.strengths,
            *self.strength_interval,
            self.first,
        )
        for method, row in zip(self.methods, rows):
            writer.writerow([method, *map(float, row)])
        return file.getvalue()


def collect_opinions(
    key_path: str, paths: Sequence[str], screening: str = "chance"
) -> Opinions:
    """Score methods by raters' rankings.

    Args:
        key_path: The study's key.
        paths: Files that the page saved, one a rater.
        screening: Whom to discard: ``'chance'``, those who agree with the others no
            better than chance; ``'p910'`` or ``'bt500'``, by the rule of ITU-T P.910 or
            ITU-R BT.500; or ``'none'``.

    Raises:
        FileNotFoundError, ValueError: If the key or an answer cannot be used: every bad
            file, a line each.
        ImportError: If scipy is missing.
    """
    check_scipy()
    key = _read_key(key_path)
    scores = read_answers(key, paths)
    screened = SCREENINGS[screening](scores)
    out = [one.rater for one in screened]
    kept = np.delete(scores, out, axis=0)
    if 2 * len(kept) < len(scores):
        raise ValueError(
            f"the screening {screening!r} discards {len(out)} of {len(scores)} raters: "
            "they do not agree on these images; --screening none counts them all"
        )
    means, halves = mean_opinion_scores(kept)
    return Opinions(
        methods=key["methods"],
        means=means,
        halves=halves,
        strengths=bradley_terry(kept),
        strength_interval=bradley_terry_interval(kept),
        first=(kept == kept.shape[2]).mean(axis=(0, 1)),
        agreement=kendall_w(kept),
        raters=len(kept),
        images=kept.shape[1],
        screened={paths[one.rater]: one.reason for one in screened},
    )


def write_opinions(opinions: Opinions, out: str, overwrite: bool = False) -> list[str]:
    """Write ``opinions.md``, ``opinions.csv`` and the chart ``opinions.png``.

    Args:
        opinions: From :func:`collect_opinions`.
        out: Folder for the files.
        overwrite: Replace files of these names.

    Returns:
        The files' paths.

    Raises:
        FileExistsError: If one is there already.
        ImportError: If matplotlib is missing.
    """
    paths = [os.path.join(out, f"opinions.{kind}") for kind in ("md", "csv", "png")]
    refuse_existing(paths, overwrite)
    chart = plot_opinions(
        opinions.methods, opinions.means, opinions.halves, opinions.raters
    )
    for path, text in zip(paths, (opinions.markdown() + "\n", opinions.csv())):
        with atomic_path(path) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    with atomic_path(paths[2]) as temporary:
        chart.savefig(temporary)
    return paths


def read_answers(key: dict, paths: Sequence[str]) -> np.ndarray:
    """Read raters' files as scores (R, I, M), 1 (worst) to M (best).

    Raises:
        ValueError: Naming every file that is bad.
    """
    found, faults, raters = [], [], {}
    for path in paths:
        try:
            answers = _load(path, ANSWER_FORMAT)
            found.append(_scores_of(key, answers))
            first = raters.setdefault(answers["rater"], path)
            if first != path:
                raise ValueError(f"holds the same rater's answers as {first!r}")
        except FileNotFoundError as error:
            faults.append(str(error))
        except ValueError as error:
            faults.append(f"{path!r} {error}")
    if faults:
        raise ValueError("; ".join(faults))
    if not found:
        raise ValueError("there are no answers to collect")
    return np.array(found)


def _load(path: str, kind: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path!r}") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError("is no JSON file, or not a whole one") from None
    if not isinstance(content, dict) or content.get("format") != kind:
        raise ValueError(f"is no file of the format {kind!r}")
    if content.get("version") != 1:
        raise ValueError(f"is of version {content.get('version')!r}; this reads 1")
    return content


def _read_key(path: str) -> dict:
    try:
        key = _load(path, KEY_FORMAT)
        methods = set(key["methods"])
        whole = bool(key["images"]) and all(
            set(image["results"].values()) == methods and image["id"]
            for image in key["images"]
        )
        if not whole or not key["study"]:
            raise ValueError("lacks a part: it was changed")
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{path!r} lacks a part: it was changed") from None
    except ValueError as error:
        raise ValueError(f"{path!r} {error}") from None
    return key


def _scores_of(key: dict, answers: dict) -> list[list[int]]:
    """One rater's scores, (I, M), in the order of the key."""
    if answers.get("study") != key["study"]:
        raise ValueError("belongs to another study than the key")
    if not isinstance(answers.get("rater"), str) or not answers["rater"]:
        raise ValueError("does not say which rater it is of")
    given: dict[str, list] = {}
    for answer in _list(answers.get("answers")):
        name = answer.get("image") if isinstance(answer, dict) else None
        if not isinstance(name, str) or name in given:
            raise ValueError(f"ranks the image {name!r} twice, or names none")
        given[name] = _list(answer.get("ranking"))
    known = {image["id"]: image["results"] for image in key["images"]}
    missing, strange = known.keys() - given.keys(), given.keys() - known.keys()
    if missing or strange:
        raise ValueError(
            f"lacks the rankings of {len(missing)} images of {len(known)}, and has "
            f"{len(strange)} that the study does not know"
        )
    rows = []
    for name, results in known.items():
        ranking = given[name]
        if not all(isinstance(i, str) for i in ranking) or (
            sorted(ranking) != sorted(results)
        ):
            raise ValueError(f"does not rank each result of the image {name!r} once")
        place = {results[one]: index for index, one in enumerate(ranking)}
        rows.append([len(results) - place[method] for method in key["methods"]])
    return rows


def _list(value: object) -> list:
    if not isinstance(value, list):
        raise ValueError("lacks a part: it was changed")
    return value
