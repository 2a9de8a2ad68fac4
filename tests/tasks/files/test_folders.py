import sys
from pathlib import Path

import fsspec
import pytest

from nmjax.errors import NmjaxError
from nmjax.tasks.files.folders import folder_at, locate

MEMORY = fsspec.get_filesystem_class("memory")


@pytest.fixture(params=["path", "file", "memory"])
def folder(request, tmp_path):
    place = {"path": tmp_path, "file": f"file://{tmp_path}", "memory": f"memory:/{tmp_path}/"}
    yield folder_at(locate(place[request.param]))
    MEMORY.store.clear()


def read(folder, name):
    with folder.open(name) as file:
        return file.read()


def test_files_are_put_and_found(folder):
    for name in ("task=ab/2.parquet", "task=ab/1.parquet", "task=a/3.parquet", "task=a/4.csv"):
        folder.put_all([(name, name.encode())], {})
    assert folder.find("task=a") == ["task=a/3.parquet"]
    assert folder.find("*") == ["task=a/3.parquet", "task=ab/1.parquet", "task=ab/2.parquet"]
    assert folder.find("task=b") == []
    assert read(folder, "task=ab/1.parquet") == b"task=ab/1.parquet"
    with pytest.raises(FileNotFoundError):
        folder.open("task=a/5.parquet")


def test_files_are_put_together_or_not_at_all(folder):
    files = [("task=a/1.parquet", b"1"), ("task=b/2.parquet", b"2")]
    folder.put_all(files, {"manifest.json": b"first"})
    assert folder.find("*") == ["task=a/1.parquet", "task=b/2.parquet"]
    assert [read(folder, n) for n in ("task=b/2.parquet", "manifest.json")] == [b"2", b"first"]

    def failing():
        yield "task=c/3.parquet", b"3"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        folder.put_all(failing(), {})
    folder.put_all([], {})
    assert folder.find("*") == ["task=a/1.parquet", "task=b/2.parquet"]


def test_what_is_there_is_not_created_again(folder):
    folder.create("manifest.json", b"first")
    folder.create("manifest.json", b"second")
    assert read(folder, "manifest.json") == b"first"


def test_losing_the_race_to_create_is_no_error_and_failing_is(monkeypatch):
    folder = folder_at("memory://past")

    def put_by_another(system, path, content, mode):
        assert mode == "create"
        system.open(path, "wb", data=b"theirs")
        raise OSError("precondition failed")

    def fail(*_, **__):
        raise RuntimeError("no credentials")

    monkeypatch.setattr(MEMORY, "pipe_file", put_by_another)
    folder.create("manifest.json", b"mine")
    assert read(folder, "manifest.json") == b"theirs"
    monkeypatch.setattr(MEMORY, "pipe_file", fail)
    with pytest.raises(OSError, match="RuntimeError: no credentials"):
        folder.create("other.json", b"mine")
    with pytest.raises(OSError, match="RuntimeError: no credentials"):
        folder.put_all([("other.json", b"mine")], {})
    MEMORY.store.clear()


def test_places_are_paths_or_urls_of_object_stores():
    assert locate("past") == locate(Path("past")) == locate("file://past") == Path("past")
    assert locate("local:///past") == Path("/past")
    assert locate("s3://bucket/past/") == "s3://bucket/past"
    for place in ("sftp://host/past", "simplecache::s3://bucket/past"):
        with pytest.raises(NmjaxError, match=r"is neither local nor on one of s3.*mount it"):
            locate(place)


def test_only_urls_need_fsspec(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    folder = folder_at(tmp_path)
    folder.create("manifest.json", b"first")
    assert read(folder, "manifest.json") == b"first"
    with pytest.raises(NmjaxError, match="install nmjax with the extra s3, gcs or azure"):
        folder_at("s3://bucket/past")
