import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import get_space, parse
from nmjax.tasks import (
    Finding,
    check_quality,
    drop_findings,
    make_history,
    num_evaluations,
    sample_history,
    stack_tasks,
)


def listed(found):
    """{(kind, task): rows}."""
    return {(finding.kind, finding.task): finding.rows.tolist() for finding in found}


@pytest.fixture
def history(suite):
    """Three tasks of 30 evaluations without a fault, as arrays that may be written to."""
    drawn = sample_history(jax.random.key(0), suite, ("a", "c", "d"), 30)
    return jax.tree.map(np.array, drawn)


def test_nothing_is_found_where_nothing_is_wrong(history, space):
    assert check_quality(history, space) == ()
    history.mask[0, 9:] = False
    assert listed(check_quality(history, space)) == {("few", 0): list(range(9))}


def test_each_fault_is_listed_with_its_rows(history, space):
    rows, acc, time = history.architecture, history.metrics["acc"], history.metrics["time"]
    rows[0, 3], rows[0, 21, 2] = -1, 3
    for where, original in ((17, 4), (25, 4), (11, 10)):
        rows[0, where], acc[0, where], time[0, where] = rows[0, original], 0.5, 5.0
    acc[0, 17], time[0, 17] = acc[0, 4], time[0, 4]
    acc[1, [2, 8]] = np.nan
    time[1, 5] = np.inf
    time[2] = 7.0
    found = check_quality(history, space, tasks=("cora", "arxiv", "cs"))
    assert listed(found) == {
        ("outside", 0): [3, 21],
        ("duplicate", 0): [17],
        ("repeated", 0): [11, 25],
        ("failed", 1): [2, 8],
        ("infinite", 1): [5],
        ("constant", 2): list(range(30)),
    }
    assert found[0].text == "2 of 30 of 'cora': no architecture of space 'toy'."
    assert "metric 'time' is 7 throughout" in found[-1].text


def test_values_that_overflow_or_are_rounded_are_listed(history, space):
    history.metrics["acc"][0, 4] = 1e38
    history.metrics["acc"][1, 7] = -1e17
    history.metrics["time"][2] = np.float32(-2.5e8) + 16 * np.arange(30) % 64
    found = check_quality(history, space)
    assert listed(found) == {
        ("huge", 0): [4],
        ("huge", 1): [7],
        ("rounded", 2): list(range(30)),
    }
    assert "stored in steps of 16; subtract a constant, such as -2.5e+08" in found[-1].text
    history.metrics["time"][2] = np.float32(1.7e9) + 1024 * np.arange(30)
    assert listed(check_quality(history, space)).keys() == {("huge", 0), ("huge", 1)}


def test_evaluations_of_another_task_are_listed_in_the_later(history, space):
    taken, free = np.array([3, 7, 20]), np.array([1, 2, 9])
    for leaf in (history.architecture, *history.metrics.values()):
        leaf[2, free] = leaf[0, taken]
    found = [f for f in check_quality(history, space) if f.kind == "leaked"]
    assert listed(found) == {("leaked", 2): free.tolist()}
    assert "evaluations of '0'" in found[0].text
    assert not any(f.kind == "leaked" for f in check_quality(history, space, leak_share=0.2))


def test_what_equals_by_chance_or_fails_in_both_is_no_leak(history, space):
    history.architecture[2, :2] = history.architecture[0, :2]
    for values in history.metrics.values():
        values[2, 0] = values[0, 0]
        values[2, 1] = values[0, 1] = np.nan
    kinds = {finding.kind for finding in check_quality(history, space)}
    assert kinds <= {"failed", "repeated"}


def test_a_metric_without_a_finite_value_is_not_constant(history, space):
    history.metrics["acc"][0], history.metrics["time"][0] = np.inf, np.nan
    kinds = [finding.kind for finding in check_quality(history, space)]
    assert kinds == ["infinite", "failed", "few"]


def test_padding_is_not_looked_at(history, space):
    history.architecture[0, 20:] = -1
    history.metrics["acc"][0, 20:] = np.nan
    history.mask[0, 20:] = False
    assert check_quality(history, space) == ()


def test_duplicates_and_leaks_are_those_of_a_plain_search(space):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (4, 40, 4))
    acc = rng.integers(0, 3, (4, 40)) * rng.choice([-1.0, 1.0], (4, 40))
    mask = rng.random((4, 40)) < 0.9
    found = listed(check_quality(make_history(rows, {"acc": acc}, mask=mask), space, leak_share=0))
    for task in range(4):
        seen, duplicate, repeated = [], [], []
        for row in np.flatnonzero(mask[task]):
            mine = (*rows[task, row], acc[task, row])
            if mine in seen:
                duplicate.append(row)
            elif mine[:4] in [other[:4] for other in seen]:
                repeated.append(row)
            seen.append(mine)
        assert found[("duplicate", task)] == duplicate
        assert found[("repeated", task)] == repeated


def test_isomorphic_architectures_are_one():
    space = get_space("nas-bench-graph")
    rows = [
        parse(space, f"link=0000 op1={a} op2={b} op3=gat op4=gat")
        for a, b in (("gcn", "sage"), ("sage", "gcn"), ("gcn", "gcn"))
    ]
    invalid = np.array([0, 8, 8, 8, 8])
    history = stack_tasks([np.stack([*rows, invalid])], [{"acc": [0.1, 0.1, 0.1, 0.2]}])
    found = listed(check_quality(history, space, min_evaluations=0))
    assert found == {("outside", 0): [3], ("duplicate", 0): [1]}


def test_only_what_was_chosen_is_kept_out(history, space):
    history.architecture[0, 3] = -1
    history.metrics["acc"][1, [2, 8]] = np.nan
    found = check_quality(history, space)
    kept = drop_findings(history, [f for f in found if f.kind == "failed"])
    np.testing.assert_array_equal(num_evaluations(kept), [30, 28, 30])
    assert listed(check_quality(kept, space)) == {("outside", 0): [3]}
    assert check_quality(drop_findings(history, found), space) == ()
    np.testing.assert_array_equal(kept.architecture, history.architecture)
    assert isinstance(kept.mask, jnp.ndarray)
    assert history.mask.all()


def test_other_spaces_and_names_are_refused(history, space):
    with pytest.raises(NmjaxError, match="expected 5"):
        check_quality(history, get_space("nas-bench-graph"))
    with pytest.raises(NmjaxError, match="1 task names"):
        check_quality(history, space, tasks=("a",))


def test_unknown_kinds_of_findings_are_refused():
    with pytest.raises(NmjaxError, match="Unknown kind of finding 'faild': did you mean 'failed'"):
        Finding("faild", 0, np.array([1]), "")
