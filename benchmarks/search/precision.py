"""Regret and rows of searches in bfloat16, float32 and float64.

    python -m benchmarks.search.precision [--suite transnas101] [--searches 16]

Each task is held out in turn, with one past; learning is in single precision, and the same searches
run in each precision. "bfloat16" is single precision with products of matrices whose factors are
rounded to bfloat16 and whose sums are float32, as a TPU does by default; a CPU has no such mode, so
the factors are rounded in the program. In double precision, JAX draws other numbers for the same
key, so `transfer` starts from other architectures; `gp` does not. Writes
benchmarks/results/search/precision.json.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import jax
import jax._src.lax.lax as lax_module  # The only place where all products can be rounded.
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import load_suite
from nmjax.analysis import incumbent, normalized_regret, pool_summary
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.method_runs import MethodRun, _compile_for, run_methods, seed_keys
from nmjax.evaluation.protocol import BUDGET, prepare_search
from nmjax.stats import mean_interval
from nmjax.types import PyTree

METHODS, TASK_SEED = ("transfer", "gp"), 0


@contextmanager
def rounded_products() -> Iterator[None]:
    """Round the factors of all products of matrices to bfloat16 in programs traced within."""
    exact = lax_module.dot_general

    def rounded(lhs: Any, rhs: Any, *arguments: Any, **settings: Any) -> Any:
        short = (jax.lax.reduce_precision(x, 8, 7) for x in (lhs, rhs))
        return exact(*short, *arguments, **settings)

    forget_programs()
    lax_module.dot_general = rounded
    try:
        yield
    finally:
        lax_module.dot_general = exact
        forget_programs()


def forget_programs() -> None:
    """Let the next searches be traced anew."""
    _compile_for.cache_clear()
    jax.clear_caches()


def in_float64(problem: PyTree) -> PyTree:
    """Problem whose numbers are doubles."""
    return jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64) if leaf.dtype == np.float32 else leaf, problem
    )


def search(prepared: Prepared, precision: str, searches: int) -> dict[str, MethodRun]:
    """Run the searches of a held-out task."""
    double = precision == "float64"
    with (
        jax.enable_x64(double),
        rounded_products() if precision == "bfloat16" else nullcontext(),
    ):
        if double:
            prepared = replace(prepared, problem=in_float64(prepared.problem))
        keys = seed_keys(jax.random.key(0), searches)
        return run_methods(keys, prepared, methods=METHODS, budget=BUDGET)


def agreement(rows: np.ndarray, reference: np.ndarray) -> dict:
    """Share of searches int[T, S, B] with the same rows, and evaluations before they part."""
    same = np.logical_and.accumulate(rows == reference, axis=-1)
    return {
        "share_with_the_rows_of_float32": float(same[..., -1].mean()),
        "evaluations_until_they_part": float(same.sum(axis=-1).mean()),
    }


def measure(asked: argparse.Namespace) -> Findings:
    suite = load_suite(asked.suite, data=asked.data)
    learned = [prepare_search(suite, task, TASK_SEED)[0] for task in suite.tasks]
    found = {
        precision: [search(prepared, precision, asked.searches) for prepared in learned]
        for precision in ("float32", "float64", "bfloat16")
    }
    rows = []
    for method in METHODS:
        rows_of = {
            p: np.stack([run[method].trace.row for run in runs]) for p, runs in found.items()
        }
        for precision, runs in found.items():
            regrets, broken = [], 0
            for prepared, run in zip(learned, runs, strict=True):
                best, median = pool_summary(prepared.problem.score)
                trace = run[method].trace
                score = np.asarray(trace.score, np.float32)
                regrets.append(normalized_regret(incumbent(score), best, median))
                broken += int((~np.isfinite(trace.expected_gain)).sum())
            regret = np.stack(regrets)
            interval = mean_interval(jax.random.key(0), regret[..., -1])
            rows.append(
                {
                    "method": method,
                    "precision": precision,
                    "regret_at_20": float(regret[..., 19].mean()),
                    "regret": float(interval.estimate),
                    "regret_ci": [float(interval.low), float(interval.high)],
                    "steps_without_a_finite_belief": broken if method == "transfer" else None,
                    **agreement(rows_of[precision], rows_of["float32"]),
                }
            )
    return Findings(
        split="leave one task out; one past",
        seeds=[TASK_SEED],
        config={"suite": suite.name, "budget": BUDGET, "searches": asked.searches},
        rows=rows,
    )


if __name__ == "__main__":
    parser = make_parser(__doc__, suite="transnas101", searches=16)
    run_benchmark("search/precision", measure, parser)
