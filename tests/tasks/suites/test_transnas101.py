import itertools
import os

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.tasks import list_suites, load_suite, scores

INFO = {info.name: info for info in list_suites()}["transnas101"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("NMJAX_DATA", raising=False)
    (tmp_path / "transnas101").mkdir()
    return tmp_path


def write(folder, **change):
    rows = list(itertools.product(range(4), repeat=6))
    flat = np.arange(4096.0)
    tables = {task: flat - 100 * place for place, task in enumerate(INFO.tasks)}
    arrays = {"arch": np.array([str(row) for row in rows]), **tables, **change}
    np.savez(folder / "transnas101" / "micro.npz", **arrays)


@pytest.mark.parametrize("way", ["data", "environment"])
def test_rows_are_found_by_architecture(folder, monkeypatch, way):
    write(folder)
    if way == "environment":
        monkeypatch.setenv("NMJAX_DATA", str(folder))
    suite = load_suite("transnas101", data=folder if way == "data" else None)
    flat = np.ravel_multi_index(suite.pool.T, (4,) * 6)
    for place in range(len(INFO.tasks)):
        np.testing.assert_array_equal(scores(suite)[place], flat - 100 * place)
    assert len(suite.pool) == INFO.size
    assert suite.package == INFO.file


def test_without_data_the_error_says_how_to_get_it(folder):
    for data in (None, folder):
        with pytest.raises(NmjaxError, match=r"transnas101/micro\.npz.*NMJAX_DATA"):
            load_suite("transnas101", data=data)
        assert not {i.name: i for i in list_suites(data=data)}["transnas101"].installed


@pytest.mark.parametrize(
    "change",
    [
        {"arch": np.array(["(0, 0, 0, 0, 0, 4)"] * 4096)},
        {"arch": np.array(["(0, 0)"] * 4096)},
        {"jigsaw": np.array([print] * 4096, dtype=object)},
    ],
)
def test_wrong_files_are_refused(folder, change):
    write(folder, **change)
    with pytest.raises(NmjaxError):
        load_suite("transnas101", data=folder)


@pytest.mark.skipif("NMJAX_DATA" not in os.environ, reason="NMJAX_DATA is not set")
def test_the_real_file_has_its_published_best():
    suite = load_suite("transnas101")
    with np.load(f"{os.environ['NMJAX_DATA']}/{INFO.file}", allow_pickle=False) as file:
        value = dict(zip(file["arch"].tolist(), file["jigsaw"], strict=True))
    texts = [str(tuple(row)) for row in suite.pool.tolist()]
    expected = np.array([value[text] for text in texts], np.float32)
    np.testing.assert_array_equal(suite.metrics["val_score"][2], expected)
    assert np.isfinite(suite.metrics["val_score"]).all()
