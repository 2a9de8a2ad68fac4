import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space
from nmjax.tasks import (
    encode_history,
    history_scores,
    make_history,
    num_evaluations,
    sample_history,
    scores,
    select_tasks,
    stack_tasks,
)

ROWS = np.zeros((2, 3, 4), int)
VALUES = np.ones((2, 3))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"architecture": np.zeros((2, 3))}, "architecture is float64"),
        ({"architecture": np.zeros((2, 0, 4), int)}, "at least one task"),
        ({"architecture": ROWS.astype(float)}, "architecture is float64"),
        ({"metrics": {}}, "metrics is empty"),
        ({"metrics": {"acc": np.ones((2, 4))}}, "metric 'acc'"),
        ({"metrics": {"acc": np.array([["x"] * 3] * 2)}}, "metric 'acc'"),
        ({"mask": np.ones((2, 3))}, "mask is float64"),
        ({"mask": np.ones((3, 2), bool)}, "mask is bool"),
        ({"context": np.ones(2)}, "context"),
        ({"context": np.ones((3, 1))}, "context"),
        ({"context": np.array([[1.0], [np.inf]])}, "context has the number inf"),
        ({"context": np.array([[-1e39], [np.nan]])}, "context has the number -1e.39"),
    ],
)
def test_wrong_parts_are_refused(change, says):
    parts = {"architecture": ROWS, "metrics": {"acc": VALUES}} | change
    with pytest.raises(NmjaxError, match=says):
        make_history(**parts)


def test_options_are_checked_where_a_row_is_real(space):
    rows = ROWS.copy()
    rows[1, 2, 1] = 3
    with pytest.raises(NmjaxError, match="Task 1, row 2: option 3 of choice 'op'"):
        make_history(rows, {"acc": VALUES}, space=space)
    mask = np.ones((2, 3), bool)
    mask[1, 2] = False
    assert make_history(rows, {"acc": VALUES}, mask=mask, space=space).mask.sum() == 5
    with pytest.raises(NmjaxError, match="3 choices, expected 4"):
        make_history(rows[..., :3], {"acc": VALUES}, space=space)


def test_defaults_are_all_real_rows_and_no_context():
    history = make_history(ROWS, {"acc": VALUES})
    assert history.context.shape == (2, 0)
    assert history.mask.all()
    assert history.architecture.dtype == jnp.int32
    assert history.metrics["acc"].dtype == jnp.float32


def test_stacked_tasks_are_padded_to_the_longest():
    history = stack_tasks(
        [[[1, 2], [3, 4]], [[5, 6]]],
        [{"acc": [0.1, 0.2], "n": [1, 2]}, {"n": [3], "acc": [0.3]}],
        context=[[7.0], [8.0]],
    )
    np.testing.assert_array_equal(history.mask, [[True, True], [True, False]])
    np.testing.assert_array_equal(history.architecture, [[[1, 2], [3, 4]], [[5, 6], [0, 0]]])
    np.testing.assert_allclose(history.metrics["acc"], [[0.1, 0.2], [0.3, np.nan]])
    np.testing.assert_allclose(history.metrics["n"], [[1, 2], [3, np.nan]])
    np.testing.assert_array_equal(num_evaluations(history), [2, 1])


@pytest.mark.parametrize(
    ("rows", "metrics", "says"),
    [
        ([], [], "one of each"),
        ([[[1]]], [], "one of each"),
        ([[[1]], [[1, 2]]], [{"a": [1.0]}, {"a": [1.0]}], "Task 1 has architectures"),
        ([[[1]], [[1]]], [{"a": [1.0]}, {"b": [1.0]}], "Task 1 has metrics"),
        ([[[1]]], [{"a": [1.0, 2.0]}], "metric 'a'"),
    ],
)
def test_tasks_that_do_not_fit_are_refused(rows, metrics, says):
    with pytest.raises(NmjaxError, match=says):
        stack_tasks(rows, metrics)


def test_tasks_are_selected_in_order_with_and_without_jit(suite):
    history = sample_history(jax.random.key(0), suite, suite.tasks, 4)
    for select in (select_tasks, jax.jit(select_tasks)):
        chosen = select(history, jnp.array([3, 1]))
        np.testing.assert_array_equal(chosen.architecture, history.architecture[jnp.array([3, 1])])
        np.testing.assert_array_equal(chosen.metrics["acc"][1], history.metrics["acc"][1])


def test_scores_are_nan_where_padded_or_failed(suite):
    history = make_history(
        ROWS,
        {"time": [[1, 2, 4], [np.nan, 8, 16]]},
        mask=np.array([[True, True, False], [True, True, True]]),
    )
    expected = -np.log([[1, 2, np.nan], [np.nan, 8, 16]])
    for wrap in (lambda f: f, jax.jit):
        score = wrap(lambda h: history_scores(h, suite.metric_info["time"]))(history)
        np.testing.assert_allclose(score, expected, rtol=1e-6)


def test_sampled_rows_are_those_of_the_suite_without_repeats(suite):
    history = sample_history(jax.random.key(1), suite, ("e", "b"), 36)
    for place, task in enumerate((4, 1)):
        index = np.ravel_multi_index(np.asarray(history.architecture[place]).T, (2, 3, 3, 2))
        assert sorted(index) == list(range(36))
        for name, table in suite.metrics.items():
            np.testing.assert_array_equal(history.metrics[name][place], table[task, index])


def test_scores_of_a_history_are_those_of_the_suite(suite):
    history = sample_history(jax.random.key(1), suite, suite.tasks, 36)
    ours = np.sort(history_scores(history, suite.metric_info["acc"]), axis=-1)
    np.testing.assert_allclose(ours, np.sort(scores(suite), axis=-1))


def test_draws_of_a_task_do_not_depend_on_the_other_tasks(suite):
    key = jax.random.key(2)
    together = sample_history(key, suite, ("a", "c"), 5).architecture
    np.testing.assert_array_equal(
        together[1], sample_history(key, suite, ("c",), 5).architecture[0]
    )
    assert (together[0] != together[1]).any()


def test_draws_are_uniform_over_the_pool(suite):
    keys = jax.random.split(jax.random.key(3), 60)
    drawn = [np.asarray(sample_history(k, suite, suite.tasks, 6).architecture) for k in keys]
    index = np.ravel_multi_index(np.stack(drawn).reshape(-1, 4).T, (2, 3, 3, 2))
    assert stats.chisquare(np.bincount(index, minlength=36)).pvalue > 0.01


@pytest.mark.parametrize(("tasks", "size"), [(("z",), 2), ((), 2), (("a",), 0), (("a",), 37)])
def test_impossible_samples_are_refused(suite, tasks, size):
    with pytest.raises(NmjaxError):
        sample_history(jax.random.key(0), suite, tasks, size)


MIXED = Space.build(
    "mixed", [Choice("a", "xy")], [RealChoice("x", 0.0, 4.0), RealChoice("y", 1e-3, 0.1, "log")]
)
NUMBERS = [np.array([[1.0, 1e-3], [4.0, 0.1]]), np.array([[2.0, 0.01]])]


def test_real_valued_choices_go_with_their_rows():
    history = stack_tasks(
        [[[0], [1]], [[1]]], [{"acc": [1, 2]}, {"acc": [3]}], continuous=NUMBERS, space=MIXED
    )
    np.testing.assert_allclose(history.continuous[0], NUMBERS[0], rtol=1e-6)
    np.testing.assert_allclose(history.continuous[1], [*NUMBERS[1], [0, 0]], rtol=1e-6)
    np.testing.assert_array_equal(
        select_tasks(history, np.array([1])).continuous, history.continuous[1:]
    )
    encoding = np.asarray(encode_history(MIXED, history))
    np.testing.assert_allclose(encoding[0], [[1, 0, -0.5, -1], [0, 1, 1, 1]], atol=1e-6)
    np.testing.assert_allclose(encoding[1], [[0, 1, 0, 0], [1, 0, -1, -1]], atol=1e-6)
    with pytest.raises(NmjaxError, match="continuous"):
        encode_history(MIXED, history._replace(continuous=history.continuous[..., :1]))


def test_choices_may_all_be_real_valued():
    nothing = np.zeros((1, 2, 0), int)
    history = make_history(nothing, {"acc": [[1, 2]]}, continuous=NUMBERS[0][None])
    assert (history.architecture.shape, history.continuous.shape) == ((1, 2, 0), (1, 2, 2))
    with pytest.raises(NmjaxError, match="at least one choice"):
        make_history(nothing, {"acc": [[1, 2]]})


@pytest.mark.parametrize(
    ("continuous", "says"),
    [
        (np.zeros((2, 3)), "continuous are"),
        (np.zeros((2, 2, 2)), r"continuous is .*expected float\[2, 3, 2\]"),
        (np.full((2, 3, 2), np.nan), "not all finite"),
        (np.full((2, 3, 2), 0.2), "Task 0, row 0: 'y' is 0.2, expected 0.001 to 0.1"),
        (np.full((2, 3, 1), 0.1), "one for each of"),
        (None, "one for each of"),
    ],
)
def test_real_valued_choices_are_checked_where_a_row_is_real(continuous, says):
    rows = np.zeros((2, 3, 1), int)
    with pytest.raises(NmjaxError, match=says):
        make_history(rows, {"acc": VALUES}, continuous=continuous, space=MIXED)
    if continuous is not None and continuous.shape == (2, 3, 2):
        masked = {"mask": np.zeros((2, 3), bool), "space": MIXED}
        assert make_history(
            rows, {"acc": VALUES}, continuous=continuous, **masked
        ).continuous.shape == (2, 3, 2)


@pytest.mark.parametrize(
    "continuous", [[NUMBERS[0]], [NUMBERS[0], NUMBERS[0]], [NUMBERS[0], [[1.0]]]]
)
def test_real_valued_choices_of_tasks_have_to_fit(continuous):
    with pytest.raises(NmjaxError, match="one R for all"):
        stack_tasks([[[0], [1]], [[1]]], [{"acc": [1, 2]}, {"acc": [3]}], continuous=continuous)


def test_values_that_float32_would_make_equal_are_refused():
    rows, elbo = np.arange(12)[:, None], -2.5e8 + np.arange(12.0)
    with pytest.raises(NmjaxError, match=r"'elbo' has 12 different values, .* distinguishes 2"):
        stack_tasks([rows], [{"elbo": elbo}])
    with pytest.raises(NmjaxError, match=r"Subtract a constant, such as -2\.5e\+08"):
        make_history(rows[None], {"elbo": elbo[None]})
    stack_tasks([rows], [{"elbo": elbo + 2.5e8}])
    noise = 0.3 + np.arange(12) * 1e-16
    assert np.ptp(stack_tasks([rows], [{"acc": noise}]).metrics["acc"]) == 0


@pytest.mark.parametrize("indices", [[7], [-1], [0.5], [True, False]])
def test_indices_of_other_tasks_are_refused(indices):
    history = make_history([[[0]], [[1]]], {"loss": [[0.3], [0.2]]})
    with pytest.raises(NmjaxError, match="for 2 tasks; give whole numbers from 0 to 1"):
        select_tasks(history, indices)
