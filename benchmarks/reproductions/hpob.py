"""HPO-B-v3 on its discrete pools by the published protocol, with and without past tasks.

    python -m benchmarks.reproductions.hpob --data FOLDER [--trials 100]

Writes benchmarks/results/reproductions/hpob.json. Each search of a test task begins with the five
published rows of its seed. The past of a search space is its training and validation tasks, with at
most `SOURCE_ROWS` random evaluations of each. The network is trained on the former and stopped
early by the latter. Tasks with too few evaluations, or equal scores, are omitted and counted.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.errors import NmjaxError
from nmjax.knowledge import MetaKnowledge
from nmjax.search import (
    GPSearch,
    Problem,
    SearchAlgorithm,
    SearchHyper,
    run,
    with_flat_prior,
)
from nmjax.spaces import RealChoice, Space
from nmjax.stats import mean_interval
from nmjax.tasks import HpobTask, hpob_ranks, hpob_regret, read_hpob, stack_tasks
from nmjax.types import Array, Metric

SOURCE_ROWS = 300
LEARN = nmjax.LearnConfig()
METRIC = Metric("accuracy", "accuracy")
SHOWN = (15, 25, 50, 100)
# Mean normalized regret over the 86 test tasks and 5 seeds after as many trials, recomputed from
# the trajectories published with HPO-B (Pineda Arango et al., 2021).
PUBLISHED = {
    "FSBO": (0.0433, 0.0286, 0.0182, 0.0105),
    "BOHAMIANN": (0.0607, 0.0461, 0.0280, 0.0158),
    "GP": (0.0642, 0.0510, 0.0345, 0.0258),
    "RGPE": (0.0642, 0.0562, 0.0464, 0.0278),
    "random": (0.1023, 0.0864, 0.0722, 0.0540),
}


class Sources(NamedTuple):
    """Past tasks of one search space.

    Attributes:
      tasks: tasks with enough evaluations.
      left_out: number of omitted tasks.
    """

    tasks: tuple[HpobTask, ...]
    left_out: int


def space_of(name: str, tasks: Sequence[HpobTask]) -> Space:
    """Space with settings in [0, 1], extended to the range of all tasks."""
    low = np.min([task.encoding.min(axis=0) for task in tasks], axis=0).clip(max=0)
    high = np.max([task.encoding.max(axis=0) for task in tasks], axis=0).clip(min=1)
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return Space.build(name, (), tuple(RealChoice(f"x{i}", *end) for i, end in enumerate(ends)))


def sources_of(train: Sequence[HpobTask], validation: Sequence[HpobTask]) -> Sources:
    """Select the tasks that can be learned from."""
    needed = LEARN.replay_size
    every = [*train, *validation]
    usable = np.array([len(t.score) >= needed and np.ptp(t.score) > 0 for t in every], bool)
    kept = tuple(task for task, use in zip(every, usable, strict=True) if use)
    return Sources(kept, int((~usable).sum()))


def learn(space: Space, sources: Sources) -> MetaKnowledge:
    """Learn from the past tasks of a search space."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(len(task.score))[:SOURCE_ROWS] for task in sources.tasks]
    drawn = list(zip(sources.tasks, rows, strict=True))
    history = stack_tasks(
        [np.zeros((len(own), 0), int) for own in rows],
        [{METRIC.name: task.score[own]} for task, own in drawn],
        continuous=[task.encoding[own] for task, own in drawn],
        space=space,
    )
    key = jax.random.key(0)
    knowledge, _ = nmjax.learn_from_history(key, history, METRIC, space=space, config=LEARN)
    return knowledge


def padded_problem(space: Space, task: HpobTask, knowledge: MetaKnowledge) -> Problem:
    """The task's problem, padded to a power of two of rows so that tasks share compiled programs.

    Added rows lie between the first two and always fail.
    """
    size = len(task.score)
    added = 2 ** (size - 1).bit_length() - size
    share = np.arange(1, added + 1)[:, None] / (added + 1)
    between = (1 - share) * task.encoding[:1] + share * task.encoding[1:2]
    continuous = jnp.asarray(np.concatenate([task.encoding, between[:added]]), jnp.float32)
    score = jnp.asarray(np.pad(task.score, (0, added), constant_values=np.nan), jnp.float32)
    nothing = jnp.zeros((size + added, 0), jnp.int32)
    return nmjax.make_problem(space, nothing, score, knowledge, continuous=continuous)


@partial(jax.jit, static_argnames=("algorithm", "trials"))
def searched_rows(
    keys: Array,
    problem: Problem,
    hyper: SearchHyper,
    initial: Array,
    exists: Array,
    *,
    algorithm: SearchAlgorithm,
    trials: int,
) -> Array:
    """Run searches; return their rows int32[S, I + trials], -1 after the end of a search.

    Args:
      keys: key[S], one for each search.
      problem: problem with a padded pool of N rows.
      hyper: numbers of the search; its budget includes the initial rows.
      initial: int32[S, I], initial rows of each search.
      exists: bool[N], False for padding.
      algorithm: search whose state has a `record`.
      trials: number of evaluations after the initial rows.
    """

    def search_from(key: Array, initial: Array) -> Array:
        state = algorithm.init(key, problem, hyper)
        state = state._replace(record=state.record._replace(evaluated=~exists))
        state, first = jax.lax.scan(
            lambda s, row: algorithm.observe(s, problem, hyper, row, problem.score[row]),
            state,
            initial,
        )
        _, then = run(state, problem, algorithm, hyper, steps=trials)
        return jnp.append(first.row, then.row)

    return jax.vmap(search_from)(keys, initial)


def search(
    space: Space,
    task: HpobTask,
    knowledge: MetaKnowledge,
    trials: int,
    algorithms: Mapping[str, SearchAlgorithm],
) -> dict[str, np.ndarray]:
    """Regret float64[S, trials + 1] of each method and of random search on a test task."""
    initial = np.stack(list(task.initial.values()))
    size, seeds = len(task.score), range(len(initial))
    budget = min(initial.shape[1] + trials, size)
    problem = padded_problem(space, task, knowledge)
    searched = partial(
        searched_rows,
        jax.vmap(jax.random.key)(np.array(seeds)),
        hyper=nmjax.default_hyper(budget),
        initial=jnp.asarray(initial),
        exists=jnp.arange(len(problem.score)) < size,
        trials=trials,
    )
    rows = {
        name: np.asarray(
            searched(
                problem=problem if name == "transfer" else with_flat_prior(problem),
                algorithm=algorithm,
            )
        )
        for name, algorithm in algorithms.items()
    }
    orders = (np.random.default_rng(seed).permutation(size) for seed in seeds)
    rows["random"] = np.stack(
        [np.append(i, o[~np.isin(o, i)]) for i, o in zip(initial, orders, strict=True)]
    )
    found = {name: hpob_regret(task, own[:, :budget]) for name, own in rows.items()}
    after = initial.shape[1] + trials - budget
    return {name: np.pad(own, [(0, 0), (0, after)], mode="edge") for name, own in found.items()}


def measure_regrets(
    folder: Path, trials: int
) -> tuple[list[str], dict[str, np.ndarray], dict[str, dict]]:
    """Spaces of T tasks, regret float64[T, S, trials + 1] by method, and counts by space."""
    train, validation, test = (
        _by_space(read_hpob(folder, part=part)) for part in ("train", "validation", "test")
    )
    capacity = trials + 5
    ours = nmjax.BayesianSearch(capacity=capacity)
    algorithms: dict[str, SearchAlgorithm[Any, Any]] = {
        "transfer": ours,
        "kernel-transfer": ours,
        "gp": GPSearch(capacity=capacity),
    }
    spaces: list[str] = []
    curves: dict[str, list[np.ndarray]] = {}
    counts = {}
    for name, tasks in test.items():
        begun = time.perf_counter()
        past = train.get(name, []), validation.get(name, [])
        space, sources = space_of(name, [*past[0], *past[1], *tasks]), sources_of(*past)
        knowledge = learn(space, sources)
        judged = [task for task in tasks if np.ptp(task.score) > 0]
        for task in judged:
            spaces.append(name)
            for method, own in search(space, task, knowledge, trials, algorithms).items():
                curves.setdefault(method, []).append(own)
        counts[name] = {
            "sources": len(sources.tasks),
            "sources_left_out": sources.left_out,
            "tasks": len(judged),
            "tasks_left_out": len(tasks) - len(judged),
        }
        print(f"{name}: {len(judged)} tasks, {time.perf_counter() - begun:.0f} s", flush=True)
    return spaces, {method: np.stack(own) for method, own in curves.items()}, counts


def summary_rows(spaces: Sequence[str], regret: Mapping[str, np.ndarray]) -> list[dict]:
    """Rows by method over all tasks, and by method and space."""
    ranks = hpob_ranks(np.stack(list(regret.values())))
    rows = []
    for space in ("all", *dict.fromkeys(spaces)):
        at = np.array([space in ("all", own) for own in spaces])
        for (method, curves), own_ranks in zip(regret.items(), ranks, strict=True):
            interval = mean_interval(jax.random.key(0), jnp.asarray(curves[at], jnp.float32))
            rows.append(
                {
                    "method": method,
                    "space": space,
                    "tasks": int(at.sum()),
                    "regret": curves[at].mean(axis=(0, 1)).tolist(),
                    "regret_ci": np.stack([interval.low, interval.high], -1).tolist(),
                    "rank": own_ranks[at].mean(axis=(0, 1)).tolist(),
                }
            )
    return rows


def _by_space(tasks: Sequence[HpobTask]) -> dict[str, list[HpobTask]]:
    found: dict[str, list[HpobTask]] = {}
    for task in tasks:
        found.setdefault(task.space, []).append(task)
    return found


def measure(asked: argparse.Namespace) -> Findings:
    """Search each test task by each method."""
    spaces, regret, counts = measure_regrets(asked.data, asked.trials)
    return Findings(
        split="HPO-B-v3's test tasks, discrete pools; pasts are its training and validation tasks",
        seeds=range(next(iter(regret.values())).shape[1]),
        config={
            "trials": asked.trials,
            "source_rows": SOURCE_ROWS,
            "learn": vars(LEARN),
            "spaces": counts,
        },
        rows=summary_rows(spaces, regret),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of HPO-B-v3's JSON files")
    parser.add_argument("--trials", type=int, default=SHOWN[-1])
    try:
        run_benchmark("reproductions/hpob", measure, parser)
    except NmjaxError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
