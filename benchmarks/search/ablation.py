"""Regret of searches without each part of what the past teaches, and with each part alone.

    python -m benchmarks.search.ablation [--suites hpobench transnas101 nas-bench-graph
        mdesign-link] [--seeds 2] [--searches 4]

Each task is held out in turn. The past of each seed and all keys are those of the protocol. Every
variant learns from the same past and guides the same number of searches with the same keys. A
search is measured by its mean normalized regret over evaluations 3 to 50, of which the first are
the initial design, and by its regret at 100. Differences to the search with all parts are paired by
task and past, and their standard error is that of the mean over these pairs. "frozen" are the
suites that influenced no setting. Writes benchmarks/results/search/ablation.json.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.tables.search_tables import IN_DESIGN
from nmjax.evaluation.comparison import measures
from nmjax.evaluation.leave_one_out import PastKeys, Prepared, prepare
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.protocol import BUDGET, HISTORY_SIZE, search_key
from nmjax.knowledge import LearnConfig, MetaKnowledge, source_features
from nmjax.search import Problem, make_problem, with_flat_prior
from nmjax.tasks import leave_one_out, scores

SUITES = ("hpobench", "transnas101", "nas-bench-graph", "mdesign-link")
FIRST, LAST = 3, 50
"""Evaluations over which regret is averaged."""
ALL = "all parts"
OUT_OF_USE = -50.0
"""Log-weight of a component that is barred."""
CONFIGS = {
    "default": LearnConfig(),
    "kernel not fitted": LearnConfig(kernel_steps=1),
    "priors not fitted": LearnConfig(prior_steps=1),
    "nothing fitted": LearnConfig(kernel_steps=1, prior_steps=1),
    "network": LearnConfig(network=True),
    "network, kernel not fitted": LearnConfig(network=True, kernel_steps=1),
}


def same(given: Any) -> Any:
    """Return what is given."""
    return given


class Variant(NamedTuple):
    """Search with some parts of what the past teaches.

    Attributes:
      config: name in `CONFIGS`.
      knowledge: change of the knowledge.
      problem: change of the problem built from it.
    """

    config: str
    knowledge: Callable[[MetaKnowledge], MetaKnowledge] = same
    problem: Callable[[Problem], Problem] = same


def ignore_sources(knowledge: MetaKnowledge) -> MetaKnowledge:
    """Give the predictions of the sources the weight 0 in the model."""
    at, prior = source_features(len(knowledge.sources.constant)), knowledge.prior
    mean, variance = (leaf.at[:, at].set(0) for leaf in (prior.mean, prior.variance))
    return knowledge.replace(prior=prior._replace(mean=mean, variance=variance))


def flatten(knowledge: MetaKnowledge) -> MetaKnowledge:
    """Replace the prior of each component by the flat one."""
    prior = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf[-1:], leaf.shape), knowledge.prior)
    return knowledge.replace(prior=prior)


def use_only(component: int) -> Callable[[MetaKnowledge], MetaKnowledge]:
    """Return the function that bars all components but one."""

    def change(knowledge: MetaKnowledge) -> MetaKnowledge:
        chosen = jnp.arange(len(knowledge.log_weights)) == component
        return knowledge.replace(log_weights=jnp.where(chosen, 0.0, OUT_OF_USE))

    return change


def weigh_equally(knowledge: MetaKnowledge) -> MetaKnowledge:
    """Give all components the same weight, and begin with the portfolio."""
    equal = jnp.full_like(knowledge.log_weights, -jnp.log(len(knowledge.log_weights)))
    return knowledge.replace(log_weights=equal, portfolio_gain=jnp.ones(()))


def begin_uniformly(problem: Problem) -> Problem:
    """Begin with uniform draws instead of the portfolio."""
    portfolio = None if problem.portfolio is None else jnp.full_like(problem.portfolio, -1)
    return problem._replace(portfolio=portfolio)


VARIANTS = {
    ALL: Variant("default"),
    "without fitting the kernel": Variant("kernel not fitted"),
    "without the sources' means": Variant("default", ignore_sources),
    "without replay": Variant("priors not fitted", weigh_equally),
    "without the guard": Variant("default", use_only(0)),
    "without the portfolio": Variant("default", problem=begin_uniformly),
    "with the network": Variant("network"),
    "kernel alone": Variant("default", problem=with_flat_prior),
    "sources' means alone": Variant("nothing fitted", use_only(0), begin_uniformly),
    "portfolio alone": Variant("kernel not fitted", flatten),
    "network alone": Variant("network, kernel not fitted", use_only(1), begin_uniformly),
    "nothing": Variant("kernel not fitted", problem=with_flat_prior),
}


def vary(prepared: Prepared, variant: Variant) -> Prepared:
    """Change the knowledge of a held-out task, and the problem built from it."""
    suite, knowledge = prepared.suite, variant.knowledge(prepared.knowledge)
    score = scores(suite)[prepared.split.target_index]
    problem = make_problem(suite.space, jnp.asarray(suite.pool), score, knowledge)
    return replace(prepared, knowledge=knowledge, problem=variant.problem(problem))


def search_all(suite: nmjax.Suite, seeds: int, searches: int) -> dict[str, np.ndarray]:
    """Search every task after each past by each variant: rows int32[T, P, S, BUDGET]."""
    shape = (len(suite.tasks), seeds)
    rows = {name: np.zeros((*shape, searches, BUDGET), np.int32) for name in VARIANTS}
    for t, seed in np.ndindex(*shape):
        begun, key = time.perf_counter(), search_key(suite, suite.tasks[t], seed)
        keys = seed_keys(jax.random.fold_in(key, len(PastKeys._fields)), searches)
        split = leave_one_out(suite, suite.tasks[t])
        learned = {
            name: prepare(key, suite, split, history_size=HISTORY_SIZE, config=config)
            for name, config in CONFIGS.items()
        }
        for name, variant in VARIANTS.items():
            varied = vary(learned[variant.config], variant)
            found = run_methods(keys, varied, methods=("transfer",), budget=BUDGET)
            rows[name][t, seed] = found["transfer"].trace.row
        print(f"{suite.tasks[t]} seed {seed}: {time.perf_counter() - begun:.1f} s", flush=True)
    return rows


def regret_by_past(suite: nmjax.Suite, rows: np.ndarray) -> np.ndarray:
    """Measure normalized regret float[T, P, B], the mean over searches.

    Args:
      suite: benchmark.
      rows: int32[T, P, S, B], S searches after each of P pasts.
    """
    tasks, pasts, searches, budget = rows.shape
    regret = measures(suite, rows.reshape(tasks, pasts * searches, budget))["regret"]
    mean: np.ndarray = np.asarray(regret).reshape(rows.shape).mean(2)
    return mean


def regret_of_pasts(suite: nmjax.Suite, rows: np.ndarray) -> np.ndarray:
    """Measure normalized regret float[T, P, 2]: its mean over evaluations, and the last.

    Args:
      suite: benchmark.
      rows: int32[T, P, S, B], S searches after each of P pasts.
    """
    regret = regret_by_past(suite, rows)
    return np.stack([regret[..., FIRST - 1 : LAST].mean(-1), regret[..., -1]], axis=-1)


def make_rows(group: str, regret: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Rows of a group of suites: means of regret float[N, 2] of N pairs, and their differences.

    Args:
      group: name of the group.
      regret: values of the same N >= 2 pairs of a task and a past, by variant.
    """
    rows = []
    for name, values in regret.items():
        difference = values - regret[ALL]
        error = difference.std(0, ddof=1) / np.sqrt(len(difference))
        rows.append(
            {
                "group": group,
                "variant": name,
                "regret": values.mean(0).tolist(),
                "difference": difference.mean(0).tolist(),
                "standard_error": error.tolist(),
                "pairs": len(difference),
            }
        )
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Search by every variant: rows for the suites of the design, and for the frozen ones."""
    groups: dict[str, dict[str, list[np.ndarray]]] = {}
    for suite in (nmjax.load_suite(name, data=asked.data) for name in asked.suites):
        group = groups.setdefault("design" if suite.name in IN_DESIGN else "frozen", {})
        for name, rows in search_all(suite, asked.seeds, asked.searches).items():
            group.setdefault(name, []).append(regret_of_pasts(suite, rows).reshape(-1, 2))
    return Findings(
        split="leave one task out; one past per seed",
        seeds=range(asked.seeds),
        config={
            "suites": asked.suites,
            "searches": asked.searches,
            "history_size": HISTORY_SIZE,
            "budget": BUDGET,
            "averaged": [FIRST, LAST],
        },
        rows=[
            row
            for group, found in groups.items()
            for row in make_rows(group, {name: np.concatenate(of) for name, of in found.items()})
        ],
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=2, searches=4)
    parser.add_argument("--suites", nargs="+", default=SUITES)
    parser.add_argument("--data", type=Path, default=None, help="folder of the suites' data")
    run_benchmark("search/ablation", measure, parser, arguments)


if __name__ == "__main__":
    main()
