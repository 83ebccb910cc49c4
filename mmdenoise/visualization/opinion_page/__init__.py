"""A page on which people rank pictures: one HTML file, no server, no network.

Blind: a result is known by a random name of its own on the page, another one for each
image, and stands in random order in the source as well. Only the key, which stays with
the experimenter, says which method made it.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["ANSWER_FORMAT", "KEY_FORMAT", "MOST_VERSIONS", "opinion_page"]

KEY_FORMAT = "mmdenoise-study-key"
# As page.js writes it.
ANSWER_FORMAT = "mmdenoise-opinions"
# A digit of the keyboard ranks a version.
MOST_VERSIONS = 9
FOLDER = Path(__file__).parent


def opinion_page(
    images: Mapping[str, Mapping[str, np.ndarray]],
    title: str = "Which picture looks best?",
) -> tuple[str, dict]:
    """Make a page and its key.

    Args:
        images: For each noisy image's name, what each method made of it: (H, W, 3)
            uint8 RGB, of one shape, in any order.
        title: What raters read at the top.

    Returns:
        The page, and the key: ``format``, ``version``, ``study``, ``methods``, and
        ``images``, a list of ``id``, ``name`` and ``results`` (method by result).

    Raises:
        ValueError: If there is no image, fewer than 2 or more than 9 methods, images
            with different methods, shapes that differ, two methods with one and the
            same result, or a title that names a method.
    """
    methods = _checked_methods(images, title)
    shuffle = secrets.SystemRandom().shuffle
    key = dict(
        format=KEY_FORMAT, version=1, study=secrets.token_hex(6), methods=methods
    )
    shown, key["images"] = [], []
    for name, results in images.items():
        _check_results(name, results)
        order = list(methods)
        shuffle(order)
        ids = {secrets.token_hex(6): method for method in order}
        height, width = results[methods[0]].shape[:2]
        entry = dict(id=secrets.token_hex(6), width=width, height=height)
        pictures = [dict(id=i, src=_data_url(results[m])) for i, m in ids.items()]
        shown.append(dict(entry, results=pictures))
        key["images"].append(dict(id=entry["id"], name=name, results=ids))
    page = string.Template(_read("page.html")).substitute(
        title=html.escape(title),
        css=_read("page.css"),
        script=_read("page.js"),
        # Base64 and hexadecimal names hold nothing that would end the script element.
        study=json.dumps(dict(id=key["study"], images=shown)),
    )
    return page, key


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _checked_methods(images: Mapping[str, Mapping], title: str) -> list[str]:
    if not images:
        raise ValueError("a study needs at least one image")
    methods = list(next(iter(images.values())))
    if not 2 <= len(methods) <= MOST_VERSIONS:
        raise ValueError(
            f"a study ranks 2 to {MOST_VERSIONS} methods, got {len(methods)}"
        )
    for name, results in images.items():
        if set(results) != set(methods):
            raise ValueError(
                f"image {name!r} has results of {', '.join(results)}; the first image "
                f"has those of {', '.join(methods)}"
            )
    # As a word: 'B' is no name in 'Best picture'.
    named = [m for m in methods if re.search(rf"\b{re.escape(m)}\b", title, re.I)]
    if named:
        raise ValueError(
            f"the title {title!r} names the method {named[0]!r}: raters must not know"
        )
    return methods


def _check_results(name: str, results: Mapping[str, np.ndarray]) -> None:
    first = next(iter(results.values()))
    seen: dict[bytes, str] = {}
    for method, picture in results.items():
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(
                f"{method!r} of image {name!r} must be (H, W, 3) uint8, got "
                f"{picture.shape} {picture.dtype}"
            )
        if picture.shape != first.shape:
            raise ValueError(
                f"{method!r} of image {name!r} is {picture.shape[:2]}, another "
                f"method's result {first.shape[:2]} (height, width)"
            )
        twin = seen.setdefault(picture.tobytes(), method)
        if twin != method:
            raise ValueError(
                f"{twin!r} and {method!r} gave the same picture of {name!r}: nobody "
                "can rank the two"
            )


def _data_url(picture: np.ndarray) -> str:
    """A PNG without any text inside the page."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
