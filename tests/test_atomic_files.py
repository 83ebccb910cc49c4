"""Files that are whole or not there."""

import builtins
import errno
import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from mmdenoise.atomic_files import atomic_path

fcntl = pytest.importorskip("fcntl")


@pytest.fixture
def mask():
    """A known mask for new files' permissions."""
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def test_a_new_file(tmp_path):
    path = tmp_path / "deeper" / "still" / "notes.txt"
    with atomic_path(str(path)) as temporary:
        assert os.path.dirname(temporary) == str(path.parent), "renames cross no disk"
        assert temporary.endswith(".txt"), "writers choose a format by the extension"
        assert not path.exists()
        write(temporary, "new")
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["notes.txt"]


def test_an_old_file_stays_until_the_end(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with atomic_path(str(path)) as temporary:
        write(temporary, "new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with atomic_path("notes.txt") as temporary:
        write(temporary, "new")
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(error), atomic_path(str(path)) as temporary:
        write(temporary, "half of the n")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_the_writers_own_removal_is_no_second_error(tmp_path):
    with pytest.raises(ValueError, match="mine"):
        with atomic_path(str(tmp_path / "notes.txt")) as temporary:
            os.remove(temporary)
            raise ValueError("mine")
    assert os.listdir(tmp_path) == []


def test_others_may_read_it_as_any_file(tmp_path, mask):
    with atomic_path(str(tmp_path / "notes.txt")) as temporary:
        write(temporary, "new")
    mode = stat.S_IMODE(os.stat(tmp_path / "notes.txt").st_mode)
    assert mode == 0o666 & ~mask
    assert os.umask(mask) == mask, "the process keeps its mask"


def test_what_is_renamed_is_on_the_disk(tmp_path, monkeypatch):
    """The content is synced, all of it, before it gets the name."""
    events = []
    sync, rename = os.fsync, os.replace

    def fsync(handle):
        events.append(("sync", os.fstat(handle).st_ino, os.fstat(handle).st_size))
        sync(handle)

    def replace(source, target):
        events.append(("rename", os.stat(source).st_ino, os.stat(source).st_size))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    path = tmp_path / "notes.txt"
    with atomic_path(str(path)) as temporary:
        write(temporary, "12345")
    inode = path.stat().st_ino
    assert events == [("sync", inode, 5), ("rename", inode, 5)]


def test_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "notes.txt"
    path.write_text("old")
    real = builtins.open

    class Full:
        """A file that takes three letters."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

        def write(self, text):
            self.file.write(text[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", lambda *args: Full(real(*args)))
        with pytest.raises(OSError) as error, atomic_path(str(path)) as temporary:
            write(temporary, "the new text")
    assert error.value.errno == errno.ENOSPC
    assert str(error.value).endswith(f": {str(path)!r}"), "the file is named"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_a_full_disk_that_shows_only_at_the_sync(tmp_path, monkeypatch):
    path = tmp_path / "notes.txt"
    path.write_text("old")

    def fsync(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"), atomic_path(str(path)) as temporary:
        write(temporary, "the new text")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["notes.txt"]


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    gone = str(tmp_path / "gone.txt")
    with pytest.raises(FileNotFoundError) as error:
        with atomic_path(str(tmp_path / "notes.txt")):
            open(gone)
    assert error.value.filename == gone
    with pytest.raises(OSError, match="^no such format$"):
        with atomic_path(str(tmp_path / "notes.txt")):
            raise OSError("no such format")
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "other").mkdir()
    link, path = tmp_path / "link.txt", tmp_path / "other" / "notes.txt"
    link.symlink_to("other/notes.txt")
    for text in ("new", "newer"):
        with atomic_path(str(link)) as temporary:
            assert os.path.dirname(temporary) == str(tmp_path / "other")
            write(temporary, text)
        assert link.is_symlink() and path.read_text() == text


def test_what_is_no_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe' is no ordinary file"):
        with atomic_path(str(tmp_path / "pipe")):
            pass
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


def leftover(folder, name="iter_5.pth"):
    """What a writer leaves that is killed: its file, and no lock on it."""
    writer = atomic_path(str(folder / name))
    path = writer.__enter__()
    kept = path + ".kept"
    os.rename(path, kept)
    with pytest.raises(FileNotFoundError):
        writer.__exit__(None, None, None)
    os.rename(kept, path)
    return os.path.basename(path)


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    left = leftover(tmp_path)
    assert left.startswith(".iter_5.pth.") and os.listdir(tmp_path) == [left]
    with atomic_path(str(tmp_path / "iter_5.pth")) as temporary:
        # First, so that there is space for what comes.
        assert os.listdir(tmp_path) == [os.path.basename(temporary)]
        write(temporary, "new")
    assert os.listdir(tmp_path) == ["iter_5.pth"]


def test_what_is_being_written_is_let_be(tmp_path):
    path = str(tmp_path / "iter_5.pth")
    with atomic_path(path) as first:
        write(first, "first")
        with atomic_path(path) as second:
            assert os.path.exists(first)
            write(second, "second")
        assert open(path).read() == "second"
    assert open(path).read() == "first"
    assert os.listdir(tmp_path) == ["iter_5.pth"]


def test_other_files_are_let_be(tmp_path):
    """Leftovers of other targets, and whatever else looks alike."""
    others = [leftover(tmp_path, name) for name in ("iter_50.pth", "a.iter_5.pth")]
    for name in (
        ".iter_5.pth",
        ".iter_5.pth.mine.pth",
        ".iter_5.pth.notours1.txt",
        ".iter_5.pth.NOTOURS1.pth",
        "iter_5.pth.abcdefgh.pth",
    ):
        others.append(name)
        (tmp_path / name).write_text("mine")
    with atomic_path(str(tmp_path / "iter_5.pth")) as temporary:
        write(temporary, "new")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "iter_5.pth"])


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """There nothing tells a leftover from a file that is being written."""
    left = leftover(tmp_path)

    def flock(handle, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with atomic_path(str(tmp_path / "iter_5.pth")) as temporary:
        write(temporary, "new")
    assert sorted(os.listdir(tmp_path)) == [left, "iter_5.pth"]


def test_a_file_that_is_taken_for_a_leftover_before_it_is_locked(tmp_path, monkeypatch):
    real = fcntl.flock
    removed = []

    def flock(handle, how):
        if not removed:
            (name,) = os.listdir(tmp_path)
            removed.append(name)
            os.remove(tmp_path / name)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with atomic_path(str(tmp_path / "iter_5.pth")) as temporary:
        assert os.path.basename(temporary) not in removed
        write(temporary, "new")
    assert os.listdir(tmp_path) == ["iter_5.pth"]
    assert len(removed) == 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files")
def test_no_handle_stays_open(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with atomic_path(str(tmp_path / "iter_5.pth")) as temporary:
            write(temporary, "new")
        leftover(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_as_long_as_a_file_system_takes(tmp_path):
    path = tmp_path / ("x" * 251 + ".pth")
    leftover(tmp_path, path.name)
    with atomic_path(str(path)) as temporary:
        write(temporary, "new")
    assert os.listdir(tmp_path) == [path.name]


@pytest.fixture
def limited():
    """Files take 4000 bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_a_writer_that_does_not_say_so_on_a_full_disk(tmp_path, limited, ending):
    """PyTorch's and safetensors' own errors name no file and no reason."""
    path = tmp_path / f"x.{ending}"
    path.write_text("old")
    weights = dict(weight=torch.zeros(5000))
    with pytest.raises(OSError) as error:
        with atomic_path(str(path)) as temporary:
            if ending == "pth":
                torch.save(weights, temporary)
            else:
                save_file(weights, temporary)
    assert error.value.errno == errno.EFBIG and error.value.filename == str(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == [path.name]


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="^not the disk$"):
        with atomic_path(str(tmp_path / "x")):
            raise RuntimeError("not the disk")
    assert os.listdir(tmp_path) == []
