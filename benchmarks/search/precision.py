"""Regret and rows of searches in bfloat16, float32 and float64.

    NMJAX_DATA=FOLDER python -m benchmarks.search.precision [--suite transnas101] [--searches 8]

Each task is held out in turn, with one past; learning is in single precision, and the same searches
run in each precision. "bfloat16" is single precision with products of matrices whose factors are
rounded to bfloat16 and whose sums are float32, as a TPU does where no higher precision is asked
for; a CPU has no such mode, so the factors are rounded in the program. Factorizations stay in
single precision. In double precision, JAX draws other numbers for the same key, so searches with
random evaluations make others. Writes benchmarks/results/search/precision.json.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import load_suite
from nmjax.analysis import incumbent, normalized_regret, pool_summary
from nmjax.evaluation.method_runs import seed_keys
from nmjax.evaluation.methods import get_algorithm, get_method
from nmjax.evaluation.protocol import BUDGET, prepare_search
from nmjax.search import Problem, SearchInfo, default_hyper, run
from nmjax.stats import mean_interval
from nmjax.types import Array

METHODS, TASK_SEED = ("transfer", "kernel-transfer", "gp"), 0
WITH_BELIEF = METHODS[:2]
"""Methods whose trace has the expected gain of a step, which is not finite if a belief is not."""


@contextmanager
def rounded_products() -> Iterator[None]:
    """Round the factors of products of matrices to bfloat16 in programs traced within.

    Products that ask for the highest precision are left alone.
    """
    product = jax.lax.dot_general_p
    exact = product.bind

    def rounded(*factors: Array, precision: Any, **settings: Any) -> Any:
        if jax.lax.Precision.HIGHEST not in (precision or ()):
            factors = tuple(jax.lax.reduce_precision(x, 8, 7) for x in factors)
        return exact(*factors, precision=precision, **settings)

    jax.clear_caches()
    with patch.object(product, "bind", rounded):
        yield
    jax.clear_caches()


PRECISIONS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float32": nullcontext,
    "float64": jax.enable_x64,
    "bfloat16": rounded_products,
}


def make_search(method: str) -> Callable[[Array, Problem], SearchInfo]:
    """Return a compiled function from S keys and a problem to the traces [S, B] of a method."""
    algorithm, view = get_algorithm(method, BUDGET), get_method(method).view

    def search(key: Array, problem: Problem) -> SearchInfo:
        seen, hyper = view(problem), default_hyper(BUDGET)
        start = algorithm.init(key, seen, hyper)
        return run(start, seen, algorithm, hyper, steps=BUDGET)[1]

    return jax.jit(jax.vmap(search, in_axes=(0, None)))


def in_double(leaf: Array) -> np.ndarray:
    """Convert a number of single precision to double precision."""
    array = np.asarray(leaf)
    return array.astype(np.float64) if array.dtype == np.float32 else array


def searches(
    problems: Sequence[Problem], method: str, precision: str, number: int
) -> list[SearchInfo]:
    """Run the searches of each task in one precision; traces [S, B] of each."""
    with PRECISIONS[precision]():
        search, keys = make_search(method), seed_keys(jax.random.key(TASK_SEED), number)
        if precision == "float64":
            problems = [jax.tree.map(in_double, problem) for problem in problems]
        return [jax.device_get(search(keys, problem)) for problem in problems]


def final_regret(problem: Problem, trace: SearchInfo) -> Array:
    """Normalized regret float[S] at the end of the searches."""
    score = np.asarray(problem.score)[trace.row]
    return normalized_regret(incumbent(score), *pool_summary(problem.score))[:, -1]


def with_interval(name: str, values: np.ndarray) -> dict:
    """Mean of float[T, S] and its interval over tasks and searches."""
    interval = mean_interval(jax.random.key(0), jnp.asarray(values))
    return {
        name: float(interval.estimate),
        f"{name}_ci": [float(interval.low), float(interval.high)],
    }


def compare(
    problems: Sequence[Problem], traces: Sequence[SearchInfo], reference: Sequence[SearchInfo]
) -> dict:
    """Regret of searches, their difference from a reference, and until when rows are the same."""
    regret, usual = (
        np.stack([final_regret(*pair) for pair in zip(problems, found, strict=True)])
        for found in (traces, reference)
    )
    rows, usual_rows = (np.stack([trace.row for trace in found]) for found in (traces, reference))
    same = np.logical_and.accumulate(rows == usual_rows, axis=-1)
    return {
        **with_interval("regret", regret),
        **with_interval("regret_minus_float32", regret - usual),
        "share_with_the_rows_of_float32": float(same[..., -1].mean()),
        "evaluations_until_they_part": float(same.sum(axis=-1).mean()),
    }


def measure(asked: argparse.Namespace) -> Findings:
    suite = load_suite(asked.suite, data=asked.data)
    problems = [prepare_search(suite, task, TASK_SEED)[0].problem for task in suite.tasks]
    rows = []
    for method in METHODS:
        found = {
            precision: searches(problems, method, precision, asked.searches)
            for precision in PRECISIONS
        }
        for precision, traces in found.items():
            gains = np.stack([trace.expected_gain for trace in traces])
            infinite = int((~np.isfinite(gains)).sum()) if method in WITH_BELIEF else None
            rows.append(
                {
                    "method": method,
                    "precision": precision,
                    **compare(problems, traces, found["float32"]),
                    "steps_without_a_finite_belief": infinite,
                }
            )
    return Findings(
        split=f"{suite.name}: leave one task out; one past",
        seeds=[TASK_SEED],
        config={"suite": suite.name, "budget": BUDGET, "searches": asked.searches},
        rows=rows,
    )


if __name__ == "__main__":
    parser = make_parser(__doc__, suite="transnas101", searches=8)
    run_benchmark("search/precision", measure, parser)
