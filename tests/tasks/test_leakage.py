import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.tasks import refuse_leakage


@pytest.fixture
def data():
    """Four tasks with six evaluations, five of them successful."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 3, (4, 6, 2)), rng.normal(size=(4, 6)).astype(np.float32)
    y[:, 2] = np.nan
    return x, y, np.ones((4, 6), bool)


def rows(data, tasks):
    return tuple(leaf[tasks] for leaf in data)


def test_tasks_of_their_own_pass(data):
    refuse_leakage(rows(data, [0, 1]), rows(data, [2, 3]))


def test_pairs_are_named(data):
    with pytest.raises(NmjaxError, match="split: 0 and 1, 2 and 0"):
        refuse_leakage(rows(data, [3, 0, 1]), rows(data, [1, 3]))
    with pytest.raises(NmjaxError, match="cora and new"):
        refuse_leakage(
            rows(data, [3, 0]),
            rows(data, [0]),
            training_names=["a", "cora"],
            evaluation_names=["new"],
        )


def test_neither_order_nor_padding_nor_failures_hide_a_task(data):
    x, y, mask = rows(data, [0])
    order = np.array([5, 3, 0, 1, 4])
    longer = np.pad(x[:, order], ((0, 0), (0, 4), (0, 0)), constant_values=7)
    scores = np.pad(y[:, order], ((0, 0), (0, 4)), constant_values=3.0)
    with pytest.raises(NmjaxError, match="0 and 0"):
        refuse_leakage((x, y, mask), (longer, scores, np.arange(9)[None] < 5))


@pytest.mark.parametrize("what", [0, 1])
def test_one_other_number_makes_another_task(data, what):
    other = tuple(leaf.copy() for leaf in data)
    other[what].reshape(4, 6, -1)[:, 4, 0] += 1
    refuse_leakage(data, other)


def test_tasks_without_a_success_are_not_the_same(data):
    x, y, mask = data
    refuse_leakage((x, y, ~mask), (x, y * np.nan, mask))
