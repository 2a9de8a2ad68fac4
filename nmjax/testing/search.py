"""Conformance of a search."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.search import Problem, Record, SearchAlgorithm, SearchHyper, SearchInfo
from nmjax.search.problem import with_unevaluated_changed
from nmjax.testing.compare import (
    Counted,
    assert_close,
    assert_equal,
    through_host,
    to_numpy,
)
from nmjax.types import Array, PyTree


def check_search(
    algorithm: SearchAlgorithm[Any, Any], problem: Problem, hyper: SearchHyper
) -> None:
    """Check a search whose state has a `record`, and its halves `suggest` and `observe`.

    No row is evaluated twice, whether suggested or not; the budget is spent exactly, as a mask that
    compiles nothing again; runs are equal from the same key, from a saved state, within a scan,
    under `vmap` and by halves; no score is read before its evaluation; failed evaluations are
    counted, and the search continues.

    Args:
      algorithm: the search to check, of capacity `hyper.budget` + 2 or more.
      problem: a problem of N > `hyper.budget` + 2 rows, no score NaN.
      hyper: the search's traced numbers, with a `budget` of at least 4.

    Raises:
      AssertionError: a property does not hold.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.testing import check_search
      >>> from nmjax.knowledge import default_knowledge
      >>> from nmjax.search import RandomSearch, default_hyper, make_problem
      >>> from nmjax.spaces import Space, enumerate_architectures
      >>> space = Space("tiny", op=["a", "b", "c"], act=["relu", "tanh", "gelu"])
      >>> pool, scores = enumerate_architectures(space), jnp.arange(9.0)
      >>> problem = make_problem(space, pool, scores, default_knowledge(space))
      >>> check_search(RandomSearch(capacity=6), problem, default_hyper(4))
    """
    budget = int(hyper.budget)
    length = budget + 2
    step, init = Counted(algorithm.step), jax.jit(algorithm.init)
    start = init(jax.random.key(0), problem, hyper)

    def play(
        problem: Problem, hyper: SearchHyper, state: PyTree, number: int = length
    ) -> tuple[PyTree, SearchInfo]:
        infos = []
        for _ in range(number):
            state, info = step(state, problem, hyper)
            infos.append(jax.device_get(info))
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    final, trace = play(problem, hyper, start)
    _check_trace(trace, final.record, problem, budget)
    again = init(jax.random.key(0), problem, hyper)
    assert_equal("two runs from one key", play(problem, hyper, again), (final, trace))

    saved, _ = play(problem, hyper, start, 3)
    assert_equal("a resumed run", play(problem, hyper, through_host(saved), length - 3)[0], final)

    shorter = hyper._replace(budget=jnp.full_like(hyper.budget, budget - 2))
    cut, cut_trace = play(problem, shorter, start)
    _check_trace(cut_trace, cut.record, problem, budget - 2)
    assert_equal(
        "rows under a smaller budget", cut_trace.row[: budget - 2], trace.row[: budget - 2]
    )

    for changed in with_unevaluated_changed(problem, final.record.evaluated):
        rows = play(changed, hyper, init(jax.random.key(0), changed, hyper))[1].row
        assert_equal("rows after a change of scores not evaluated", rows, trace.row)

    for what, fails in (("the first", 1), ("the first three", 3), ("all", budget)):
        rows = trace.row[:fails]
        failing = problem._replace(score=problem.score.at[rows].set(jnp.nan))
        if fails == budget:
            failing = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
        after, failed = play(failing, hyper, start)
        _check_trace(failed, after.record, failing, budget, f" where {what} evaluations fail")
    step.check_once("step")
    _check_forms(algorithm, step, problem, hyper, start, trace)


def _check_trace(
    trace: SearchInfo, record: Record, problem: Problem, budget: int, when: str = ""
) -> None:
    rows = np.asarray(trace.row[:budget])
    assert np.all((rows >= 0) & (rows < len(problem.score))), f"Rows {rows} leave the pool{when}."
    assert len(set(rows.tolist())) == budget, f"Rows {rows} repeat one another{when}."
    counted = np.arange(len(trace.row)) < budget
    assert_equal(f"what was counted{when}", trace.counted, counted)
    assert_equal(f"rows past the budget{when}", trace.row[budget:], -1)
    assert_equal(f"scores of the trace{when}", trace.score[:budget], problem.score[rows])
    assert np.isnan(trace.score[budget:]).all(), f"A score came after the budget was spent{when}."
    assert_equal(f"the record's steps{when}", record.step, budget)
    assert_equal(f"the record's rows{when}", record.row[:budget], rows)
    assert_equal(f"the record's scores{when}", record.score[:budget], problem.score[rows])
    assert_equal(f"rows marked as evaluated{when}", np.flatnonzero(record.evaluated), np.sort(rows))


def _check_forms(
    algorithm: SearchAlgorithm[Any, Any],
    step: Callable[..., Any],
    problem: Problem,
    hyper: SearchHyper,
    start: PyTree,
    trace: SearchInfo,
) -> None:
    close = partial(assert_close, tolerance=1e-3)

    @jax.jit
    def scanned(state: PyTree, problem: Problem, hyper: SearchHyper) -> SearchInfo:
        def body(carried: PyTree, _: None) -> tuple[PyTree, SearchInfo]:
            return algorithm.step(carried, problem, hyper)

        return jax.lax.scan(body, state, None, length=len(trace.row))[1]

    close("the trace of a scan and of single steps", scanned(start, problem, hyper), trace)

    stepped = step(start, problem, hyper)
    index = jax.jit(algorithm.suggest)(start, problem, hyper)
    observe = jax.jit(algorithm.observe)
    halves = observe(start, problem, hyper, index, problem.score[index])
    close("a step and its halves", halves, stepped)

    unsuggested = jnp.asarray(trace.row[int(hyper.budget) - 1])
    observed, _ = observe(start, problem, hyper, unsuggested, problem.score[unsuggested])
    rows = scanned(observed, problem, hyper).row
    assert unsuggested not in rows, f"Row {unsuggested} was suggested after it had been observed."

    @jax.jit
    @jax.vmap
    def first(number: Array) -> tuple[PyTree, SearchInfo]:
        key = jax.random.key(number)
        return algorithm.step(algorithm.init(key, problem, hyper), problem, hyper)

    both = to_numpy(first(jnp.array([1, 0])))
    close("a step with and without vmap", jax.tree.map(lambda leaf: leaf[1], both), stepped)
