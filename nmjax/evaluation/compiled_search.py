"""Searches as compiled programs: one that starts them, and one that advances them by a chunk."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from threading import Lock
from typing import Any, Self

import jax
from jax.sharding import NamedSharding, PartitionSpec
from jax.stages import Compiled, Wrapped
from jax.tree_util import PyTreeDef

from nmjax.search import Problem, SearchAlgorithm, SearchHyper, SearchInfo, run
from nmjax.types import Array, PyTree

CHUNK = 25
"""Number of evaluations between two looks at the host."""
COMPILERS = 2
"""Number of threads that compile."""
SearchArguments = tuple[SearchAlgorithm[Any, Any], Array, Problem, SearchHyper]
"""A search, its keys, its problem and its hyperparameters."""


def compile_search(
    algorithm: SearchAlgorithm[Any, Any], keys: Array, problem: Problem, hyper: SearchHyper
) -> tuple[Compiled, Compiled]:
    """Compile (keys, problem, hyper) -> states, and (states, problem, hyper) -> states, trace.

    The second runs `CHUNK` steps of a search per key. Arguments of the same shapes do not
    recompile. If the keys are sharded over a mesh, so are the states and traces; the other
    arguments must then be replicated on it.
    """
    start, advance = search_programs(algorithm, keys, problem, hyper)
    return start.compile(), advance.compile()


class SearchCompiler:
    """Compiles searches in `COMPILERS` threads while the caller traces others or searches.

    Tracing stays in the caller's thread, as settings of JAX may be local to it. Use as a context,
    which drops what is not compiled yet when it ends.
    """

    def __init__(self, searches: Sequence[SearchArguments]):
        self._searches = searches
        self._compiling: list[list[tuple[Program, Future[Compiled]]]] = []
        self._threads = ThreadPoolExecutor(COMPILERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def trace_next(self) -> None:
        """Trace the next search, if any, and begin to compile it."""
        if len(self._compiling) < len(self._searches):
            programs = search_programs(*self._searches[len(self._compiling)])
            self._compiling.append(
                [(program, self._threads.submit(program.compile)) for program in programs]
            )

    def programs(self, number: int) -> tuple["Program", "Program"]:
        """Return the compiled programs of a search; others are traced until they are ready."""
        while len(self._compiling) <= number:
            self.trace_next()
        start, advance = self._compiling[number]
        while len(self._compiling) < len(self._searches):
            if start[1].done() and advance[1].done():
                break
            self.trace_next()
        start[1].result()
        advance[1].result()
        return start[0], advance[0]


class Program:
    """A traced program, compiled on first use.

    Attributes:
      seconds: wall-clock seconds of tracing and compilation.
    """

    def __init__(self, function: Wrapped, *arguments: Any):
        begun = time.perf_counter()
        self._lowered = function.lower(*arguments)
        self._compiled: Compiled | None = None
        self._lock = Lock()
        self.seconds = time.perf_counter() - begun

    def compile(self) -> Compiled:
        """Return the compiled program; a thread that finds another compiling it waits."""
        with self._lock:
            if self._compiled is None:
                begun = time.perf_counter()
                self._compiled = self._lowered.compile()
                self.seconds += time.perf_counter() - begun
            return self._compiled


def search_programs(
    algorithm: SearchAlgorithm[Any, Any], keys: Array, problem: Problem, hyper: SearchHyper
) -> tuple[Program, Program]:
    """Trace the two programs of `compile_search`, or return those of equal shapes."""
    sharding = keys.sharding if isinstance(keys.sharding, NamedSharding) else None
    leaves, structure = jax.tree.flatten((keys, problem, hyper))
    types = tuple(jax.typeof(leaf) for leaf in leaves)
    return _programs_for(algorithm, structure, types, sharding)


@lru_cache
def _programs_for(
    algorithm: SearchAlgorithm[Any, Any],
    structure: PyTreeDef,
    types: tuple[Any, ...],
    sharding: NamedSharding | None,
) -> tuple[Program, Program]:
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
    return Program(start, keys, problem, hyper), Program(advance, states, problem, hyper)
