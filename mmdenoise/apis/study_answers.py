"""Read a study's key, and what raters' browsers saved; refuse what does not fit."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from mmdenoise.visualization.opinion_page import ANSWER_FORMAT, KEY_FORMAT

__all__ = ["read_answers", "read_key"]


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


def read_key(path: str) -> dict:
    """Read a study's key.

    Raises:
        FileNotFoundError, ValueError: If there is none, or it is not whole, by name.
    """
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
