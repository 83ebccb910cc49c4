"""Where a command may write: asked before the work, and nothing is left behind."""

import os
import stat

import pytest

from mmdenoise.output_checks import check_writable, refuse_existing


@pytest.fixture
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_free_names_pass(inside):
    refuse_existing(["a.png", "new/b.png"])
    refuse_existing([], overwrite=True)


def test_what_exists_is_refused_unless_asked(inside):
    (inside / "a.png").write_text("old")
    (inside / "c.png").write_text("old")
    with pytest.raises(FileExistsError, match="^'a.png' exists already: .*--overwrite"):
        refuse_existing(["b.png", "a.png"])
    with pytest.raises(FileExistsError, match=r"^'c.png' \(and 1 more\) exists"):
        refuse_existing(iter(["c.png", "b.png", "a.png"]))
    refuse_existing(["a.png", "c.png"], overwrite=True)
    assert (inside / "a.png").read_text() == "old"


def test_a_link_to_nothing_is_something(inside):
    (inside / "link.png").symlink_to("gone.png")
    with pytest.raises(FileExistsError, match="'link.png' exists already"):
        refuse_existing(["link.png"])
    refuse_existing(["link.png"], overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_no_file_can_replace(inside, overwrite):
    (inside / "folder").mkdir()
    with pytest.raises(IsADirectoryError, match="'folder' is a folder"):
        refuse_existing(["folder"], overwrite)
    os.mkfifo("pipe")
    with pytest.raises(OSError, match="'pipe' is no ordinary file"):
        refuse_existing(["pipe"], overwrite)
    with pytest.raises(OSError, match="'/dev/null' is no ordinary file"):
        refuse_existing([os.devnull], overwrite)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize("folder", ["", ".", "new", "new/deep/er", "old"])
def test_a_folder_that_can_be_written_is_left_as_it_was(inside, folder):
    (inside / "old").mkdir()
    (inside / "old" / "kept").write_text("mine")
    before = sorted(inside.rglob("*"))
    check_writable(folder)
    assert sorted(inside.rglob("*")) == before


@pytest.mark.parametrize("folder", ["note", "note/sub", "note/sub/deeper"])
def test_a_file_in_the_way(inside, folder):
    (inside / "note").write_text("mine")
    with pytest.raises(NotADirectoryError) as error:
        check_writable(folder)
    assert str(error.value).startswith(f"cannot write into {folder!r}: ")
    assert f"{str(inside / 'note')!r} is a file, not a folder" in str(error.value)
    assert (inside / "note").read_text() == "mine"


def test_a_name_that_no_disk_takes(inside):
    name = "x" * 300
    with pytest.raises(OSError, match="cannot write into 'new/x{300}': .*too long"):
        check_writable(f"new/{name}")
    assert os.listdir(inside) == []


def test_a_folder_that_takes_no_file(inside, monkeypatch):
    (inside / "shut").mkdir(mode=0o555)
    if os.geteuid() == 0:  # whom no permission stops
        if not os.path.isdir("/proc/self"):
            pytest.skip("needs a folder that even root cannot write")
        with pytest.raises(OSError, match="cannot write into '/proc/self': "):
            check_writable("/proc/self")
        return
    for folder in ("shut", "shut/deeper"):
        with pytest.raises(PermissionError, match=f"cannot write into '{folder}'"):
            check_writable(folder)


def test_nothing_is_left_where_the_disk_is_full(inside):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="cannot write into '.': File too large"):
            check_writable("")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(inside.iterdir()) == []
