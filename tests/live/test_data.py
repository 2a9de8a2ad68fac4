"""Real tasks: rows kept apart, standardized by what training may see."""

import builtins

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax import NmjaxError
from nmjax.live import CONTEXT, accuracy, list_tasks, load_task, split_rows
from nmjax.live.data import cross_entropy

NAMES = [name for group in list_tasks() for name in group]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(3, 30), min_size=2, max_size=4), st.integers(0, 5))
def test_every_row_is_in_one_part_and_every_class_in_each(counts, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.stack([np.arange(len(y)) ** 2, np.ones(len(y))], axis=1).astype(float)
    data = jax.tree.map(np.asarray, split_rows(x, y, seed=seed))
    assert sum(len(rows.y) for rows in data) == len(y)
    assert len(np.unique(np.concatenate([rows.x[:, 0] for rows in data]))) == len(y)
    for rows in data:
        assert set(rows.y) == set(range(len(counts)))
        assert not rows.x[:, 1].any()


def test_only_training_rows_set_the_scale():
    x = np.random.default_rng(0).normal(3, 2, (60, 2))
    y = np.arange(60) % 2
    data = split_rows(x, y)
    np.testing.assert_allclose(data.train.x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(data.train.x.std(0), 1, atol=1e-5)
    assert abs(np.asarray(data.test.x.mean(0))).max() > 1e-3


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((4, 2)), np.zeros(3, int), "one row of features"),
        (np.full((6, 1), np.nan), np.arange(6) % 2, "not all finite"),
        (np.zeros((4, 1)), np.array([0, 0, 0, 2]), "at least three rows"),
        (np.zeros((6, 1)), np.zeros(6, int), "two or more classes"),
    ],
)
def test_rows_are_checked(x, y, message):
    with pytest.raises(NmjaxError, match=message):
        split_rows(x, y)


def test_shares_leave_rows_to_train_on():
    with pytest.raises(NmjaxError, match="sum below 1"):
        split_rows(np.zeros((6, 1)), np.arange(6) % 2, shares=(0.5, 0.5))


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_whole(name):
    task = load_task(name)
    assert task.data.train.x.shape[1] == task.inputs
    assert len(task.data.train.y) <= 512
    assert task.context.shape == (len(CONTEXT),)
    assert np.isfinite(task.context).all()
    for rows in task.data:
        assert np.isfinite(rows.x).all()
        assert set(np.asarray(rows.y)) == set(range(task.classes))


def test_there_are_a_dozen_tasks_and_unknown_ones_are_refused():
    assert len(NAMES) == len(set(NAMES)) >= 12
    with pytest.raises(NmjaxError, match="did you mean 'iris'"):
        load_task("irs")


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(NmjaxError, match=r"nmjax\[live\]"):
        load_task("iris")


def test_accuracy_and_cross_entropy_by_hand():
    logits = jnp.log(jnp.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    y = jnp.array([1, 2])
    assert accuracy(logits, y) == 0.5
    assert cross_entropy(logits, y) == pytest.approx(-(np.log(0.25) + np.log(0.8)) / 2, rel=1e-5)
    assert np.isnan(accuracy(logits.at[0, 0].set(jnp.nan), y))


@pytest.mark.parametrize("setting", [{"max_train": 0}, {"max_train": -5}, {"seed": -1}])
def test_numbers_that_leave_no_split_are_refused(setting):
    with pytest.raises(NmjaxError, match=r"Got (max_train|seed)="):
        load_task("iris", **setting)
