"""On small files in the published format; the published data are not at hand."""

import json

import numpy as np
import pytest
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.tasks import hpob_ranks, hpob_regret, read_hpob

SIZES = {("4796", "3549"): 12, ("4796", "9903"): 9, ("5527", "31"): 8}
SEEDS = [f"test{number}" for number in range(5)]


@pytest.fixture
def files(tmp_path):
    """A function that writes the files, with optional changes."""
    generator = np.random.default_rng(0)

    def write(change=lambda tables, starts: None):
        tables, starts = {}, {}
        for (space, dataset), size in SIZES.items():
            width = 3 if space == "4796" else 2
            tables.setdefault(space, {})[dataset] = {
                "X": generator.uniform(size=(size, width)).tolist(),
                "y": generator.uniform(size=(size, 1)).tolist(),
            }
            starts.setdefault(space, {})[dataset] = {
                seed: generator.permutation(size)[:6].tolist() for seed in SEEDS
            }
        change(tables, starts)
        for part in ("train", "test"):
            (tmp_path / f"meta-{part}-dataset.json").write_text(json.dumps(tables))
        (tmp_path / "bo-initializations.json").write_text(json.dumps(starts))
        return tables, starts

    write.folder = tmp_path
    return write


def test_tasks_are_as_in_the_file(files):
    tables, starts = files()
    tasks = read_hpob(files.folder)
    assert [(task.space, task.dataset) for task in tasks] == list(SIZES)
    for task in tasks:
        table = tables[task.space][task.dataset]
        np.testing.assert_allclose(task.encoding, table["X"], rtol=1e-6)
        np.testing.assert_array_equal(task.score[:, None], table["y"])
        assert list(task.initial) == SEEDS
        for seed in SEEDS:
            assert task.initial[seed].tolist() == starts[task.space][task.dataset][seed][:5]


def test_past_tasks_have_no_initial_rows(files):
    files()
    (files.folder / "bo-initializations.json").unlink()
    tasks = read_hpob(files.folder, part="train")
    assert len(tasks) == 3
    assert all(task.initial == {} for task in tasks)


def test_regret_is_one_less_the_normalized_incumbent(files):
    """Each step as in the published handler: scores to [0, 1], the largest of those observed."""
    files()
    task = read_hpob(files.folder)[0]
    rows = np.stack(
        [np.r_[start, np.setdiff1d(np.arange(12), start)] for start in task.initial.values()]
    )
    found = hpob_regret(task, rows)
    assert found.shape == (5, 8)
    unit = (task.score - task.score.min()) / (task.score.max() - task.score.min())
    for seed in range(5):
        for trial in range(8):
            expected = 1 - unit[rows[seed, : 5 + trial]].max()
            np.testing.assert_allclose(found[seed, trial], expected, atol=1e-12)
    assert (found[:, -1] == 0).all()


def test_ranks_share_ties():
    regret = np.random.default_rng(1).integers(0, 3, (4, 5, 6)) / 7
    jitter = np.random.default_rng(2).uniform(-1e-10, 1e-10, regret.shape)
    expected = stats.rankdata(regret, axis=0)
    np.testing.assert_array_equal(hpob_ranks(regret + jitter), expected)


def shorten(tables, starts):
    tables["4796"]["3549"]["y"].pop()


def lose(tables, starts):
    tables["4796"]["3549"]["X"][2][1] = float("nan")


def ragged(tables, starts):
    tables["4796"]["3549"]["X"][2].pop()


def outside(tables, starts):
    starts["4796"]["9903"]["test3"][0] = 9


def too_few(tables, starts):
    del starts["4796"]["9903"]["test3"][4:]


def without_start(tables, starts):
    del starts["5527"]["31"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shorten, r"^Task '3549'.*X \[12, 3\] and y \[11\]"),
        (lose, "finite"),
        (ragged, "not in the format"),
        (outside, r"^Task .*'test3', expected 5 rows out of 9"),
        (too_few, "expected 5 rows"),
        (without_start, "not in the format"),
    ],
)
def test_wrong_files_are_refused(files, change, message):
    files(change)
    with pytest.raises(NmjaxError, match=message):
        read_hpob(files.folder)


def test_missing_parts_are_named(files):
    with pytest.raises(NmjaxError, match=r"meta-test-dataset\.json"):
        read_hpob(files.folder)
    with pytest.raises(NmjaxError, match="did you mean 'test'"):
        read_hpob(files.folder, part="tests")


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [0, 1, 2, 3, 4, 0]])
def test_rows_are_checked(files, rows):
    files()
    with pytest.raises(NmjaxError, match="none of them twice"):
        hpob_regret(read_hpob(files.folder)[0], np.array(rows))
