"""Regret on TransNAS-Bench-101 with a past of NAS-Bench-201, alone and beside a past of its own.

    NMJAX_DATA=FOLDER python -m benchmarks.knowledge.other_spaces [--seeds 2] [--searches 4]

Every task of TransNAS-Bench-101 is held out in turn. The past of its own space has 300 random
evaluations of each of the other six tasks, or 40 of one of them. The past of the other space has
300 random evaluations of each of the three tasks of NAS-Bench-201, of which about a quarter have a
counterpart. Without a past of its own, it is also given with negated scores, which mislead. All
settings are the defaults of `learn`. Writes benchmarks/results/knowledge/other_spaces.json.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.analysis import incumbent, normalized_regret, pool_summary
from nmjax.evaluation.method_runs import seed_keys
from nmjax.evaluation.protocol import HISTORY_SIZE, past_history, search_key
from nmjax.knowledge import (
    NAS_BENCH_201_TO_TRANSNAS101,
    MetaKnowledge,
    default_knowledge,
    learn,
    transfer_weight,
)
from nmjax.search import BayesianSearch, make_problem, run_batch
from nmjax.stats import mean_interval
from nmjax.tasks import PastSearches, sample_suite, scores

OTHER = "nas-bench-201"
BUDGET, FEW = 50, 40
STEPS = (1, 3, 5, 10, 20, 50)
PASTS: dict[str, tuple[str, ...]] = {"none": ("none", "as it is", "negated")}
PASTS |= dict.fromkeys(("one task", "six tasks"), ("none", "as it is"))
"""Pasts of the other space beside each past of the space itself."""


def own_past(suite: nmjax.Suite, task: str, seed: int) -> Mapping[str, PastSearches]:
    """Return the pasts of the suite's other tasks, by their size."""
    names, history = past_history(suite, task, seed)
    past = PastSearches(suite.space, history, names, suite.metric_info[suite.score_metric])
    one = past.select([names[seed % len(names)]])
    few = one.history._replace(
        architecture=one.history.architecture[:, :FEW],
        continuous=one.history.continuous[:, :FEW],
        metrics={name: values[:, :FEW] for name, values in one.history.metrics.items()},
        mask=one.history.mask[:, :FEW],
    )
    return {"one task": one.replace(history=few), "six tasks": past}


def other_past(seed: int) -> Mapping[str, PastSearches]:
    """Return the past of the other space, as it is and with negated scores."""
    past = sample_suite(jax.random.key(seed), OTHER, evaluations=HISTORY_SIZE)
    negated = replace(past.required_metric, direction="min")
    return {"as it is": past, "negated": past.replace(metric=negated)}


def learn_from(suite: nmjax.Suite, pasts: Sequence[PastSearches], seed: int) -> MetaKnowledge:
    """Return knowledge of pasts of any spaces for the space of the suite."""
    if not pasts:
        return default_knowledge(suite.space, suite.metric_info[suite.score_metric])
    return learn(pasts, space=suite.space, synonyms=NAS_BENCH_201_TO_TRANSNAS101, seed=seed)


def search_task(
    suite: nmjax.Suite, task: str, seed: int, searches: int
) -> dict[tuple[str, str], np.ndarray]:
    """Search a held-out task after each past; mean regret and the transfer weights [BUDGET + 2].

    The regret is the mean over searches after each evaluation. The prior weight of the transferred
    component and its share of sources of the other space follow.
    """
    own, other = own_past(suite, task, seed), other_past(seed)
    target = scores(suite)[suite.tasks.index(task)]
    best, median = pool_summary(target[None])
    keys = seed_keys(jax.random.fold_in(search_key(suite, task, seed), 7), searches)
    found = {}
    for ours, beside in PASTS.items():
        for theirs in beside:
            pasts = [group[name] for group, name in ((own, ours), (other, theirs)) if name in group]
            knowledge = learn_from(suite, pasts, seed)
            problem = make_problem(suite.space, jnp.asarray(suite.pool), target, knowledge)
            _, trace = run_batch(keys, problem, BayesianSearch(capacity=BUDGET), steps=BUDGET)
            regret = normalized_regret(incumbent(trace.score), best[:, None], median[:, None])
            number = len(own[ours].tasks) if ours in own else 0
            mean = np.asarray(knowledge.prior.mean[0, 1 : 1 + len(knowledge.sources.constant)])
            share = mean[number:].sum() / mean.sum() if len(mean) else np.nan
            weight = float(transfer_weight(knowledge.log_weights, knowledge.prior))
            found[ours, theirs] = np.array([*np.mean(regret, axis=0), weight, share])
    return found


def measure(asked: argparse.Namespace) -> Findings:
    """Search every task after each past."""
    suite = nmjax.load_suite("transnas101", data=asked.data)
    found: dict[tuple[str, str], np.ndarray] = {}
    by_task = []
    for task in suite.tasks:
        by_task.append([search_task(suite, task, s, asked.searches) for s in range(asked.seeds)])
        print(f"searched {task}", flush=True)
    for past in by_task[0][0]:
        found[past] = np.array([[one[past] for one in seeds] for seeds in by_task])
    rows = []
    for (ours, theirs), values in found.items():
        row: dict[str, Any] = {"own past": ours, "other space": theirs, "steps": list(STEPS)}
        without = values - found[ours, "none"]
        for name, measured in (("regret", values), ("difference", without)):
            at = jnp.asarray(measured[..., [step - 1 for step in STEPS]])
            area = jnp.asarray(measured[..., :BUDGET].mean(-1, keepdims=True))
            interval = mean_interval(jax.random.key(0), jnp.concatenate([at, area], -1))
            row[name] = np.asarray(interval.estimate)[:-1].tolist()
            row[f"{name}_ci"] = np.stack([interval.low, interval.high], -1)[:-1].tolist()
            row[f"mean_{name}"] = float(interval.estimate[-1])
            row[f"mean_{name}_ci"] = [float(interval.low[-1]), float(interval.high[-1])]
        row["initial weight"] = float(values[..., BUDGET].mean())
        row["share of the other space"] = float(values[..., BUDGET + 1].mean())
        rows.append(row)
    return Findings(
        split="leave one task out; one past per seed",
        seeds=range(asked.seeds),
        config={"searches": asked.searches, "history_size": HISTORY_SIZE, "few": FEW},
        rows=rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=2, searches=4)
    parser.add_argument("--data", type=Path, default=None, help="folder of the suite's data")
    run_benchmark("knowledge/other_spaces", measure, parser, arguments)


if __name__ == "__main__":
    main()
