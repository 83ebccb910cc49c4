"""Lists of images, one name a line."""

__all__ = ["refuse_empty_list"]


def refuse_empty_list(path: str) -> None:
    """Check that a list names an image; MMSegmentation reads blank lines as names.

    Raises:
        ValueError: Naming the list.
    """
    with open(path, encoding="utf-8") as file:
        if not file.read().strip():
            raise ValueError(
                f"the data list {path!r} is empty: it should name an image a line"
            )
