"""The file of an item that could not be loaded, where the error does not name it."""

from __future__ import annotations

import traceback

from PIL import UnidentifiedImageError

__all__ = ["explain_unnamed_file"]

PATHS = ("img_path", "seg_map_path")


def explain_unnamed_file(error: BaseException) -> str | None:
    """Name the image or the mask that hosts' steps of a pipeline failed on.

    Their errors come from the bytes, and know no file. Those of a loader's worker
    arrive as a text, from which nothing can be told.

    Returns:
        One line, or None if the error names its file, or is of no pipeline.
    """
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        item = frame.f_locals.get("results")
        if not isinstance(item, dict) or "img_path" not in item:
            continue
        paths = {key: item.get(key) for key in PATHS if item.get(key)}
        if any(str(path) in str(error) for path in paths.values()):
            return None
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "it is no image"
        if frame.f_code.co_name == "_load_seg_map" and "seg_map_path" in paths:
            return f"cannot read the mask {paths['seg_map_path']!r}: {reason}"
        return f"{paths['img_path']!r}: {reason}"
    return None
