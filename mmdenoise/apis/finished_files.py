"""Which files a command has made, and of what: so that it can go on after a kill.

A folder's record has a line a file: its name, the digest of all that it was made of,
and its own digest. A line is on the disk before the file gets its name, so that a file
without one was made by somebody else.
"""

from __future__ import annotations

import json
import os

from mmdenoise.data_digest import file_digest

__all__ = ["RECORD", "FinishedFiles"]

RECORD = ".mmdenoise_finished.jsonl"


class FinishedFiles:
    """The record of a folder.

    Args:
        folder: Where the files are; it need not exist yet.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._path = os.path.join(folder, RECORD)
        self._lines: dict[str, dict[str, str]] = {}
        if os.path.isfile(self._path):
            with open(self._path, encoding="utf-8") as file:
                for line in file:
                    self._take(line)

    def _take(self, line: str) -> None:
        try:
            name, key, digest = json.loads(line)
            self._lines.setdefault(name, {})[digest] = key
        except (ValueError, TypeError):
            pass  # the last line of a killed writer

    def made(self, target: str) -> bool:
        """Whether a file is there, and as this command wrote it."""
        lines = self._lines.get(self._name(target), {})
        return bool(lines) and os.path.isfile(target) and file_digest(target) in lines

    def is_finished(self, target: str, key: str) -> bool:
        """Whether a file is there, as this command wrote it, and of the same things."""
        return self.made(target) and (
            self._lines[self._name(target)][file_digest(target)] == key
        )

    def add(self, target: str, key: str, written: str) -> None:
        """Note what a file is made of, before it gets its name.

        Args:
            target: Its name.
            key: Digest of all that it is made of.
            written: Where it was written.
        """
        line = json.dumps([self._name(target), key, file_digest(written)]) + "\n"
        with open(self._path, "a+b") as file:
            # Behind half a line of a killed writer.
            if file.tell() and not _ends_a_line(file):
                line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._take(line)

    def _name(self, target: str) -> str:
        return os.path.relpath(target, self.folder)


def _ends_a_line(file) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
