import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.evaluation import trajectories
from nmjax.evaluation.protocol import BUDGET, SUITES
from nmjax.evaluation.trajectories import (
    PACKAGED,
    Trajectories,
    packaged_trajectories,
    read_trajectories,
    write_trajectories,
)
from nmjax.tasks import Suite, list_suites

ROWS = np.random.default_rng(0).permuted(np.tile(np.arange(64), (3, 2, 1)), axis=-1)[..., :9]


@pytest.fixture
def path(suite, tmp_path):
    found = {
        "some: one": Trajectories(ROWS, True, "ours", 0.25, "commit abc"),
        "two": Trajectories(ROWS[:, :1, :5], False, "peer"),
    }
    write_trajectories(tmp_path / "new" / "toy.npz", suite, found)
    return tmp_path / "new" / "toy.npz"


def test_what_is_written_is_read(suite, path):
    found = read_trajectories(path, suite)
    assert list(found) == ["some: one", "two"]
    one, two = found.values()
    assert one.rows.dtype == np.int32
    np.testing.assert_array_equal(one.rows, ROWS)
    assert (one.transfer, one.kind, one.seconds, one.provenance) == (
        True,
        "ours",
        0.25,
        "commit abc",
    )
    assert two.rows.shape == (3, 1, 5)
    assert np.isnan(two.seconds)
    assert path.stat().st_size < 2000
    assert read_trajectories(path.with_name("none.npz"), suite) == {}


def test_mismatched_arguments_are_refused(suite, path, monkeypatch):
    other = Suite(**{**vars(suite), "package": "toy 1"})
    with pytest.raises(NmjaxError, match=r"expected .*toy 1"):
        read_trajectories(path, other)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(NmjaxError, match="is damaged"):
        read_trajectories(path, suite)
    monkeypatch.setattr(trajectories, "PACKAGED", path.parent / "none")
    with pytest.raises(NmjaxError, match="No searches of 'toy' are stored"):
        packaged_trajectories(suite)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROWS[:2], r"expected int\[3"),
        (ROWS[..., :0], r"expected int\[3"),
        (ROWS + 60, "are outside the pool of 64"),
        (np.zeros((3, 1, 2), int), "evaluates a row twice"),
    ],
)
def test_rows_that_are_no_searches_are_refused(suite, tmp_path, rows, message):
    with pytest.raises(NmjaxError, match=message):
        write_trajectories(tmp_path / "x.npz", suite, {"one": Trajectories(rows, True, "ours")})
    assert not (tmp_path / "x.npz").exists()


def test_what_comes_with_nmjax_is_small_and_whole():
    sizes = {info.name: info.size for info in list_suites()}
    for path in PACKAGED.glob("*.npz"):
        assert path.stem in SUITES
        assert path.stat().st_size < 2_000_000
        with np.load(path, allow_pickle=False) as file:
            for name in set(file.files) - {"about"}:
                rows = np.sort(file[name], axis=-1).astype(int)
                assert rows.shape[-1] <= BUDGET
                assert rows.max() < sizes[path.stem]
                assert (np.diff(rows, axis=-1) > 0).all()
