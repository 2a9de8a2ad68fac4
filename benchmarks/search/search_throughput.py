"""Throughput of searches, with all tasks and seeds in one compiled call.

    python -m benchmarks.search.search_throughput [--tasks 8] [--seeds 16]

Writes benchmarks/results/search/search_throughput.json.
"""

import argparse
import dataclasses
import resource
import time
from statistics import median

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import gammaln

import nmjax
from benchmarks.memory import planned_memory
from benchmarks.peers.harness import read_trajectories
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.experiments import Target
from nmjax.predictors import Pool, PoolPrior, PoolState, unit_matern
from nmjax.search import Problem, SearchAlgorithm, SearchHyper
from nmjax.types import Array

BUDGET = 100


def problems(suite: nmjax.Suite, tasks: tuple[str, ...]) -> Problem:
    """Make a problem for each task, with knowledge of the others, stacked along the tasks."""
    metric = suite.metric_info[suite.score_metric]
    score = nmjax.scores(suite)
    made = []
    for task in tasks:
        split = nmjax.leave_one_out(suite, task)
        history_key, learn_key = jax.random.split(jax.random.key(0))
        history = nmjax.sample_history(history_key, suite, split.sources, 300)
        knowledge, _ = nmjax.learn_from_history(learn_key, history, metric, space=suite.space)
        pool = jnp.asarray(suite.pool)
        made.append(nmjax.make_problem(suite.space, pool, score[split.target_index], knowledge))
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)


def counting(algorithm: SearchAlgorithm, traces: list[int]) -> SearchAlgorithm:
    """The algorithm, recording each trace of its step."""

    def evaluate(problem, index):
        traces.append(1)
        return algorithm.evaluate(problem, index)

    return dataclasses.replace(algorithm, evaluate=evaluate)


def all_searches(algorithm: SearchAlgorithm):
    """(keys [T, S], problems [T, ...], hyper) -> traces [T, S, B], compiled as one call.

    The seeds of a task are batched, so that its pool is read once for all of them. Tasks run in
    sequence, because each search keeps a kernel of B x N.
    """

    @jax.jit
    def search(keys: jax.Array, problem: Problem, hyper: SearchHyper):
        def of_task(task):
            own_keys, own_problem = task
            return nmjax.run_batch(own_keys, own_problem, algorithm, hyper, steps=BUDGET)[1]

        return jax.lax.map(of_task, (keys, problem))

    return search


def refit_pool(
    state: PoolState, prior: PoolPrior, pool: Pool, index: Array, score: Array, newest: Array
) -> PoolState:
    """Slow reference for `observe_pool` without an incremental state.

    All covariances are recomputed and factored, O(B^3 + N B (B + P + D)) per step.
    """
    del state, newest
    counts = ~jnp.isnan(score)
    kernel = unit_matern(pool.position[index], pool.position)
    kernel = jnp.where(counts[:, None], kernel, 0)
    features = jnp.where(counts[:, None], pool.features[index], 0)

    def one(prior: PoolPrior) -> PoolState:
        cross = prior.amplitude * kernel + (features * prior.variance[None, :]) @ pool.features.T
        covariance = jnp.where(counts[None, :], cross[:, index], 0)
        noise = jnp.where(counts, prior.noise, 1)
        factor = jnp.linalg.cholesky(covariance + jnp.diag(noise))
        inverse = solve_triangular(factor, jnp.eye(len(index)), lower=True)
        inverse = jnp.where(counts[:, None], inverse, 0)
        white = inverse @ jnp.where(counts, score - features @ prior.mean, 0)
        whitened = inverse @ cross
        before = jnp.square(pool.features) @ prior.variance + prior.amplitude
        number = jnp.sum(counts).astype(score.dtype)
        shape = prior.shape + 0.5 * number
        rate = prior.rate + 0.5 * white @ white
        diagonal = jnp.where(counts, jnp.diagonal(factor), 1)
        return PoolState(
            mean=pool.features @ prior.mean + white @ whitened,
            variance=jnp.maximum(before - jnp.sum(jnp.square(whitened), axis=0), 0),
            kernel=kernel,
            inverse=inverse,
            white=white,
            shape=shape,
            rate=rate,
            log_evidence=gammaln(shape)
            - gammaln(prior.shape)
            + prior.shape * jnp.log(prior.rate)
            - shape * jnp.log(rate)
            - jnp.sum(jnp.log(diagonal))
            - 0.5 * number * jnp.log(2 * jnp.pi),
        )

    return jax.vmap(one, out_axes=PoolState._make((0, 0, None, 0, 0, 0, 0, 0)))(prior)


def timed(function, *arguments, repeats: int) -> float:
    """Median wall seconds of a compiled call."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def ceilings() -> dict[str, float]:
    """Peak rates of this machine: flop/s of a matrix product and byte/s of a copy."""
    flops = 0.0
    for size in (1024, 2048):
        a = jnp.ones((size, size))
        product = jax.jit(jnp.matmul).lower(a, a).compile()
        flops = max(flops, 2 * size**3 / timed(product, a, a, repeats=5))
    a = jnp.ones((1 << 26,))
    copy = jax.jit(lambda x: x + 1).lower(a).compile()
    return {"flop_s": flops, "byte_s": 2 * a.nbytes / timed(copy, a, repeats=5)}


def counted_work(problem: Problem, seeds: int) -> dict[str, float]:
    """Operations and bytes of all searches, by formula, since XLA counts the body of a scan once.

    A step of a search computes one row of the kernel of the pool and the newest evaluation, and
    multiplies kernel and features of the pool by two columns for each of K components. Bytes are
    the least that must move: the pool's features and positions once a step for all searches of a
    task, the rows of the kernel so far once a step for each search, and each search's mean and
    variance over the pool written and read once.
    """
    tasks, pool, features = problem.pool.features.shape
    dimensions = problem.pool.position.shape[-1]
    components = problem.log_weights.shape[-1]
    searches = tasks * seeds
    item = problem.pool.features.dtype.itemsize
    rows = BUDGET * (BUDGET + 1) / 2
    columns = 2 * components
    flops = searches * pool * 2 * (BUDGET * (dimensions + columns * features) + columns * rows)
    shared = BUDGET * tasks * pool * (features + dimensions)
    moved = item * (shared + searches * pool * (rows + BUDGET * 2 * columns))
    return {"flops": float(flops), "bytes": float(moved)}


def measure(asked: argparse.Namespace) -> Findings:
    """Time all searches in one call, a single one, and a single one refitted at each step."""
    suite = nmjax.load_suite("nas-bench-graph")
    tasks = suite.tasks[: asked.tasks]
    problem = problems(suite, tasks)
    hyper = nmjax.default_hyper(BUDGET)
    keys = jax.random.split(jax.random.key(1), (len(tasks), asked.seeds))
    traces: list[int] = []
    search = all_searches(counting(nmjax.BayesianSearch(), traces))

    start = time.perf_counter()
    compiled = search.lower(keys, problem, hyper).compile()
    compile_seconds = time.perf_counter() - start
    traced = len(traces)
    memory = planned_memory(compiled)
    xla_bytes = (
        memory.temp_size_in_bytes + memory.argument_size_in_bytes + memory.output_size_in_bytes
    )
    together = timed(compiled, keys, problem, hyper, repeats=asked.repeats) / keys.size

    first = jax.tree.map(lambda leaf: leaf[:1], (keys[:, :1], problem))
    alone = timed(search.lower(*first, hyper).compile(), *first, hyper, repeats=asked.repeats)
    slowly = all_searches(nmjax.BayesianSearch(observe_model=refit_pool))
    slowly = slowly.lower(*first, hyper).compile()
    refit = timed(slowly, *first, hyper, repeats=asked.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    row = {
        "benchmark": suite.name,
        "tasks": len(tasks),
        "seeds": asked.seeds,
        **sizes_of(problem),
        "seconds_per_search": together,
        "seconds_per_search_alone": alone,
        "ratio_alone_to_together": alone / together,
        "seconds_per_search_alone_refit": refit,
        "compile_seconds": compile_seconds,
        "traces": traced,
        "xla_bytes": xla_bytes,
        "peak_process_bytes": peak,
        "optuna_tpe_cpu_seconds_per_search": read_trajectories("optuna_tpe", suite)[1].cpu_seconds,
        **roofline(problem, asked.seeds, together),
    }
    return Findings(
        split="leave one task out",
        seeds=range(asked.seeds),
        config={"budget": BUDGET, "history_size": 300, "repeats": asked.repeats},
        rows=(row,),
        targets=(
            Target("traces of the step, for all searches", traced, "traces", "at most", 1, 1),
            Target("peak memory of the process", peak / 2**30, "GiB", "at most", 4.0, 1),
        ),
    )


def sizes_of(problem: Problem) -> dict[str, int]:
    """Sizes of a problem: pool, features, dimensions and components."""
    return {
        "pool": int(problem.pool.features.shape[1]),
        "features": int(problem.pool.features.shape[2]),
        "dimensions": int(problem.pool.position.shape[2]),
        "components": int(problem.log_weights.shape[-1]),
    }


def roofline(problem: Problem, seeds: int, together: float) -> dict[str, float]:
    """Lower bound of the seconds per search by the peak rates, and the share that is reached."""
    limits, work = ceilings(), counted_work(problem, seeds)
    searches = len(problem.pool.features) * seeds
    floor = max(work["flops"] / limits["flop_s"], work["bytes"] / limits["byte_s"]) / searches
    return {
        "roofline_seconds_per_search": floor,
        "share_of_roofline": floor / together,
        **limits,
        **work,
    }


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=16)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    run_benchmark("search/search_throughput", measure, parser)


if __name__ == "__main__":
    main()
