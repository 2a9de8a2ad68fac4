"""Files that appear together, whenever their writer is killed."""

import itertools
import os
import signal
import sys
import warnings

import pytest

from nmjax.tasks.files.folders import folder_at
from nmjax.tasks.files.transactions import STAGING, put_all

pytestmark = pytest.mark.faults

OPERATIONS = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "fcntl.flock"}
FIRST = {"task=a/1.parquet": b"1", "task=b/2.parquet": b"2"}
SECOND = {"task=b/3.parquet": b"3", "task=c/4.parquet": b"4"}
MANIFEST = {"manifest.json": b"{}"}


@pytest.fixture(autouse=True)
def _without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)


def contents(root):
    """{name: content} that a reader finds."""
    folder, found = folder_at(root), {}
    for name in [*folder.find("*"), *MANIFEST]:
        try:
            with folder.open(name) as file:
                found[name] = file.read()
        except FileNotFoundError:
            assert name in MANIFEST
    return found


def put_and_die(root, files, new, moment):
    """Whether a writer is killed at its operation number `moment` on files."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The child uses no thread.
        child = os.fork()
    if not child:
        left = itertools.count()

        def die(event, _):
            if event in OPERATIONS and next(left) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(die)
        put_all(root, files.items(), new=new)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("earlier", [{}, FIRST], ids=["new", "grown"])
def test_a_writer_that_is_killed_at_any_operation_has_written_all_or_nothing(tmp_path, earlier):
    outcomes, new = [], {} if earlier else MANIFEST
    for moment in itertools.count():
        root = tmp_path / str(moment)
        before = earlier | MANIFEST if earlier else {}
        if earlier:
            put_all(root, earlier.items(), new=MANIFEST)
        killed = put_and_die(root, SECOND, new, moment)
        found = contents(root)
        assert found in (before, before | SECOND | MANIFEST)
        outcomes.append(len(found) > len(before))
        put_all(root, {"task=d/5.parquet": b"5"}.items())
        assert contents(root) == found | {"task=d/5.parquet": b"5"}
        assert not (root / STAGING).exists()
        assert not list(root.rglob("*.tmp"))
        if not killed:
            break
    assert outcomes == sorted(outcomes)
    assert outcomes.count(False) > 10 < outcomes.count(True)


def test_one_file_needs_no_journal(tmp_path):
    for moment in itertools.count():
        killed = put_and_die(tmp_path / str(moment), {"task=a/1.parquet": b"1"}, {}, moment)
        assert contents(tmp_path / str(moment)) in ({}, {"task=a/1.parquet": b"1"})
        if not killed:
            break
    assert moment > 5


def test_a_new_file_that_another_process_made_is_kept(tmp_path):
    put_all(tmp_path, FIRST.items(), new=MANIFEST)
    put_all(tmp_path, SECOND.items(), new=MANIFEST)
    with pytest.raises(FileExistsError, match="meanwhile"):
        put_all(tmp_path, [("task=d/5.parquet", b"5")], new={"manifest.json": b"[]"})
    assert contents(tmp_path) == FIRST | SECOND | MANIFEST


@pytest.mark.parametrize("where", ["new", "new/folder", "there"])
def test_a_failure_removes_the_folders_that_were_made(tmp_path, where):
    (tmp_path / "there").mkdir()

    def files():
        yield "task=a/1.parquet", b"1"
        raise ValueError("no second")

    for new in ({}, MANIFEST):
        with pytest.raises(ValueError, match="no second"):
            put_all(tmp_path / where, files(), new=new)
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
