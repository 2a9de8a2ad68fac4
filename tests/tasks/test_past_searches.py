import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space
from nmjax.tasks import (
    append_evaluations,
    append_history,
    create_store,
    list_suites,
    load_history,
    open_store,
    sample_store,
    sample_suite,
)

SPACE = Space.build("toy", (Choice("a", "wxyz"), Choice("b", "uvst")))


def key(seed=0):
    return jax.random.key(seed)


@pytest.fixture
def folder(tmp_path):
    """A short task, and a long one whose first row is there thrice, once with another score."""
    store = create_store(tmp_path / "kept", SPACE, metrics=("acc", "loss"))
    pool = np.stack(np.unravel_index(np.arange(16), (4, 4)), -1)
    score = np.arange(16) / 16
    rows, scores = np.concatenate([pool, pool[:1], pool[:1]]), np.append(score, [0.0, 0.7])
    append_evaluations(store, "long", rows, {"acc": scores, "loss": -scores})
    append_evaluations(store, "short", pool[:3], {"acc": score[:3], "loss": -score[:3]})
    return tmp_path / "kept"


def test_each_architecture_counts_once(folder):
    past = sample_store(key(), folder, evaluations=100)
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
    past, local = (sample_store(key(), place, evaluations=100) for place in (url, folder))
    assert (past.name, past.tasks) == (local.name, local.tasks)
    jax.tree.map(np.testing.assert_array_equal, past.history, local.history)


def test_few_are_drawn_at_random_with_their_metrics(folder):
    past = sample_store(
        key(), folder, "loss", "acc", direction="min", tasks=("long",), evaluations=5
    )
    assert (past.metric.name, past.metric.direction) == ("loss", "min")
    assert (past.cost.name, past.cost.direction) == ("acc", "min")
    assert past.history.mask.shape == (1, 5)
    flat = np.asarray(past.history.architecture)[0] @ [4, 1]
    known = np.asarray(past.history.mask)[0] & (flat > 0)
    np.testing.assert_allclose(np.asarray(past.history.metrics["acc"])[0][known], flat[known] / 16)
    np.testing.assert_allclose(past.history.metrics["loss"], -past.history.metrics["acc"])
    others = [sample_store(k, folder, evaluations=5) for k in jax.random.split(key(), 3)]
    drawn = {tuple(np.asarray(other.history.architecture)[0] @ [4, 1]) for other in others}
    assert len(drawn) == 3


def test_what_is_not_there_is_told(folder):
    for options, says in (
        ({"metric": "ac", "evaluations": 1}, "did you mean 'acc'"),
        ({"cost": "los", "evaluations": 1}, "did you mean 'loss'"),
        ({"evaluations": 0}, "--evaluations 0"),
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
    with pytest.raises(NmjaxError, match="did you mean 'latency'"):
        sample_suite(key(), "nas-bench-201", cost="latenc", evaluations=10)
