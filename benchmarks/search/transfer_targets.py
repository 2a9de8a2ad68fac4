"""Targets of searches by suite."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from nmjax.analysis import EvaluationsToReach, evaluations_to_reach_interval, not_worse
from nmjax.evaluation.comparison import (
    best_of,
    measures,
    paired,
    rivals,
    with_enough_seeds,
)
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments import Target

OURS = "transfer"
BEST_WITHOUT = {
    "nas-bench-graph": 50,
    "hpobench": 20,
    "hpolib": 20,
    "transnas101": 33,
    "mdesign-node": 33,
    "mdesign-link": 33,
    "mdesign-graph": 50,
    "dataset2vec-a-test": 33,
    "dataset2vec-b-test": 33,
    "dataset2vec-c-test": 33,
}
"""Evaluations within which `transfer` should reach the best method without it, by suite."""
TOP = 0.001


def targets(suite: nmjax.Suite, found: Mapping[str, Trajectories]) -> list[Target]:
    """Targets of a suite for the methods that were run on it."""
    if OURS not in found:
        return []
    values = {name: measures(suite, method.rows) for name, method in found.items()}
    regret = {name: of["regret"] for name, of in values.items()}
    enough = with_enough_seeds(found, OURS)
    others = [n for n, method in enough.items() if method.transfer and method.kind != "ours"]
    made = speed_targets(suite, found)
    if suite.name == "nas-bench-graph":
        known = [name for name in ("evolution", "random") if name in found]
        made += [_reach(suite, name, regret[OURS], regret[name], 33) for name in known]
        if others:
            best = best_of(regret, others)
            what = f"{OURS} ahead of {best} (best other method with transfer) at the end"
            made.append(_difference(suite, what, regret[OURS], regret[best], 0.0))
    if suite.name == "nas-bench-201":
        made.append(_top(suite, values[OURS]["quantile"]))
        if "past-best" in found:
            what = f"{OURS} ahead of past-best at 20"
            ours, theirs = (regret[name][..., :20] for name in (OURS, "past-best"))
            made.append(_difference(suite, what, ours, theirs, 0.0))
    if "kernel-transfer" in found:
        for name in ("evolution", "optuna_tpe"):
            if name in found:
                what = f"kernel-transfer not worse than {name} at 50"
                ours, theirs = (regret[n][..., :50] for n in ("kernel-transfer", name))
                made.append(_difference(suite, what, ours, theirs, 0.02))
        made.append(_worst_task(suite, regret[OURS], regret["kernel-transfer"]))
    return made


def speed_targets(suite: nmjax.Suite, found: Mapping[str, Trajectories]) -> list[Target]:
    """Targets for the evaluations until `transfer` reaches the best method of each group."""
    if suite.name not in BEST_WITHOUT:
        return []
    enough, made = with_enough_seeds(found, OURS), []
    regret = {name: measures(suite, of.rows)["regret"] for name, of in enough.items()}
    for kind, names in rivals(enough).items():
        if names:
            best, most = best_of(regret, names), BEST_WITHOUT[suite.name]
            what = f"{best} (best {kind})"
            made.append(_reach(suite, what, regret[OURS], regret[best], most))
    return made


def _reach(
    suite: nmjax.Suite, what: str, ours: np.ndarray, theirs: np.ndarray, threshold: float
) -> Target:
    """Target for the evaluations until our mean regret reaches their final one."""
    curves = map(jnp.asarray, paired(ours, theirs))
    reach = evaluations_to_reach_interval(jax.random.key(0), *curves)
    name = f"{suite.name}: evaluations to reach the regret that {what} has at {theirs.shape[-1]}"
    return _evaluations(name, reach, threshold, min(ours[..., 0].size, theirs[..., 0].size))


def _top(suite: nmjax.Suite, quantile: np.ndarray) -> Target:
    """Target for the evaluations until the mean incumbent is in the top 0.1% of the pool."""
    below = jnp.asarray(1 - quantile)
    reach = evaluations_to_reach_interval(jax.random.key(0), below, jnp.full_like(below, TOP))
    name = f"{suite.name}: evaluations until the incumbents' mean quantile is {1 - TOP}"
    return _evaluations(name, reach, 5, below[..., 0].size)


def _evaluations(name: str, reach: EvaluationsToReach, threshold: float, number: int) -> Target:
    ci = float(reach.low), float(reach.high)
    return Target(name, float(reach.estimate), "evaluations", "at most", threshold, number, ci)


def _difference(
    suite: nmjax.Suite, what: str, ours: np.ndarray, theirs: np.ndarray, threshold: float
) -> Target:
    """Paired 95% upper bound of our regret minus theirs at the last evaluation."""
    last = [jnp.asarray(curve[..., -1]) for curve in paired(ours, theirs)]
    upper = not_worse(jax.random.key(0), *last).upper
    name, number = f"{suite.name}: {what}, upper bound", last[0].size
    return Target(name, float(upper), "normalized regret", "at most", threshold, number)


def _worst_task(suite: nmjax.Suite, ours: np.ndarray, theirs: np.ndarray) -> Target:
    """Target of the task with the largest upper bound."""
    what = "transfer not worse than kernel-transfer on any task"
    of_task = [
        _difference(suite, f"{what} (worst: {task})", our_regret, their_regret, 0.02)
        for task, our_regret, their_regret in zip(
            suite.tasks, ours[:, None], theirs[:, None], strict=True
        )
    ]
    return max(of_task, key=lambda target: target.value)
