"""Make an opinion study: a page for raters, and its key (Figure 5)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from mmdenoise.atomic_files import atomic_path
from mmdenoise.evaluation.psnr_ssim import quantize
from mmdenoise.output_checks import check_writable, refuse_existing
from mmdenoise.visualization.opinion_page import opinion_page

from .method_images import MethodRunner

__all__ = ["make_study"]

TITLE = "Which picture looks best?"


def make_study(
    methods: MethodRunner,
    paths: Sequence[str],
    out: str,
    title: str = TITLE,
    overwrite: bool = False,
) -> tuple[str, str]:
    """Write ``study.html`` for raters, and ``study_key.json``, which they must not see.

    Args:
        methods: The denoisers, and the noise that is simulated.
        paths: Image files.
        out: Folder for the two files.
        title: What raters read at the top; it must not name a method.
        overwrite: Replace files of these names.

    Returns:
        Paths of the page and of the key.

    Raises:
        FileExistsError, FileNotFoundError, ValueError: If a file is there already, an
            image is not whole, or the images cannot be ranked: see ``opinion_page``.
    """
    page_path = os.path.join(out, "study.html")
    key_path = os.path.join(out, "study_key.json")
    refuse_existing([page_path, key_path], overwrite)
    check_writable(out)
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise ValueError(f"the image {twice[0]!r} is named twice")
    images = {}
    for path in paths:
        denoised = methods.run(methods.read(path)).denoised
        images[path] = {
            name: quantize(image).permute(1, 2, 0).numpy()
            for name, image in denoised.items()
        }
    page, key = opinion_page(images, title)
    with atomic_path(page_path) as path, open(path, "w", encoding="utf-8") as file:
        file.write(page)
    with atomic_path(key_path) as path, open(path, "w", encoding="utf-8") as file:
        json.dump(key, file, indent=1)
    return page_path, key_path
