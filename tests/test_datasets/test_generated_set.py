"""Generated sets are whole or absent, whatever stops their writer."""

import errno
import os
import subprocess
import sys

import pytest

from mmdenoise.datasets.generated_set import make_once


def write(part):
    (part / "one.txt").write_text("1")


def test_a_full_disk_names_the_set(tmp_path):
    def fail(part):
        write(part)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    root = tmp_path / "set"
    with pytest.raises(OSError) as error:
        make_once(root, {}, {}, fail)
    assert error.value.filename == str(root) and error.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path):
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left = tmp_path / f".set.{done.pid}.partial"
    alive = tmp_path / f".set.{os.getppid()}.partial"
    others = tmp_path / f".other.{done.pid}.partial"
    for folder in (left, alive, others):
        folder.mkdir()
        write(folder)
    root = make_once(tmp_path / "set", {}, {"*.txt": 1}, write)
    assert sorted(tmp_path.iterdir()) == sorted([root, alive, others])
