import warnings

import numpy as np
import pytest

from nmjax.compilation_cache import cache_folder
from nmjax.tasks.files.array_cache import cached_arrays

ARRAYS = {"pool": np.arange(6, dtype=np.int32).reshape(3, 2), "acc": np.array([[1.0, np.nan]])}
SHAPES = {"pool": (3, 2), "acc": (1, 2)}


class Builder:
    """Counts how often the arrays had to be built."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return ARRAYS


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NMJAX_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


def assert_same(arrays):
    assert set(arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_arrays_are_built_once_and_read_back(folder):
    build = Builder()
    for _ in range(3):
        assert_same(cached_arrays("key-1", SHAPES, build))
    assert build.calls == 1
    assert [file.name for file in folder.iterdir()] == ["key-1.npz"]
    cached_arrays("key-2", SHAPES, build)
    assert build.calls == 2


def flip_a_byte(raw):
    middle = raw.index(b"\x05\x00\x00\x00")
    return raw[:middle] + b"\x07" + raw[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [lambda raw: b"", lambda raw: b"nonsense", lambda raw: raw[: len(raw) // 2], flip_a_byte],
)
def test_damaged_files_are_rebuilt(folder, damage):
    build = Builder()
    cached_arrays("key", SHAPES, build)
    path = folder / "key.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert_same(cached_arrays("key", SHAPES, build))
    assert_same(cached_arrays("key", SHAPES, build))
    assert build.calls == 2


@pytest.mark.parametrize(
    "other",
    [
        {"pool": ARRAYS["pool"]},
        {**ARRAYS, "acc": np.zeros((1, 3))},
        {**ARRAYS, "acc": np.array([[print, None]], dtype=object)},
    ],
)
def test_files_of_another_version_are_rebuilt(folder, other):
    folder.mkdir(parents=True)
    np.savez(folder / "key.npz", **other)
    build = Builder()
    assert_same(cached_arrays("key", SHAPES, build))
    assert build.calls == 1


def test_a_folder_that_cannot_be_written_warns_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NMJAX_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="set NMJAX_CACHE"):
        assert_same(cached_arrays("key", SHAPES, Builder()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(cached_arrays("key", SHAPES, Builder()))


def test_the_folder_is_named_or_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("NMJAX_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("NMJAX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "nmjax"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "nmjax"
