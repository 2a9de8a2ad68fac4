"""The protocol of HPO-B on a small folder in the published format; the data are not at hand."""

import json
import sys

import numpy as np
import pytest
from scipy import stats

from benchmarks import script
from benchmarks.reproductions import hpob
from benchmarks.tables import reproduction_tables
from nmjax.experiments import read_result
from nmjax.knowledge import LearnConfig
from nmjax.tasks import hpob_regret, read_hpob

SPACES, SEEDS, TRIALS = ("4796", "5527"), 5, 14
# The smallest pool has less than the 5 + 14 rows of a search.
POOLS = ((30, 17), (28,))
LEARN = LearnConfig(
    kernel_rows=32,
    kernel_steps=20,
    replay_size=16,
    prior_steps=40,
)


def write_folder(folder):
    """Related tasks of three settings: 3 to train on, 1 to validate, some to test."""
    rng = np.random.default_rng(0)

    def task(size):
        x = rng.uniform(size=(size, 3)).round(3)
        peak = 0.4 + 0.1 * rng.normal(size=3)
        y = 1 - np.square(x - peak).sum(-1, keepdims=True)
        return {"X": x.tolist(), "y": y.tolist()}

    def constant(size):
        return task(size) | {"y": [[0.5]] * size}

    sizes = {"train": (40, 36, 30, 15), "validation": (32,)}
    for part, own in sizes.items():
        tables = {
            space: {f"{part}{i}": task(size) for i, size in enumerate(own)} for space in SPACES
        }
        (folder / f"meta-{part}-dataset.json").write_text(json.dumps(tables))
    test = {
        space: {f"test{i}": task(size) for i, size in enumerate(own)} | {"constant": constant(20)}
        for space, own in zip(SPACES, POOLS, strict=True)
    }
    starts = {
        space: {
            name: {
                f"test{seed}": rng.permutation(len(table["y"]))[:5].tolist()
                for seed in range(SEEDS)
            }
            for name, table in tasks.items()
        }
        for space, tasks in test.items()
    }
    (folder / "meta-test-dataset.json").write_text(json.dumps(test))
    (folder / "bo-initializations.json").write_text(json.dumps(starts))


@pytest.fixture(scope="module")
def ran(tmp_path_factory, unoptimized_module):
    """The folder, the result, and what each search evaluated as ((space, dataset), rows)."""
    folder = tmp_path_factory.mktemp("hpob")
    write_folder(folder)
    searches = []

    def recorded(task, rows):
        searches.append(((task.space, task.dataset), np.asarray(rows)))
        return hpob_regret(task, rows)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hpob, "LEARN", LEARN)
        patch.setattr(hpob, "SOURCE_ROWS", 32)
        patch.setattr(script, "RESULTS", folder)
        patch.setattr(script, "DIGITS", None)
        patch.setattr(hpob, "hpob_regret", recorded)
        arguments = ["hpob", "--data", str(folder), "--trials", str(TRIALS)]
        patch.setattr(sys, "argv", arguments)
        hpob.main()
    return folder, read_result(folder / "reproductions/hpob.json"), searches


@pytest.mark.slow
def test_searches_begin_with_the_given_rows_and_repeat_none(ran):
    folder, _, searches = ran
    tasks = {(task.space, task.dataset): task for task in read_hpob(folder)}
    assert len(searches) == 3 * 4
    for name, rows in searches:
        size = len(tasks[name].score)
        assert rows.shape == (SEEDS, min(5 + TRIALS, size))
        np.testing.assert_array_equal(rows[:, :5], list(tasks[name].initial.values()))
        assert ((rows >= 0) & (rows < size)).all()
        assert all(len(set(search)) == rows.shape[1] for search in rows.tolist())


@pytest.mark.slow
def test_rows_of_the_result_are_those_of_the_searches(ran):
    folder, result, searches = ran
    tasks = {(task.space, task.dataset): task.score for task in read_hpob(folder)}
    curves = []
    for name, rows in searches:
        score = tasks[name]
        best = np.stack([score[rows[:, : 5 + t]].max(axis=1) for t in range(TRIALS + 1)], -1)
        curves.append((score.max() - best) / (score.max() - score.min()))
    methods = ("transfer", "kernel-transfer", "gp", "random")
    regret = np.stack(curves).reshape(3, 4, SEEDS, TRIALS + 1)
    rank = stats.rankdata(regret.round(8), axis=1).mean(axis=(0, 2))
    assert (regret[1, :, :, -1] == 0).all()
    for row in result.rows:
        of_space = slice(*{"all": (0, 3), "4796": (0, 2), "5527": (2, 3)}[row["space"]])
        at = methods.index(row["method"])
        assert row["tasks"] == of_space.stop - of_space.start
        np.testing.assert_allclose(row["regret"], regret[of_space, at].mean((0, 1)), atol=1e-12)
        low, high = np.array(row["regret_ci"]).T
        found = np.array(row["regret"])
        assert ((low <= found + 1e-6) & (found <= high + 1e-6)).all()
        if row["space"] == "all":
            np.testing.assert_allclose(row["rank"], rank[at], atol=1e-12)
    assert [row["method"] for row in result.rows] == [*methods] * 3
    left_out = {"sources": 4, "sources_left_out": 1, "tasks_left_out": 1}
    assert result.config["spaces"]["4796"] == left_out | {"tasks": 2}


@pytest.mark.slow
def test_the_table_shows_what_was_measured_beside_what_was_published(ran, monkeypatch):
    """After `TRIALS` trials only as many columns are filled as there were trials."""
    folder, result, _ = ran
    monkeypatch.setattr(script, "RESULTS", folder)
    monkeypatch.setattr(reproduction_tables, "SHOWN", (5, TRIALS))
    ours = next(row for row in result.rows if row["method"] == "transfer")
    line = next(line for line in reproduction_tables.hpob().splitlines() if "| transfer" in line)
    assert f"| {ours['regret'][TRIALS]:.4f} [" in line
    assert f"| {ours['rank'][TRIALS]:.2f} |" in line


@pytest.mark.usefixtures("results")
def test_what_was_published_stands_alone_until_there_is_a_result():
    table = reproduction_tables.hpob()
    assert "transfer" not in table
    assert "| FSBO, published | 0.0433 | 0.0286 | 0.0182 | 0.0105 |" in table
