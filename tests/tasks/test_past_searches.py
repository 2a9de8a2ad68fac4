import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space
from nmjax.tasks import (
    append_evaluations,
    append_history,
    create_store,
    history_from_frame,
    list_suites,
    load_history,
    load_suite,
    open_store,
    sample_store,
    sample_suite,
)
from nmjax.types import Metric

SPACE = Space.build("toy", (Choice("a", "wxyz"), Choice("b", "uvst")))


def key(seed=0):
    return jax.random.key(seed)


@pytest.fixture
def folder(tmp_path):
    """A short task, and a long one whose first row occurs three times, once with another score."""
    store = create_store(tmp_path / "kept", SPACE, metrics=("acc", "loss"))
    pool = np.stack(np.unravel_index(np.arange(16), (4, 4)), -1)
    score = np.arange(16) / 16
    rows, scores = np.concatenate([pool, pool[:1], pool[:1]]), np.append(score, [0.0, 0.7])
    append_evaluations(store, "long", rows, {"acc": scores, "loss": -scores})
    append_evaluations(store, "short", pool[:3], {"acc": score[:3], "loss": -score[:3]})
    return tmp_path / "kept"


def test_each_architecture_counts_once(folder):
    past = sample_store(key(), folder, maximize="acc", evaluations=100)
    assert past.tasks == ("long", "short")
    assert (past.name, past.metric.name, past.metric.direction) == ("kept", "acc", "max")
    assert past.cost is None
    assert past.history.mask.sum(-1).tolist() == [16, 3]
    for task in range(2):
        rows = past.history.architecture[task][past.history.mask[task]]
        assert len(np.unique(rows, axis=0)) == len(rows)


def test_a_past_may_be_on_an_object_store(folder):
    url = f"memory:/{folder}"
    store = create_store(url, SPACE, metrics=("acc", "loss"))
    stored = load_history(open_store(folder))
    append_history(store, stored.history, stored.tasks)
    past, local = (
        sample_store(key(), place, maximize="acc", evaluations=100) for place in (url, folder)
    )
    assert (past.name, past.tasks) == (local.name, local.tasks)
    jax.tree.map(np.testing.assert_array_equal, past.history, local.history)


def test_few_are_drawn_at_random_with_their_metrics(folder):
    past = sample_store(key(), folder, minimize="loss", cost="acc", tasks=("long",), evaluations=5)
    assert (past.metric.name, past.metric.direction) == ("loss", "min")
    assert (past.cost.name, past.cost.direction) == ("acc", "min")
    assert past.history.mask.shape == (1, 5)
    flat = np.asarray(past.history.architecture)[0] @ [4, 1]
    known = np.asarray(past.history.mask)[0] & (flat > 0)
    np.testing.assert_allclose(np.asarray(past.history.metrics["acc"])[0][known], flat[known] / 16)
    np.testing.assert_allclose(past.history.metrics["loss"], -past.history.metrics["acc"])
    others = [
        sample_store(k, folder, maximize="acc", evaluations=5) for k in jax.random.split(key(), 3)
    ]
    drawn = {tuple(np.asarray(other.history.architecture)[0] @ [4, 1]) for other in others}
    assert len(drawn) == 3


def test_invalid_arguments_of_a_store_are_refused(folder):
    for options, says in (
        ({"maximize": "ac", "evaluations": 1}, "did you mean 'acc'"),
        ({"maximize": "acc", "cost": "los", "evaluations": 1}, "did you mean 'loss'"),
        ({"maximize": "acc", "evaluations": 0}, "evaluations=0"),
        ({"evaluations": 5}, "maximize= or minimize= with one of acc, loss"),
        ({"maximize": "acc", "minimize": "loss", "evaluations": 5}, "got both"),
    ):
        with pytest.raises(NmjaxError, match=says):
            sample_store(key(), folder, **options)


def test_the_past_of_a_suite():
    if not next(info for info in list_suites() if info.name == "nas-bench-201").installed:
        pytest.skip("nas-bench-201 is not installed")
    past = sample_suite(key(), "nas-bench-201", evaluations=10)
    assert past.history.architecture.shape == (3, 10, 6)
    assert (past.metric.name, past.cost.name) == ("val_acc", "latency")
    swapped = sample_suite(
        key(), "nas-bench-201", "latency", tasks=("cifar100",), evaluations=10**6
    )
    assert swapped.history.mask.shape == (1, 6466)
    assert swapped.cost.name == "model_size"
    loaded = sample_suite(key(), load_suite("nas-bench-201"), evaluations=10)
    np.testing.assert_array_equal(loaded.history.architecture, past.history.architecture)
    with pytest.raises(NmjaxError, match="did you mean 'latency'"):
        sample_suite(key(), "nas-bench-201", cost="latenc", evaluations=10)


FRAME = {"task": ["t", "u"], "a": ["w", "x"], "b": ["u", "v"], "acc": [0.1, 0.9], "cost": [1, 2]}


def test_the_metric_to_improve_has_the_direction_of_its_keyword():
    past = history_from_frame(FRAME, SPACE, minimize="acc", metrics=("cost",))
    assert past.metric == Metric("acc", direction="min")
    assert set(past.history.metrics) == {"acc", "cost"}
    np.testing.assert_allclose(past.scores, [[-0.1], [-0.9]], rtol=1e-6)
    accuracy = Metric("acc", "accuracy", "max", "log_error")
    assert history_from_frame(FRAME, SPACE, maximize=accuracy).metric == accuracy
    assert history_from_frame(FRAME, SPACE, minimize=Metric("acc", "s")).metric.direction == "min"


def test_past_searches_of_a_store_have_the_metric_that_is_asked_for(folder):
    past = load_history(open_store(folder), ("short",), minimize="loss")
    assert (past.name, past.tasks, past.metric) == ("kept", ("short",), Metric("loss", "", "min"))
    np.testing.assert_allclose(past.scores, -past.history.metrics["loss"])
    with pytest.raises(NmjaxError, match="no metric to improve"):
        _ = load_history(open_store(folder)).scores


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        ({}, "Expected a metric to improve, got none"),
        ({"maximize": "acc", "minimize": "cost"}, "one of maximize and minimize, got both"),
        ({"maximize": Metric("acc", direction="min")}, "Pass it as minimize="),
        ({"maximize": "ac"}, "did you mean 'acc'"),
        ({"metrics": "acc"}, "Expected a list of names as metrics"),
    ],
)
def test_no_metric_two_metrics_or_a_wrong_one_are_refused(metric, says):
    with pytest.raises(NmjaxError, match=says):
        history_from_frame(FRAME, SPACE, **metric)


def test_tasks_are_selected_by_name():
    past = history_from_frame(FRAME, SPACE, maximize="acc")
    turned = past.select(["u", "t"])
    assert turned.tasks == ("u", "t")
    np.testing.assert_array_equal(turned.history.metrics["acc"], past.history.metrics["acc"][::-1])
    for tasks, says in (
        (["v"], "Unknown task 'v'"),
        ([], "at least one task"),
        (["t", "t"], "distinct task names"),
    ):
        with pytest.raises(NmjaxError, match=says):
            past.select(tasks)


def test_past_searches_that_do_not_fit_together_are_refused():
    past = history_from_frame(FRAME, SPACE, maximize="acc")
    wide = Space.build("wide", (*SPACE.choices, Choice("c", (1, 2))))
    for changes, says in (
        ({"tasks": ("t",)}, "Expected 2 distinct task names"),
        ({"space": wide}, "Expected 3 discrete"),
        ({"metric": Metric("ac")}, "did you mean 'acc'"),
        ({"cost": Metric("price")}, "Unknown metric 'price'"),
    ):
        with pytest.raises(NmjaxError, match=says):
            past.replace(**changes)
