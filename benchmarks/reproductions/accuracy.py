"""Rank correlation of predictions for a held-out task after a few evaluations.

    python -m benchmarks.reproductions.accuracy --suite transnas101 [--seeds 10]

Writes benchmarks/results/reproductions/accuracy_SUITE.json. The past is 300 random evaluations of
each source. All methods get the same random evaluations of the target, and the same encodings.
"""

import argparse
import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import rankdata
from sklearn.linear_model import BayesianRidge, RidgeCV

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.evaluation.leave_one_out import Prepared, prepare
from nmjax.experiments import Target
from nmjax.search import Problem, SearchState, with_flat_prior
from nmjax.spaces import encode
from nmjax.stats import mean_interval, spearman
from nmjax.tasks import history_scores
from nmjax.types import Array

SHOTS = (0, 5, 10, 20, 50)
JUDGED = SHOTS.index(20)
LEAST = 3  # Minimum number of evaluations for a ridge regression.
HISTORY_SIZE = 300
TRIVIAL = ("past mean", "ridge", "ridge on the past")
# From the whole tables of the sources, which no past search has.
WHOLE = ("mean of tables", "ridge on tables")


@partial(jax.jit, static_argnames="shots")
def predicted_by_search(problem: Problem, rows: Array, *, shots: tuple[int, ...]) -> Array:
    """Predict scores float[len(shots), N] by the model of a search after its first evaluations.

    Args:
      problem: pool, scores and priors of the target.
      rows: int32[B], evaluated rows in order.
      shots: numbers of evaluations.
    """
    algorithm = nmjax.BayesianSearch(capacity=len(rows))
    hyper = nmjax.default_hyper(len(rows))

    def expected(state: SearchState) -> Array:
        return jnp.exp(state.log_weights) @ state.model.mean

    def observe(state: SearchState, row: Array) -> tuple[SearchState, Array]:
        state, _ = algorithm.observe(state, problem, hyper, row, problem.score[row])
        return state, expected(state)

    start = algorithm.init(jax.random.key(0), problem, hyper)
    _, after = jax.lax.scan(observe, start, rows)
    return jnp.concatenate([expected(start)[None], after])[np.array(shots)]


def predicted_by_ridge(
    prepared: Prepared, rows: np.ndarray, *, shots: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """Predict scores float[len(shots), N] by each of the trivial methods.

    The mean of the past averages one ridge regression per source, and ignores the target. The other
    two regress the evaluations of the target, on encodings or on the predictions of the sources,
    and are NaN with fewer than `LEAST` evaluations. The methods on tables use the sources' scores
    of the whole pool instead of predictions. All methods regress ranks, because regressing scores
    is worse (on TransNAS-Bench-101 .60 instead of .68 with 20 evaluations and the past).
    """
    suite, history = prepared.suite, prepared.history
    encoding = np.asarray(encode(suite.space, suite.pool))
    past = np.asarray(history_scores(history, suite.metric_info[suite.score_metric]))
    of_past = np.asarray(encode(suite.space, history.architecture))
    sources = np.stack(
        [_ridge(x, y, encoding) for x, y in zip(of_past, _ranked(past), strict=True)], -1
    )
    tables = _ranked(np.asarray(nmjax.scores(suite))[prepared.split.source_indices])
    tables = np.nan_to_num(tables).T
    score = np.asarray(prepared.problem.score)
    found = {name: np.full((len(shots), len(score)), np.nan) for name in (*TRIVIAL, *WHOLE)}
    found["past mean"][:], found["mean of tables"][:] = sources.mean(-1), tables.mean(-1)
    for i, number in enumerate(shots):
        seen = rows[:number][~np.isnan(score[rows[:number]])]
        if len(seen) >= LEAST:
            ranked = _ranked(score[seen])
            found["ridge"][i] = _ridge(encoding[seen], ranked, encoding)
            for name, past in (("ridge on the past", sources), ("ridge on tables", tables)):
                found[name][i] = BayesianRidge().fit(past[seen], ranked).predict(past)
    return found


def _ranked(scores: np.ndarray) -> np.ndarray:
    """Ranks float[..., n] with zero mean and unit variance; NaN stays NaN."""
    ranks = rankdata(scores, axis=-1, nan_policy="omit")
    centered = ranks - np.nanmean(ranks, -1, keepdims=True)
    return centered / np.nanstd(ranks, -1, keepdims=True)


def _ridge(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    counts = ~np.isnan(y)
    return RidgeCV(np.logspace(-2, 3, 11)).fit(x[counts], y[counts]).predict(at)


@jax.jit
def correlations(predicted: Array, score: Array, rows: Array) -> Array:
    """Spearman correlation float[...] of predictions float[..., N] with unseen scores float[N]."""
    return spearman(predicted, score.at[rows].set(jnp.nan))


def predictions(prepared: Prepared, rows: Array) -> dict[str, np.ndarray]:
    """Predict scores float[len(SHOTS), N] by each method after 0, 5, ... of `rows`.

    Args:
      prepared: target and knowledge of the others.
      rows: int32[max(SHOTS)], evaluated rows in order.
    """
    problem = prepared.problem
    return {
        "transfer": predicted_by_search(problem, rows, shots=SHOTS),
        "kernel-transfer": predicted_by_search(with_flat_prior(problem), rows, shots=SHOTS),
        **predicted_by_ridge(prepared, np.asarray(rows), shots=SHOTS),
    }


def measure_correlations(suite: nmjax.Suite, seeds: int) -> dict[str, np.ndarray]:
    """Rank correlations float[T, S, len(SHOTS)] by method; NaN where a method cannot predict."""
    searches: dict[str, list[np.ndarray]] = {}
    for t, task in enumerate(suite.tasks):
        split = nmjax.leave_one_out(suite, task)
        for seed in range(seeds):
            begun = time.perf_counter()
            key = jax.random.fold_in(jax.random.key(seed), t)
            prepared = prepare(key, suite, split, history_size=HISTORY_SIZE)
            rows = jax.random.choice(
                jax.random.fold_in(key, 1), len(suite.pool), (max(SHOTS),), replace=False
            ).astype(jnp.int32)
            for name, predicted in predictions(prepared, rows).items():
                found = correlations(jnp.asarray(predicted), prepared.problem.score, rows)
                searches.setdefault(name, []).append(np.asarray(found))
            print(f"{task} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return {
        name: np.stack(found).reshape(len(suite.tasks), seeds, len(SHOTS))
        for name, found in searches.items()
    }


def summary_rows(found: dict[str, np.ndarray]) -> list[dict]:
    """Rows by method over all tasks."""
    rows = []
    for name, values in found.items():
        interval = mean_interval(jax.random.key(0), jnp.asarray(values))
        rows.append(
            {
                "method": name,
                "task": "all",
                "shots": list(SHOTS),
                "spearman": np.asarray(interval.estimate).tolist(),
                "spearman_ci": np.stack([interval.low, interval.high], -1).tolist(),
            }
        )
    return rows


def targets(suite: nmjax.Suite, found: dict[str, np.ndarray]) -> tuple[Target, ...]:
    """Target for the lead over the best trivial method, chosen in hindsight, at 20 shots."""
    best = max(TRIVIAL, key=lambda name: found[name][..., JUDGED].mean())
    difference = found["transfer"][..., JUDGED] - found[best][..., JUDGED]
    ahead = mean_interval(jax.random.key(0), jnp.asarray(difference))
    return (
        Target(
            f"{suite.name}: Spearman at {SHOTS[JUDGED]} shots minus that of {best}, lower bound",
            float(ahead.low),
            "Spearman",
            "at least",
            0.0,
            difference.size,
            (float(ahead.low), float(ahead.high)),
        ),
    )


def measure(asked: argparse.Namespace) -> Findings:
    """Predict each held-out task by each method."""
    suite = nmjax.load_suite(asked.suite, data=asked.data)
    found = measure_correlations(suite, asked.seeds)
    return Findings(
        split="leave one task out; one past and one set of evaluations per seed",
        seeds=range(asked.seeds),
        config={"shots": SHOTS, "history_size": HISTORY_SIZE, "learn": vars(nmjax.LearnConfig())},
        rows=summary_rows(found),
        targets=targets(suite, found),
        variant=suite.name,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, suite="transnas101", seeds=10)
    run_benchmark("reproductions/accuracy_", measure, parser)


if __name__ == "__main__":
    main()
