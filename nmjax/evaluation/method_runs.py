"""Run searches of a held-out task by several methods, in one compiled batch for each method."""

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Compiled
from jax.tree_util import PyTreeDef

from nmjax.errors import NmjaxError
from nmjax.evaluation.leave_one_out import Prepared
from nmjax.evaluation.methods import get_algorithm, get_method
from nmjax.experiments.progress import Progress, SilentProgress, StageTimer
from nmjax.experiments.runner import run_chunked
from nmjax.experiments.sharding import gather_batch, replicate, shard_batch
from nmjax.predictors import pool_information_gain
from nmjax.search import (
    Problem,
    SearchAlgorithm,
    SearchHyper,
    SearchInfo,
    SearchState,
    default_hyper,
    run,
)
from nmjax.tasks import Suite
from nmjax.types import Array, PyTree

CHUNK = 25
CHECKPOINT_SECONDS = 30.0


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

    The searches of a method run as one batch, in chunks of `CHUNK` evaluations. Another budget of
    the same capacity, or another target of the same suite, does not recompile.

    Args:
      keys: PRNG keys of the seeds, shared by all methods.
      prepared: result of `prepare`.
      methods: names in `METHODS`.
      budget: number of evaluations of each search, B.
      stages: timer of the stages.
      mesh: devices to lay the seeds over, from `nmjax.experiments.batch_mesh`; one device by
        default.
      folder: folder of checkpoints, at most one each 30 seconds and one at the end of each method;
        a run of the same arguments continues from them. None saves nothing.

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
    for name in methods:
        checkpoints = None if folder is None else folder / name
        runs[name] = _run_method(
            keys,
            problem,
            hyper,
            name=name,
            seeds=seeds,
            budget=budget,
            progress=shown,
            folder=checkpoints,
        )
        stages.seconds[f"search: {name}"] = sum(runs[name].seconds.values())
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
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.arange(seeds))


def _run_method(
    keys: Array,
    problem: Problem,
    hyper: SearchHyper,
    *,
    name: str,
    seeds: int,
    budget: int,
    progress: Progress,
    folder: Path | None,
) -> MethodRun:
    """Run the searches of keys[S'], of which the first S seeds are kept; the others pad devices."""
    problem = get_method(name).view(problem)
    begun = time.perf_counter()
    start, advance = compile_search(get_algorithm(name, budget), keys, problem, hyper)
    compiled = time.perf_counter()
    state, trace = run_chunked(
        lambda state, _: advance(state, problem, hyper),
        start(keys, problem, hyper),
        num_chunks=-(-budget // CHUNK),
        axis=1,
        folder=folder,
        config={"method": name, "budget": budget, "seeds": len(keys)},
        interval=CHECKPOINT_SECONDS,
        info_like=advance.out_info[1],
        progress=progress,
        stage=f"search: {name}",
    )
    seconds = {"compile": compiled - begun, "run": time.perf_counter() - compiled}
    trace = jax.tree.map(lambda leaf: leaf[:seeds, :budget], trace)
    gain = np.full(seeds, np.nan, np.float32)
    if isinstance(state, SearchState):
        gain = gather_batch(_information_gain(state, problem), seeds)
    return MethodRun(trace, gain, seconds)


def compile_search(
    algorithm: SearchAlgorithm[Any, Any], keys: Array, problem: Problem, hyper: SearchHyper
) -> tuple[Compiled, Compiled]:
    """Compile (keys, problem, hyper) -> states, and (states, problem, hyper) -> states, trace.

    The second runs `CHUNK` steps of a search per key. Arguments of the same shapes do not
    recompile. If the keys are sharded over a mesh, so are the states and traces; the other
    arguments must then be replicated on it.
    """
    sharding = keys.sharding if isinstance(keys.sharding, NamedSharding) else None
    leaves, structure = jax.tree.flatten((keys, problem, hyper))
    types = tuple(jax.typeof(leaf) for leaf in leaves)
    return _compile_for(algorithm, structure, types, sharding)


@lru_cache
def _compile_for(
    algorithm: SearchAlgorithm[Any, Any],
    structure: PyTreeDef,
    types: tuple[Any, ...],
    sharding: NamedSharding | None,
) -> tuple[Compiled, Compiled]:
    whole = None if sharding is None else NamedSharding(sharding.mesh, PartitionSpec())

    def abstract(leaf: Any, sharding: NamedSharding | None) -> jax.ShapeDtypeStruct:
        weak = getattr(leaf, "weak_type", False)
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, weak_type=weak, sharding=sharding)

    leaves = [abstract(leaf, whole) for leaf in types]
    keys, problem, hyper = jax.tree.unflatten(structure, leaves)
    keys = abstract(keys, sharding)
    start = jax.jit(jax.vmap(algorithm.init, in_axes=(0, None, None)), out_shardings=sharding)
    states = jax.tree.map(
        lambda leaf: abstract(leaf, sharding), jax.eval_shape(start, keys, problem, hyper)
    )

    def advance_one(
        state: PyTree, problem: Problem, hyper: SearchHyper
    ) -> tuple[PyTree, SearchInfo]:
        return run(state, problem, algorithm, hyper, steps=CHUNK)

    advance = jax.jit(
        jax.vmap(advance_one, in_axes=(0, None, None)), donate_argnums=0, out_shardings=sharding
    )
    return (
        start.lower(keys, problem, hyper).compile(),
        advance.lower(states, problem, hyper).compile(),
    )


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
