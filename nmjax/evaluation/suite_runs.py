"""Run the frozen protocol on a suite, over all devices of one process or of several.

The unit of work is a task with a seed: its past, what is learned from it, and one search by each
method. A unit runs on one device, in the same program whatever the number of devices, so its rows
depend neither on the devices nor on the processes.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, PartitionSpec

from nmjax.errors import NmjaxError
from nmjax.evaluation.compiled_search import CHUNK
from nmjax.evaluation.finished_searches import FinishedSearches, read_finished, write_finished
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.method_runs import check_run
from nmjax.evaluation.methods import get_algorithm, get_method
from nmjax.evaluation.protocol import BUDGET, SEEDS, prepare_search
from nmjax.evaluation.trajectories import Trajectories
from nmjax.experiments.progress import Progress, SilentProgress
from nmjax.experiments.sharding import AXIS, batch_mesh, gather_batch, shard_batch
from nmjax.search import Problem, SearchAlgorithm, default_hyper, run
from nmjax.tasks import Suite
from nmjax.types import Array

Prepare = Callable[[Suite, str, int], tuple[Prepared, Array]]


class Unit(NamedTuple):
    """A task of a suite and a seed.

    Attributes:
      task: index of the task.
      seed: seed of the past and of the search.
    """

    task: int
    seed: int


def run_suite(
    suite: Suite,
    *,
    methods: Sequence[str],
    seeds: int = SEEDS,
    budget: int = BUDGET,
    prepare: Prepare = prepare_search,
    path: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Trajectories]:
    """Search every task of a suite by several methods, with one past and one search per seed.

    Each device of each process takes one (task, seed) pair at a time; all processes call this with
    the same arguments and get the same result. Learning from the past runs on the first device of
    each process, the searches on all of them.

    Args:
      suite: benchmark to search.
      methods: names in `METHODS`.
      seeds: S, number of seeds of each task; the seeds are 0 to S - 1.
      budget: B, number of evaluations of each search.
      prepare: (suite, task, seed) -> the problem with what was learned, and key[1] of the search.
      path: file ending in .npz where the first process keeps finished searches; a run with the
        same arguments continues from it, also with another number of devices or processes. None
        keeps nothing.
      progress: display of finished (task, seed) pairs.

    Returns:
      Trajectories by method; `seconds` is the median over all searches, compilation included in
      the first of each device.

    Raises:
      NmjaxError: a method is unknown or repeated, a number is out of range, or the file is damaged
        or of another run.

    Example:
      >>> from nmjax.evaluation import run_suite
      >>> from nmjax.tasks import load_suite
      >>> suite = load_suite("nas-bench-201")
      >>> found = run_suite(suite, methods=["random"], seeds=2)  # doctest: +SKIP
      >>> found["random"].rows.shape  # doctest: +SKIP
      (3, 2, 100)
    """
    check_run(suite, methods=methods, budget=budget)
    if seeds < 1:
        raise NmjaxError(f"Got {seeds} seeds; give at least 1.")
    progress = SilentProgress() if progress is None else progress
    first = jax.process_index() == 0
    config = {"suite": suite.name, "package": suite.package, "methods": tuple(methods)}
    shape = len(suite.tasks), seeds, len(methods), budget
    found = _shared(read_finished(path if first else None, shape, config=config))
    total = len(suite.tasks) * seeds
    while waiting := [Unit(*pair) for pair in found.waiting]:
        progress.update("searches", total - len(waiting), total)
        units = waiting[: jax.device_count()]
        found = _run_round(suite, units, found, methods=methods, budget=budget, prepare=prepare)
        write_finished(path if first else None, found, config=config)
    progress.update("searches", total, total)
    return {
        name: Trajectories(
            found.rows[:, :, index],
            get_method(name).transfer,
            "ours" if get_method(name).ours else "baseline",
            float(np.median(found.seconds[:, :, index])),
        )
        for index, name in enumerate(methods)
    }


def _shared(found: FinishedSearches) -> FinishedSearches:
    """Return what the first process has read, in all processes."""
    if jax.process_count() == 1:
        return found
    return FinishedSearches(*map(np.asarray, multihost_utils.broadcast_one_to_all(tuple(found))))


def _run_round(
    suite: Suite,
    units: Sequence[Unit],
    found: FinishedSearches,
    *,
    methods: Sequence[str],
    budget: int,
    prepare: Prepare,
) -> FinishedSearches:
    """Run one unit on each device, and add the rows of all processes to `found`."""
    own = [
        unit
        for unit, device in zip(units, jax.devices(), strict=False)
        if device.process_index == jax.process_index()
    ]
    learned = [prepare(suite, suite.tasks[unit.task], unit.seed) for unit in own]
    new = FinishedSearches(np.full_like(found.rows, -1), np.full_like(found.seconds, -1))
    for index, name in enumerate(methods):
        for chosen in _alike([item[0].problem for item in learned]):
            begun = time.perf_counter()
            problems = [learned[i][0].problem for i in chosen]
            rows = _search_side_by_side(
                name, [learned[i][1] for i in chosen], problems, budget=budget
            )
            seconds = time.perf_counter() - begun
            for i, row in zip(chosen, rows, strict=True):
                new.rows[(*own[i], index)] = row
                new.seconds[(*own[i], index)] = seconds
    if jax.process_count() > 1:
        gathered = multihost_utils.process_allgather(tuple(new))
        new = FinishedSearches(*(np.asarray(leaf).max(axis=0) for leaf in gathered))
    is_new = new.seconds >= 0
    return FinishedSearches(
        np.where(np.expand_dims(is_new, -1), new.rows, found.rows),
        np.where(is_new, new.seconds, found.seconds),
    )


def _alike(problems: Sequence[Problem]) -> list[list[int]]:
    """Group problems of equal structure and shapes, which one program can search."""
    groups: dict[Any, list[int]] = {}
    for i, problem in enumerate(problems):
        leaves, structure = jax.tree.flatten(problem)
        kind = structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        groups.setdefault(kind, []).append(i)
    return list(groups.values())


def _search_side_by_side(
    name: str, keys: Sequence[Array], problems: Sequence[Problem], *, budget: int
) -> np.ndarray:
    """Return rows int32[n, B] of n searches, each on a device of its own; keys are [1] each."""
    mesh = batch_mesh(local=True)
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *problems)
    data = np.concatenate([jax.random.key_data(key) for key in keys])
    keys, stacked = shard_batch((jax.random.wrap_key_data(jnp.asarray(data)), stacked), mesh)
    start, advance = _search_programs(get_algorithm(name, budget), get_method(name).view, mesh)
    hyper, rows = default_hyper(budget), []
    states = start(keys, stacked, hyper)
    for _ in range(-(-budget // CHUNK)):
        states, found = advance(states, stacked, hyper)
        rows.append(gather_batch(found, len(problems)))
    return np.concatenate(rows, axis=1)[:, :budget]


@lru_cache
def _search_programs(
    algorithm: SearchAlgorithm[Any, Any], view: Callable[[Problem], Problem], mesh: Mesh
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Compiled (keys[n], problems, hyper) -> states, and (states, problems, hyper) -> states, rows.

    Leaves of problems have the leading axis n of devices. The second runs `CHUNK` steps.
    """
    each, whole = PartitionSpec(AXIS), PartitionSpec()

    def start(keys: Array, problems: Problem, hyper: Any) -> Any:
        return jax.vmap(algorithm.init, in_axes=(0, None, None))(keys, only(problems), hyper)

    def advance(states: Any, problems: Problem, hyper: Any) -> tuple[Any, Array]:
        problem = only(problems)
        states, info = jax.vmap(lambda s: run(s, problem, algorithm, hyper, steps=CHUNK))(states)
        return states, info.row

    def only(problems: Problem) -> Problem:
        return view(jax.tree.map(lambda leaf: leaf[0], problems))

    over_devices = partial(
        jax.shard_map, mesh=mesh, in_specs=(each, each, whole), out_specs=each, check_vma=False
    )
    return jax.jit(over_devices(start)), jax.jit(over_devices(advance), donate_argnums=0)
