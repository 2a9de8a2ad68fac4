"""Searches after pasts of several sizes."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.search import past_sizes
from benchmarks.search.past_sizes import Past
from benchmarks.tables import markdown, past_tables
from nmjax.errors import NmjaxError
from nmjax.evaluation import Trajectories
from nmjax.experiments import Result, Target, collect_provenance, write_result


@pytest.fixture
def split_suite(related):
    """The related tasks, of which the authors test on the last two."""
    parts = {"train": related.tasks[:3], "valid": related.tasks[3:4], "test": related.tasks[4:]}
    return replace(related, splits=(parts,))


def drawn_sources(suite, number):
    """Targets and sources of each past of a seed."""
    pasts = past_sizes.draw_pasts(suite, past_sizes.target_suite(suite), 0)
    return [(names, past_sizes.draw_sources(key, suite, names, number)) for key, names in pasts]


def test_targets_are_the_test_tasks_or_all(related, split_suite):
    assert past_sizes.target_suite(related).tasks == related.tasks
    targets = past_sizes.target_suite(split_suite)
    assert targets.tasks == related.tasks[4:]
    score = related.score_metric
    np.testing.assert_array_equal(targets.metrics[score], related.metrics[score][4:])


def test_targets_without_a_regret_are_left_out(related):
    constant = {name: values.copy() for name, values in related.metrics.items()}
    constant[related.score_metric][2] = 0.5
    targets = past_sizes.target_suite(replace(related, metrics=constant))
    assert targets.tasks == related.tasks[:2] + related.tasks[3:]


def test_test_tasks_share_a_past_of_the_others(split_suite):
    assert drawn_sources(split_suite, None) == [(split_suite.tasks[4:], split_suite.tasks[:4])]


def test_each_task_has_a_past_of_some_sources(related):
    found = drawn_sources(related, 2)
    assert [targets for targets, _ in found] == [(task,) for task in related.tasks]
    for targets, sources in found:
        assert len(set(sources)) == 2
        assert not set(sources) & set(targets)
    assert len({sources for _, sources in found}) > 1


def test_searches_of_a_target_do_not_depend_on_the_methods(split_suite):
    targets, size = past_sizes.target_suite(split_suite), Past(6, sources=2)
    both, seconds = past_sizes.search(split_suite, targets, ("random", "past-best"), size, 1)
    alone, _ = past_sizes.search(split_suite, targets, ("random",), size, 1)
    assert both["random"].rows.shape == (2, 1, past_sizes.BUDGET)
    np.testing.assert_array_equal(both["random"].rows, alone["random"].rows)
    assert seconds > 0
    (key, names), *_ = past_sizes.draw_pasts(split_suite, targets, 0)
    learned = past_sizes.learn_past(key, split_suite, names, size)
    with pytest.raises(NmjaxError, match="task 5"):
        past_sizes.prepare_target(split_suite, replace(learned, sources=("task 5",)), "task 5")


def test_rows_pair_the_difference_with_the_other_method(related):
    order = np.argsort(-np.nan_to_num(related.metrics[related.score_metric], nan=-9), axis=1)
    best_first = np.repeat(order[:, None, :100], 2, axis=1).astype(np.int32)
    found = {
        "transfer": Trajectories(best_first, True, "ours"),
        "random": Trajectories(best_first[..., ::-1], False, "baseline"),
    }
    rows = past_sizes.rows_of(related, found, "40")
    (row,) = (row for row in rows if "minus" in row)
    assert row["minus"] == "random"
    assert row["difference"][0] < 0  # The best architecture comes last.
    assert row["difference"][-1] == pytest.approx(0)
    assert {row["past"] for row in rows} == {"40"}


def result_of(*rows, **config):
    target = Target("toy: evaluations", 10.0, "evaluations", "at most", 33.0, 2)
    about = {"main_past": "300", "targets": ["t"], "seconds_to_learn": {"300": 1.5}} | config
    return Result(
        **collect_provenance(),
        split="s",
        seeds=(0, 1),
        config=about,
        seconds=1.0,
        rows=rows,
        targets=(target,),
    )


def method(name, past, regret, *, transfer=False):
    return {
        "past": past,
        "method": name,
        "kind": "baseline",
        "transfer": transfer,
        "seeds": 2,
        "steps": [1, 5, 20, 100],
        "regret": regret,
        "regret_ci": [None] * 4,
        "n": 2,
    }


def test_tables_show_all_methods_and_all_pasts(results):
    for table in (past_tables.many_tasks, past_tables.past_sizes, past_tables.targets):
        assert table() == markdown.UNMEASURED
    names = ("transfer", "kernel-transfer", "past-best")
    rows = [
        method(name, past, [4.0, 3.0, 2.0, 1.0], transfer=True)
        for past in ("300", "40_of_2", "40")
        for name in names
    ]
    rows += [method("random", past, [4.0, 3.5, 2.5, 1.5]) for past in ("300", "40_of_2", "40")]
    reach = {"evaluations": 9, "ci": [8, 12], "speed_up": 2.0, "speed_up_ci": [1.5, None]}
    rows.append({"past": "300", "reach": "random", **reach})
    gaps = {"difference": [-0.5, -0.5, 0.25], "ci": [[-1, 0], [-1, 0], [0, 1]]}
    rows.append({"past": "300", "minus": "random", "steps": [5, 20, 100], **gaps})
    write_result(results / "search/past_sizes_mdesign-node.json", result_of(*rows))
    table = past_tables.many_tasks()
    assert table.startswith("### mdesign-node\n")
    assert "| random | 4.000 | 3.500 | 2.500 | 1.500 | 9 [8, 12] | 2.0 " in table
    assert "| -0.500 [-1.000, +0.000] | -0.500 [-1.000, +0.000] | +0.250 [" in table
    lines = past_tables.past_sizes().splitlines()[2:]
    assert [line.split(" | ")[1:3] for line in lines] == [
        ["40", "2"],
        ["40", "all"],
        ["300", "all"],
    ]
    assert "| random: 3.500 / 2.500 / 1.500 | 2 |" in lines[0]
    assert "toy: evaluations" in past_tables.targets()
