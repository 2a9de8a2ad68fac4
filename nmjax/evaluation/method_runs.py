"""Run searches of a held-out task by several methods, in one compiled batch for each method."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from nmjax.errors import NmjaxError
from nmjax.evaluation.compiled_search import CHUNK, Program, SearchCompiler
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.methods import get_algorithm, get_method
from nmjax.experiments.checkpoint import latest_step
from nmjax.experiments.progress import Progress, SilentProgress, StageTimer
from nmjax.experiments.runner import run_chunked
from nmjax.experiments.sharding import gather_batch, replicate, shard_batch
from nmjax.predictors import pool_information_gain
from nmjax.search import (
    Problem,
    SearchHyper,
    SearchInfo,
    SearchState,
    default_hyper,
)
from nmjax.tasks import Suite
from nmjax.types import Array, PyTree

CHECKPOINT_SECONDS = 30.0
COMPILING = "compile the searches"
"""Stage of waiting for programs; most are traced and compiled while others run."""


class MethodRun(NamedTuple):
    """Searches by one method, with S seeds of B evaluations each, as NumPy arrays.

    Attributes:
      trace: leaves [S, B].
      information_gain: float[S], divergence of the final from the initial posterior in nats; NaN
        without a model.
      seconds: wall-clock seconds by stage, "compile" and "run".

    Example:
      >>> from nmjax.evaluation import MethodRun
      >>> MethodRun(None, np.zeros(3), {"compile": 1.0, "run": 0.5}).information_gain.shape
      (3,)
    """

    trace: SearchInfo
    information_gain: np.ndarray
    seconds: Mapping[str, float]


def run_methods(
    keys: Array,
    prepared: Prepared,
    *,
    methods: Sequence[str],
    budget: int = 100,
    stages: StageTimer | None = None,
    mesh: Mesh | None = None,
    folder: Path | None = None,
) -> dict[str, MethodRun]:
    """Search a held-out task by several methods, with one search for each of S keys.

    The searches of a method run as one batch, in chunks of `CHUNK` evaluations, while those of the
    next methods are traced and compiled. Another budget of the same capacity, or another target of
    the same suite, does not recompile.

    Args:
      keys: PRNG keys of the seeds, shared by all methods.
      prepared: result of `prepare`.
      methods: names in `METHODS`.
      budget: number of evaluations of each search, B.
      stages: timer of the stages.
      mesh: devices to lay the seeds over, from `nmjax.experiments.batch_mesh`; one device by
        default.
      folder: folder of checkpoints, at most one each 30 seconds; a run of the same arguments
        continues from them, and repeats at most a minute of searching. None saves nothing.

    Returns:
      Runs by method.

    Raises:
      NmjaxError: a method is unknown or repeated, there is none, the budget exceeds the pool, or
        the folder holds checkpoints of another run.

    Example:
      >>> from nmjax.evaluation import prepare, run_methods
      >>> from nmjax.tasks import leave_one_out, load_suite
      >>> suite = load_suite("nas-bench-201")  # doctest: +SKIP
      >>> prepared = prepare(
      ...     jax.random.key(0), suite, leave_one_out(suite, "cifar10"))  # doctest: +SKIP
      >>> keys = jax.random.split(jax.random.key(1), 4)  # doctest: +SKIP
      >>> runs = run_methods(keys, prepared, methods=["transfer", "random"])  # doctest: +SKIP
      >>> runs["random"].trace.score.shape  # doctest: +SKIP
      (4, 100)
    """
    check_run(prepared.suite, methods=methods, budget=budget)
    stages = StageTimer() if stages is None else stages
    shown = _Evaluations(stages.progress, budget)
    runs, seeds = {}, len(keys)
    problem, hyper = prepared.problem, default_hyper(budget)
    if mesh is not None:
        keys, (problem, hyper) = shard_batch(keys, mesh), replicate((problem, hyper), mesh)
    problems = {name: get_method(name).view(problem) for name in methods}
    searches = [(get_algorithm(name, budget), keys, problems[name], hyper) for name in methods]
    alone, unsaved = jax.process_count() == 1, 0.0
    with SearchCompiler(searches) as compiler:
        stages.begin(COMPILING)
        compiler.programs(0)
        stages.end()
        for number, name in enumerate(methods):
            begun = time.perf_counter()
            programs = compiler.programs(number)
            stages.seconds[COMPILING] += time.perf_counter() - begun
            checkpoints = None if folder is None else folder / name
            runs[name] = _run_method(
                keys,
                problems[name],
                hyper,
                programs,
                name=name,
                seeds=seeds,
                budget=budget,
                progress=shown,
                folder=checkpoints,
                unsaved=unsaved,
                meanwhile=compiler.trace_next,
            )
            seconds = stages.seconds[f"search: {name}"] = runs[name].seconds["run"]
            saved = checkpoints is not None and latest_step(checkpoints) == _num_chunks(budget)
            unsaved = unsaved + seconds if alone and not saved else 0.0
    return runs


def check_run(suite: Suite, *, methods: Sequence[str], budget: int) -> None:
    """Validate the methods and the budget of `run_methods`.

    Raises:
      NmjaxError: a method is unknown or repeated, there is none, or the budget is outside 1..N.
    """
    for name in methods:
        get_method(name)
    if not 1 <= budget <= len(suite.pool):
        raise NmjaxError(
            f"Got a budget of {budget}; give 1 to {len(suite.pool)}, the size of the pool of "
            f"{suite.name!r}."
        )
    if not methods or len(set(methods)) < len(methods):
        raise NmjaxError(f"Got the methods {list(methods)}; name at least one, and each once.")


def seed_keys(key: Array, seeds: int) -> Array:
    """Return a key per search; the first keys do not depend on the number of searches."""
    keys: Array = _fold_in_each(key, np.arange(seeds, dtype=np.uint32))
    return keys


_fold_in_each = jax.jit(jax.vmap(jax.random.fold_in, in_axes=(None, 0)))


def _run_method(
    keys: Array,
    problem: Problem,
    hyper: SearchHyper,
    programs: tuple[Program, Program],
    *,
    name: str,
    seeds: int,
    budget: int,
    progress: Progress,
    folder: Path | None,
    unsaved: float,
    meanwhile: Callable[[], None],
) -> MethodRun:
    """Run the searches of keys[S'], of which the first S seeds are kept; the others pad devices.

    `meanwhile` is called while a chunk runs.
    """
    start, advance = (program.compile() for program in programs)
    begun = time.perf_counter()

    def step_chunk(state: PyTree, chunk: int) -> tuple[PyTree, SearchInfo]:
        del chunk
        dispatched: tuple[PyTree, SearchInfo] = advance(state, problem, hyper)
        meanwhile()
        return dispatched

    state, trace = run_chunked(
        step_chunk,
        start(keys, problem, hyper),
        num_chunks=_num_chunks(budget),
        axis=1,
        folder=folder,
        config={"method": name, "budget": budget, "seeds": len(keys)},
        interval=CHECKPOINT_SECONDS,
        unsaved=unsaved,
        save_last=jax.process_count() > 1,  # Processes save together, whatever their clocks say.
        info_like=advance.out_info[1],
        progress=progress,
        stage=f"search: {name}",
    )
    seconds = {
        "compile": sum(program.seconds for program in programs),
        "run": time.perf_counter() - begun,
    }
    trace = jax.tree.map(lambda leaf: leaf[:seeds, :budget], trace)
    gain = np.full(seeds, np.nan, np.float32)
    if isinstance(state, SearchState):
        gain = gather_batch(_information_gain(state, problem), seeds)
    return MethodRun(trace, gain, seconds)


def _num_chunks(budget: int) -> int:
    return -(-budget // CHUNK)


@jax.jit
def _information_gain(states: SearchState, problem: Problem) -> Array:
    """Return the divergence float[S] of the final from the initial posterior, in nats."""
    each = jax.vmap(pool_information_gain, in_axes=(0, None))(states.model, problem.prior)
    return jnp.sum(jnp.exp(states.log_weights) * each, axis=-1)


class _Evaluations(SilentProgress):
    """Converts progress in chunks to progress in evaluations."""

    def __init__(self, shown: Progress, budget: int):
        self._shown, self._budget = shown, budget

    def update(self, stage: str, done: int, total: int) -> None:
        del total
        self._shown.update(stage, min(done * CHUNK, self._budget), self._budget)
