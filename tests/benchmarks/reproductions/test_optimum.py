import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.reproductions import optimum
from benchmarks.tables import reproduction_tables
from nmjax.experiments import Result, collect_provenance, write_result


def test_evaluations_to_the_best_by_hand():
    score = np.array([0.1, 0.9, np.nan, 0.9, 0.3])
    at = optimum.found_at(np.array([[0, 4, 3], [1, 3, 0], [2, 0, 4]]), score)
    np.testing.assert_array_equal(at, [3, 1, np.inf])
    row = optimum.summarize("local-search", "cifar100", at)
    assert (row["median"], row["mean"], row["found"]) == (3, None, pytest.approx(2 / 3))
    assert optimum.summarize("evolution", "cifar10", at[:2])["mean"] == 2


def test_random_search_is_known_exactly():
    """The first of two best among three: 1, 1 or 2 draws, equally likely."""
    assert optimum.exact_random(jnp.array([1.0, 0.0, 1.0])) == pytest.approx(4 / 3)


def test_the_table_puts_first_what_finds_it_soonest(results):
    at = {"evolution": ([90, np.inf, 92], [70, 72, 74]), "transfer": ([8, 10, 12], [3, 4, 5])}
    rows = [
        optimum.summarize(method, task, np.array(found, float))
        for method, tasks in at.items()
        for task, found in zip(("cifar10", "cifar100"), tasks, strict=True)
    ]
    result = Result(
        **collect_provenance(), split="s", seeds=(0,), config={}, seconds=1.0, rows=tuple(rows)
    )
    assert reproduction_tables.optimum_short() == "Not measured yet."
    write_result(results / "reproductions/optimum.json", result)
    lines = reproduction_tables.optimum_short().splitlines()[2:4]
    assert lines == ["| transfer | 10 | 4 | 3 |", "| evolution | 67% within 1500 | 72 | 3 |"]
