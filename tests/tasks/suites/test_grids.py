"""M-DESIGN and Dataset2Vec: grids of all tasks in one file, with context and splits."""

import os

import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import get_space
from nmjax.tasks import list_suites, load_suite, sample_history, scores

INFOS = {info.name: info for info in list_suites()}
NAMES = [name for name in INFOS if name.startswith(("mdesign", "dataset2vec"))]


def write(folder, name, **change):
    """A file in the format of the original, with accuracies that name the task and the row."""
    info = INFOS[name]
    space = get_space(info.space)
    options = [np.arange(number) for number in space.num_options]
    pool = np.stack(np.meshgrid(*options, indexing="ij"), -1).reshape(-1, len(options))
    if name == "dataset2vec-a":
        pool = pool[(pool[:, 1] > 0) | (pool[:, 4] == 3)]
    tasks, rows = np.arange(len(info.tasks)), np.arange(len(pool))
    accuracy = (tasks[:, None] + rows[None] / len(pool)).astype(np.float32)
    arrays = {"tasks": np.array(info.tasks), "pool": pool.astype(np.int8), "accuracy": accuracy}
    if name.startswith("mdesign"):
        arrays["accuracy_std"] = 0.1 * accuracy
    else:
        arrays["context"] = np.tile(tasks[:, None], (1, 22)).astype(np.float32)
        arrays["split"] = np.array([["train", "valid", "test"]] * 40).reshape(1, -1)
    path = folder / info.file
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **(arrays | change))
    return pool


@pytest.mark.parametrize("name", ["mdesign-node", "dataset2vec-a"])
def test_scores_are_found_by_architecture(tmp_path, name):
    pool = write(tmp_path, name)
    suite = load_suite(name, data=tmp_path)
    info = INFOS[name]
    assert len(suite.pool) == info.size == len(pool)
    assert np.isfinite(scores(suite)).all()
    row_of = {tuple(row): index for index, row in enumerate(pool.tolist())}
    for place in (0, 7, len(pool) - 1):
        row = list(suite.pool[place])
        if name == "dataset2vec-a" and row[1] == 0:
            row[4] = 3  # The file has one shape of a single layer.
        expected = 3 + row_of[tuple(map(int, row))] / len(pool)
        assert scores(suite)[3, place] == pytest.approx(expected, rel=1e-6)


def test_context_and_splits_come_with_the_tasks(tmp_path):
    write(tmp_path, "dataset2vec-b")
    suite = load_suite("dataset2vec-b", data=tmp_path)
    assert suite.context.shape == (120, 22)
    assert suite.context[5, 0] == 5
    (split,) = suite.splits
    assert {part: len(tasks) for part, tasks in split.items()} == dict.fromkeys(split, 40)
    assert split["valid"][0] == suite.tasks[1]
    history = sample_history(jax.random.key(0), suite, [suite.tasks[5]], 4)
    np.testing.assert_array_equal(history.context, suite.context[5:6])


def test_m_design_has_neither_context_nor_splits(tmp_path):
    write(tmp_path, "mdesign-link")
    suite = load_suite("mdesign-link", data=tmp_path)
    assert suite.context is None
    assert suite.splits == ()


@pytest.mark.parametrize(
    "change",
    [
        {"pool": np.full((2800, 6), 9, np.int8)},
        {"pool": np.zeros((2800, 5), np.int8)},
        {"tasks": np.array(["another"])},
        {"accuracy": np.zeros((11, 3), np.float32)},
    ],
)
def test_wrong_files_are_refused(tmp_path, change):
    write(tmp_path, "mdesign-node", **change)
    with pytest.raises(NmjaxError, match="make it again"):
        load_suite("mdesign-node", data=tmp_path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.skipif("NMJAX_DATA" not in os.environ, reason="NMJAX_DATA is not set")
def test_the_real_file_is_complete(name):
    suite = load_suite(name)
    assert np.isfinite(scores(suite)).all()
    assert 0 <= scores(suite).min() <= scores(suite).max() <= 1
    if suite.splits:
        sizes = [tuple(map(len, (s["train"], s["valid"], s["test"]))) for s in suite.splits]
        assert sizes == [(80, 16, 24)] * 5
