"""Conformance checks for one's own surrogate, acquisition or search.

Each raises an AssertionError that says which promise of the Protocol was broken. Call them from a
test, with small data and fixed keys.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.search import AcquisitionContext, Problem, SearchAlgorithm, SearchInfo
from nmjax.types import Acquisition, Array, Gaussian, Mixture, PyTree, Surrogate


def check_surrogate(
    surrogate: Surrogate,
    hyper: PyTree,
    x: Array,
    y: Array,
    *,
    log_density: Callable[[PyTree, Array, Array], Array],
    unit: Callable[[PyTree], Array] = lambda _: jnp.ones(()),
    tolerance: float = 1e-3,
    draws: int = 2000,
) -> None:
    """Checks a `Surrogate`.

    Shapes; agreement with `jit` and `vmap`; one trace a shape; a failed evaluation teaches nothing;
    data never make it less sure; its covariance, marginals and draws agree; its evidence is the sum
    of its one-step-ahead predictions.

    Args:
      surrogate: to check, of capacity M at the least.
      hyper: its hyperparameters.
      x: float[M, F], distinct.
      y: float[M], none NaN.
      log_density: (state, x float[F], y float[]) -> float[], of a noisy observation to come.
      unit: state -> float[], the unit of all variances, which data may change where it is inferred.
      tolerance: absolute and relative, of what should be equal.
      draws: joint draws whose moments are compared, within five standard errors.

    Raises:
      AssertionError: a promise is broken.
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    close = partial(_close, tolerance=tolerance)
    update, ahead = _Counted(surrogate.update), jax.jit(log_density)
    relative = _Counted(lambda state: surrogate.predict(state, x).std / jnp.sqrt(unit(state)))
    state, chain = surrogate.init(hyper), jnp.zeros(())
    _equal("evidence before any observation", surrogate.log_evidence(state), 0)
    failed = update(state, x[0], jnp.full_like(y[0], jnp.nan))
    close("state after a failed evaluation", failed, state)
    close(
        "update with and without jit",
        update(state, x[0], y[0]),
        surrogate.update(state, x[0], y[0]),
    )
    std = relative(state)
    for row, score in zip(x, y, strict=True):
        chain = chain + ahead(state, row, score)
        before, state, less_sure = state, update(state, row, score), std
        _same_shapes("state after an update", state, before)
        std = relative(state)
        grown = jnp.max(std - less_sure)
        assert grown <= tolerance, f"An observation made the marginals less sure, by {grown}."
    close("evidence and the sum of log predictive densities", surrogate.log_evidence(state), chain)
    update.check_once("update")
    relative.check_once("predict")
    _check_marginals(surrogate, state, x, tolerance)
    _check_draws(surrogate, state, x, draws)

    def fit(y: Array) -> Gaussian:
        state, _ = jax.lax.scan(
            lambda s, xy: (surrogate.update(s, *xy), None), surrogate.init(hyper), (x, y)
        )
        return surrogate.predict(state, x)

    both = jax.vmap(fit)(jnp.stack([y, -y]))
    close("predict in lanes and alone", jax.tree.map(lambda leaf: leaf[1], both), fit(-y))


def _check_marginals(surrogate: Surrogate, state: PyTree, x: Array, tolerance: float) -> None:
    marginals = surrogate.predict(state, x)
    _shape("mean", marginals.mean, x.shape[:1])
    _shape("std", marginals.std, x.shape[:1])
    _finite("marginals", marginals)
    close = partial(_close, tolerance=tolerance)
    covariance = surrogate.covariance(state, x, x)
    close("covariance's diagonal and squared std", jnp.diagonal(covariance), marginals.std**2)
    close("covariance and its transpose", covariance, covariance.T)
    part = surrogate.covariance(state, x[:1], x[1:])
    close("covariance of some rows", part, covariance[:1, 1:])
    lowest = jnp.min(jnp.linalg.eigvalsh(covariance))
    assert lowest > -tolerance, f"The covariance has the eigenvalue {lowest}."


def _check_draws(surrogate: Surrogate, state: PyTree, x: Array, draws: int) -> None:
    sample = jax.jit(jax.vmap(lambda key: surrogate.sample(key, state, x)))
    drawn = sample(jax.random.split(jax.random.key(0), draws))
    _shape("draws", drawn, (draws, x.shape[0]))
    _finite("draws", drawn)
    _equal("draws of the same keys", sample(jax.random.split(jax.random.key(0), draws)), drawn)
    assert jnp.any(drawn[0] != drawn[1]), "Two keys gave the same draw."
    mean, covariance = surrogate.predict(state, x).mean, surrogate.covariance(state, x, x)
    variance = jnp.diagonal(covariance)
    error = 5 * jnp.sqrt(variance / draws) + 1e-3
    off = jnp.max(jnp.abs(jnp.mean(drawn, axis=0) - mean) - error)
    assert off <= 0, f"The mean of draws is off by {off} more than five standard errors."
    centred = drawn - mean[None, :]
    spread = variance[:, None] * variance[None, :] + covariance**2
    error = 5 * jnp.sqrt(spread / draws) + 1e-3
    off = jnp.max(jnp.abs(centred.T @ centred / draws - covariance) - error)
    assert off <= 0, f"The covariance of draws is off by {off} more than five standard errors."


def check_acquisition(
    acquire: Acquisition,
    posterior: Mixture,
    context: AcquisitionContext,
    *,
    tolerance: float = 1e-4,
) -> None:
    """Checks an `Acquisition`.

    Shapes; agreement with `jit` and `vmap`; one trace a shape; the same value from the same key;
    finite values and gradients, also before any evaluation; two equal components are one.

    Args:
      acquire: to check.
      posterior: K components over a pool of N.
      context: with a finite best score.
      tolerance: absolute and relative, of what should be equal.

    Raises:
      AssertionError: a promise is broken.
    """
    close = partial(_close, tolerance=tolerance)

    def of(key: Array, posterior: Mixture, best: Array, exploration: Array) -> Array:
        return acquire(key, posterior, AcquisitionContext(best, exploration, context.sample))

    compiled = _Counted(of)
    numbers = (jnp.asarray(context.best), jnp.asarray(context.exploration))
    value = compiled(jax.random.key(0), posterior, *numbers)
    _shape("values", value, posterior.components.mean.shape[-1:])
    _finite("values", value)
    _equal("values of the same key", compiled(jax.random.key(0), posterior, *numbers), value)
    close("values with and without jit", of(jax.random.key(0), posterior, *numbers), value)
    start = compiled(jax.random.key(0), posterior, jnp.full_like(numbers[0], -jnp.inf), numbers[1])
    _finite("values before any evaluation", start)
    compiled.check_once("acquisition")

    lanes = jax.vmap(of, in_axes=(None, 0, None, None))
    doubled = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), posterior)
    close("values in lanes and alone", lanes(jax.random.key(0), doubled, *numbers)[1], value)
    halves = Mixture(
        jnp.concatenate([posterior.log_weights, posterior.log_weights]) - jnp.log(2),
        jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), posterior.components),
    )
    close("values of components cut in halves", of(jax.random.key(0), halves, *numbers), value)
    slope = jax.grad(lambda p: jnp.sum(of(jax.random.key(0), p, *numbers)))(posterior)
    _finite("gradients", slope)


def check_search(algorithm: SearchAlgorithm, problem: Problem, hyper: PyTree) -> None:
    """Checks a search whose state has a `record`, and its halves `suggest` and `observe`.

    No row twice; the budget exactly, as a mask that compiles nothing anew; the same run from the
    same key, from a state that was saved, within a scan, in lanes and by halves; no score that was
    not paid for; failed evaluations are counted, and the search goes on.

    Args:
      algorithm: to check, of a capacity of `hyper.budget` + 2 at the least.
      problem: of N > `hyper.budget` + 2 rows, no score NaN.
      hyper: a NamedTuple with a `budget` of at least 4.

    Raises:
      AssertionError: a promise is broken.
    """
    budget = int(hyper.budget)
    length = budget + 2
    step, init = _Counted(algorithm.step), jax.jit(algorithm.init)
    start = init(jax.random.key(0), problem, hyper)

    def play(problem: Problem, hyper: PyTree, state: PyTree, number: int = length):
        infos = []
        for _ in range(number):
            state, info = step(state, problem, hyper)
            infos.append(jax.device_get(info))
        return state, jax.tree.map(lambda *leaves: np.stack(leaves), *infos)

    final, trace = play(problem, hyper, start)
    _check_trace(trace, final.record, problem, budget)
    again = init(jax.random.key(0), problem, hyper)
    _equal("two runs from one key", play(problem, hyper, again), (final, trace))

    saved, _ = play(problem, hyper, start, 3)
    _equal("a resumed run", play(problem, hyper, _through_host(saved), length - 3)[0], final)

    shorter = hyper._replace(budget=jnp.full_like(hyper.budget, budget - 2))
    cut, cut_trace = play(problem, shorter, start)
    _check_trace(cut_trace, cut.record, problem, budget - 2)
    _equal("rows under a smaller budget", cut_trace.row[: budget - 2], trace.row[: budget - 2])

    paid = final.record.evaluated
    for change in (-1000, 1000):
        hidden = problem._replace(score=jnp.where(paid, problem.score, change - problem.score))
        rows = play(hidden, hyper, start)[1].row
        _equal("rows after a change of scores not paid for", rows, trace.row)

    for what, fails in (("the first", 1), ("the first three", 3), ("all", budget)):
        rows = trace.row[:fails]
        failing = problem._replace(score=problem.score.at[rows].set(jnp.nan))
        if fails == budget:
            failing = problem._replace(score=jnp.full_like(problem.score, jnp.nan))
        after, failed = play(failing, hyper, start)
        _check_trace(failed, after.record, failing, budget, f" where {what} evaluations fail")
    step.check_once("step")
    _check_forms(algorithm, step, problem, hyper, start, trace)


def _check_trace(
    trace: SearchInfo, record: Any, problem: Problem, budget: int, when: str = ""
) -> None:
    rows = np.asarray(trace.row[:budget])
    assert np.all((rows >= 0) & (rows < len(problem.score))), f"Rows {rows} leave the pool{when}."
    assert len(set(rows.tolist())) == budget, f"Rows {rows} repeat one another{when}."
    counted = np.arange(len(trace.row)) < budget
    _equal(f"what was counted{when}", trace.counted, counted)
    _equal(f"rows past the budget{when}", trace.row[budget:], -1)
    _equal(f"scores of the trace{when}", trace.score[:budget], problem.score[rows])
    assert np.isnan(trace.score[budget:]).all(), f"A score came after the budget was spent{when}."
    _equal(f"the record's steps{when}", record.step, budget)
    _equal(f"the record's rows{when}", record.row[:budget], rows)
    _equal(f"the record's scores{when}", record.score[:budget], problem.score[rows])
    _equal(f"rows marked as evaluated{when}", np.flatnonzero(record.evaluated), np.sort(rows))


def _check_forms(
    algorithm: SearchAlgorithm,
    step: Callable[..., Any],
    problem: Problem,
    hyper: PyTree,
    start: PyTree,
    trace: SearchInfo,
) -> None:
    close = partial(_close, tolerance=1e-3)

    @jax.jit
    def scanned(state: PyTree, problem: Problem, hyper: PyTree) -> SearchInfo:
        def body(carried: PyTree, _: None) -> tuple[PyTree, SearchInfo]:
            return algorithm.step(carried, problem, hyper)

        return jax.lax.scan(body, state, None, length=len(trace.row))[1]

    close("the trace of a scan and of single steps", scanned(start, problem, hyper), trace)

    stepped = step(start, problem, hyper)
    index = jax.jit(algorithm.suggest)(start, problem, hyper)
    halves = jax.jit(algorithm.observe)(start, problem, hyper, index, problem.score[index])
    close("a step and its halves", halves, stepped)

    @jax.jit
    @jax.vmap
    def first(number: Array):
        key = jax.random.key(number)
        return algorithm.step(algorithm.init(key, problem, hyper), problem, hyper)

    lanes = _plain(first(jnp.array([1, 0])))
    close("a step in lanes and alone", jax.tree.map(lambda leaf: leaf[1], lanes), stepped)


class _Counted:
    """A jitted function that counts how often it is traced."""

    def __init__(self, function: Callable[..., Any]):
        self.traces = 0

        def counted(*args: Any) -> Any:
            self.traces += 1
            return function(*args)

        self._compiled = jax.jit(counted)

    def __call__(self, *args: Any) -> Any:
        return self._compiled(*args)

    def check_once(self, what: str) -> None:
        assert self.traces == 1, f"{what} was traced {self.traces} times for one shape."


def _plain(tree: PyTree) -> PyTree:
    """The tree with arrays of NumPy, and the numbers of its keys."""

    def plain(leaf: Any) -> np.ndarray:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        return np.asarray(leaf)

    return jax.tree.map(plain, tree)


def _through_host(tree: PyTree) -> PyTree:
    """The tree after a round trip through NumPy, as when it is saved and loaded."""

    def back(leaf: np.ndarray, like: Array) -> Array:
        is_key = jnp.issubdtype(like.dtype, jax.dtypes.prng_key)
        return jax.random.wrap_key_data(leaf) if is_key else jnp.asarray(leaf)

    return jax.tree.map(back, _plain(tree), tree)


def _close(what: str, actual: PyTree, desired: PyTree, *, tolerance: float) -> None:
    message = f"Expected the same: {what}."
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=message),
        _plain(actual),
        _plain(desired),
    )


def _equal(what: str, actual: PyTree, desired: PyTree) -> None:
    message = f"Expected exactly the same: {what}."
    jax.tree.map(
        lambda a, b: np.testing.assert_array_equal(a, b, err_msg=message),
        _plain(actual),
        _plain(desired),
    )


def _same_shapes(what: str, actual: PyTree, desired: PyTree) -> None:
    found, expected = (
        [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(tree)]
        for tree in (actual, desired)
    )
    assert found == expected, f"Expected shapes and dtypes {expected} of the {what}, got {found}."


def _shape(what: str, actual: Array, expected: tuple[int, ...]) -> None:
    assert actual.shape == expected, f"Expected {what} of shape {expected}, got {actual.shape}."


def _finite(what: str, tree: PyTree) -> None:
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)), f"{what} not finite."
