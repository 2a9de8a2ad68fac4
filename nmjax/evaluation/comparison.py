"""Compare searches by regret, evaluations to reach a rival, ranks and five claims.

Two methods are compared on the tasks and seeds that both have. Ranks use the mean of each method
over all of its seeds. The rival of a group is its method with the lowest mean regret at the end of
the budget. There are two groups: the methods without transfer, which learn nothing from past tasks;
and the same methods with `kernel-transfer`, whose prior mean is zero but whose kernel was fitted on
past tasks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.analysis import (
    average_ranks,
    critical_difference,
    differ_by_mean,
    evaluations_to_reach_interval,
    friedman,
    incumbent,
    incumbent_position,
    indistinct_groups,
    normalized_regret,
    pool_quantile,
    pool_rank,
    pool_summary,
    speed_up_interval,
)
from nmjax.evaluation.trajectories import Trajectories
from nmjax.stats import bootstrap_interval, mean_interval, paired_bootstrap
from nmjax.tasks import Suite, oriented_metric
from nmjax.types import Array

STEPS = (1, 5, 10, 20, 50, 100)
"""Numbers of evaluations at which rows report measures."""
RANKED = (20, 100)
"""Numbers of evaluations at which methods are ranked."""
LEAST_SEEDS = 2
"""Minimum number of seeds for an interval, a rank, and a rival."""
ALIKE = 0.05
"""Significance level of Friedman's test; without significance, all methods are one group."""
RIVALS = ("without transfer", "without a learned prior mean")
"""Groups of methods from which rivals are chosen; the main claims are against the first."""
KERNEL_ONLY = "kernel-transfer"
"""Method that belongs only to the second group of `RIVALS`."""
Curves = Mapping[str, np.ndarray]


def measures(suite: Suite, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return measures of the incumbents of rows int[T, S, B], float[T, S, B] each.

    Returns:
      `regret`, normalized; `log10_rank` in the pool, where ties share a rank; `quantile` of the
      pool, 1 at its best; and `test`, the test metric, higher is better, if the suite has one.
    """
    table = jnp.asarray(oriented_metric(suite, suite.score_metric))
    tasks = np.arange(len(suite.tasks))[:, None, None]
    evaluated = table[tasks, rows]
    found = {name: np.asarray(values) for name, values in _worth(table, evaluated).items()}
    if suite.test_metric is not None:
        position = np.maximum(np.asarray(incumbent_position(evaluated)), 0)
        at_best = np.take_along_axis(rows, position, axis=-1)
        found["test"] = oriented_metric(suite, suite.test_metric)[tasks, at_best]
    return found


@jax.jit
def _worth(table: Array, evaluated: Array) -> dict[str, Array]:
    """Measures by the pools float[T, N] and the evaluated scores float[T, S, B]."""
    best, median = pool_summary(table)
    reached = incumbent(evaluated)
    return {
        "regret": normalized_regret(reached, best[:, None], median[:, None]),
        "log10_rank": jnp.log10(jax.vmap(pool_rank)(table, reached)),
        "quantile": jax.vmap(pool_quantile)(table, reached),
    }


def paired(*curves: np.ndarray) -> tuple[np.ndarray, ...]:
    """Restrict curves [T, S, ...] to the seeds that all of them have.

    Example:
      >>> from nmjax.evaluation.comparison import paired
      >>> [curve.shape for curve in paired(np.zeros((2, 5, 9)), np.zeros((2, 3, 9)))]
      [(2, 3, 9), (2, 3, 9)]
    """
    seeds = min(each.shape[1] for each in curves)
    return tuple(each[:, :seeds] for each in curves)


def best_of(regret: Curves, names: Sequence[str]) -> str:
    """Return the method whose mean regret float[T, S, B] is lowest at the end."""
    return min(names, key=lambda name: regret[name][..., -1].mean())


def compare(suite: Suite, found: Mapping[str, Trajectories], *, focus: str) -> list[dict[str, Any]]:
    """Compare the trajectories of methods on a suite.

    Args:
      suite: benchmark that was searched.
      found: trajectories by method, all with the same budget.
      focus: method that is compared with each other one, and for which the claims are evaluated.

    Returns:
      Rows of a result file: measures of each method, over all tasks and by task; evaluations of
      `focus` to reach each other method; ranks; and claims.

    Example:
      >>> from nmjax.evaluation import compare, packaged_trajectories
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-201")  # doctest: +SKIP
      >>> found = packaged_trajectories(suite)  # doctest: +SKIP
      >>> compare(suite, found, focus="transfer")[0]["method"]  # doctest: +SKIP
      'transfer'
    """
    by_method = {name: measures(suite, method.rows) for name, method in found.items()}
    regret = {name: values["regret"] for name, values in by_method.items()}
    rows = [row for name in found for row in _summaries(suite, name, found[name], by_method[name])]
    reach = {other: _reach(regret, focus, other) for other in found if other != focus}
    rows += reach.values()
    budget = regret[focus].shape[-1]
    enough = with_enough_seeds(found, focus)
    if len(enough) > 1:
        for step in (step for step in RANKED if step <= budget):
            rows.append(rank_methods({name: regret[name][..., step - 1] for name in enough}, step))
    if "random" in found:
        for kind, names in rivals(enough).items():
            if others := [name for name in names if name != focus]:
                rows += _claims(regret, focus, reach[best_of(regret, others)], kind)
    return rows


def with_enough_seeds(found: Mapping[str, Trajectories], focus: str) -> dict[str, Trajectories]:
    """Keep methods with `LEAST_SEEDS` seeds or more, or as many as `focus` if it has fewer."""
    least = min(LEAST_SEEDS, found[focus].rows.shape[1])
    return {name: method for name, method in found.items() if method.rows.shape[1] >= least}


def rivals(found: Mapping[str, Trajectories]) -> dict[str, list[str]]:
    """Names of the methods in each group of `RIVALS`, by group."""
    without = [name for name, method in found.items() if not method.transfer]
    zero_mean = [name for name in found if name in without or name == KERNEL_ONLY]
    return dict(zip(RIVALS, (without, zero_mean), strict=True))


def rank_methods(regret: Curves, step: int) -> dict[str, Any]:
    """Rank methods within each task, average the ranks, and group methods that do not differ.

    Ranks use the mean over all seeds of a method. Nemenyi's test compares them if Friedman's test
    is significant. Regrets are compared on the seeds that both methods have.

    Args:
      regret: float[T, S] by method, after `step` evaluations; S may differ between methods.
      step: number of evaluations, recorded in the row.
    """
    names, values = list(regret), tuple(jnp.asarray(of) for of in regret.values())
    task_mean = _task_means(values)
    ranks = bootstrap_interval(jax.random.key(0), values, _ranks_of)
    test = friedman(task_mean)
    needed = critical_difference(len(names), len(task_mean))
    average, mean = np.asarray(ranks.estimate), np.asarray(task_mean.mean(0))
    by_mean = differ_by_mean(jax.random.key(0), values)
    by_rank = np.abs(average[:, None] - average[None, :]) > needed
    by_rank &= bool(test.p_value < ALIKE)

    def named(groups: tuple[tuple[int, ...], ...]) -> list[list[str]]:
        return [[names[index] for index in group] for group in groups]

    return {
        "ranked_at": step,
        "methods": names,
        "average_rank": average.tolist(),
        "average_rank_ci": np.stack([ranks.low, ranks.high], axis=-1).tolist(),
        "mean_regret": mean.tolist(),
        "task_regret": task_mean.tolist(),
        "friedman": float(test.statistic),
        "p_value": float(test.p_value),
        "critical_difference": needed,
        "rank_groups": named(indistinct_groups(average, by_rank)),
        "regret_groups": named(indistinct_groups(mean, by_mean)),
        "tasks": len(task_mean),
        "seeds": [of.shape[1] for of in values],
    }


def _task_means(values: tuple[Array, ...]) -> Array:
    """Means float[T, K] over the seeds of K methods, float[T, S] each."""
    return jnp.stack([of.mean(1) for of in values], axis=-1)


def _ranks_of(values: tuple[Array, ...]) -> Array:
    """Average ranks float[K] of K methods, float[T, S] each."""
    return average_ranks(_task_means(values))


def _summaries(
    suite: Suite, name: str, method: Trajectories, values: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return a row over all tasks, and one per task."""
    steps = [step for step in STEPS if step <= method.rows.shape[-1]]
    at_steps = np.stack([curve[..., np.array(steps) - 1] for curve in values.values()], axis=-2)
    final = values["regret"][..., -1].mean(1)
    has_spread = method.rows.shape[1] >= LEAST_SEEDS
    rows = []
    for task, chosen in [("all", at_steps), *zip(suite.tasks, at_steps[:, None], strict=True)]:
        estimate, low, high = map(np.asarray, mean_interval(jax.random.key(0), jnp.asarray(chosen)))
        row: dict[str, Any] = {"method": name, "task": task, "steps": steps}
        for i, measure in enumerate(values):
            row[measure] = estimate[i].tolist()
            ends = np.stack([low[i], high[i]], axis=-1).tolist()
            row[f"{measure}_ci"] = ends if has_spread else [None] * len(steps)
        rows.append(row | {"n": int(chosen[..., 0, 0].size)})
    rows[0] |= {
        "kind": method.kind,
        "transfer": method.transfer,
        "provenance": method.provenance,
        "seeds": method.rows.shape[1],
        "seconds_per_search": method.seconds,
        "worst_task": suite.tasks[int(final.argmax())],
        "worst_regret": float(final.max()),
    }
    return rows


def _reach(regret: Curves, ours: str, theirs: str) -> dict[str, Any]:
    """Return the evaluations of one method to reach another's final regret, and the speed-up.

    The speed-up is None if it is below 1 and the budget was too small to measure it.
    """
    curves = [jnp.asarray(of) for of in paired(regret[ours], regret[theirs])]
    reach = evaluations_to_reach_interval(jax.random.key(0), *curves)
    sooner = [float(ratio) or None for ratio in speed_up_interval(jax.random.key(0), *curves)]
    return {
        "reach": theirs,
        "evaluations": int(reach.estimate),
        "ci": [int(reach.low), int(reach.high)],
        "speed_up": sooner[0],
        "speed_up_ci": sooner[1:],
    }


def _claims(
    regret: Curves, focus: str, reach: Mapping[str, Any], kind: str
) -> list[dict[str, Any]]:
    """Return the five claims about transfer, with the values of `focus` and of a rival.

    Args:
      regret: float[T, S, B] by method.
      focus: method of the claims.
      reach: row of `_reach` for the two.
      kind: group of the rival.
    """
    rival = reach["reach"]
    typical = np.median(regret["random"][..., -1], axis=1)[:, None]
    final = paired(*(regret[name][..., -1] for name in (focus, rival)))
    ends = [(jnp.asarray(of), jnp.asarray(of > typical, of.dtype)) for of in final]
    ours, theirs = (np.asarray(_ends(each)).tolist() for each in ends)
    less = paired_bootstrap(jax.random.key(0), *ends, _ends)
    rows: list[dict[str, Any]] = [
        {
            "claim": "faster convergence",
            "measure": "evaluations to the rival's final regret, rival / transfer",
            "ours": reach["speed_up"],
            "theirs": 1.0,
            "ci": reach["speed_up_ci"],
        }
    ]
    rows += [
        {
            "claim": claim,
            "measure": measure,
            "ours": ours[i],
            "theirs": theirs[i],
            "ci": [float(less.low[i]), float(less.high[i])],
        }
        for i, (claim, measure) in enumerate(_CLAIMS)
    ]
    return [row | {"rival": rival, "rival_kind": kind} for row in rows]


_CLAIMS = (
    ("better final results", "final regret, mean"),
    ("more robust to seeds", "final regret, standard deviation over seeds"),
    ("more robust to tasks", "final regret on the worst task"),
    ("fewer failures", "share of searches that end worse than the median random search"),
)


def _ends(values: tuple[Array, Array]) -> Array:
    """Return the values float[4] of `_CLAIMS`, from final regret and failures float[T, S]."""
    final, failed = values
    spread = jnp.mean(jnp.std(final, axis=1, ddof=1))
    return jnp.stack([jnp.mean(final), spread, jnp.max(jnp.mean(final, axis=1)), jnp.mean(failed)])
