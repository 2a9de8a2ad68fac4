"""Pairwise similarity of past tasks."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import cho_solve, solve_triangular

from nmjax.errors import NmjaxError, unknown_name
from nmjax.knowledge.features import group_index, standardize_encoding
from nmjax.knowledge.kernel_fitting import fit_kernel
from nmjax.knowledge.similarity.bayesian_bootstrap import INTERVAL_LEVEL
from nmjax.knowledge.similarity.measures import distribution_similarity
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.predictors import (
    KernelParams,
    kernel_noise,
    kernel_position,
    spectral_features,
    unit_matern,
)
from nmjax.spaces import (
    Space,
    canonicalize,
    encode,
    enumerate_architectures,
    sample,
    sample_continuous,
)
from nmjax.stats import Interval, draws_interval, spearman
from nmjax.types import Array, History, Metric

PAIRWISE_MEASURES = ("rank", "distribution")
_ROWS, _FITTED_ROWS, _KERNEL_STEPS = 256, 128, 60
_POOL, _FEATURES, _GRID, _DRAWS = 512, 512, 21, 64
_ENUMERATED = 1_000_000


def pairwise_similarity(
    key: Array, history: History, metric: Metric, *, space: Space, measure: str = "rank"
) -> Interval:
    """Similarity float[T, T] of every pair of past tasks, with 95% intervals.

    The similarity of a task with itself is 1. A task whose scores are all missing or all equal
    counts as a task without evaluations.

    Args:
      key: Random key of the draws and resamples.
      history: T past tasks with raw metrics.
      metric: Metric that defines the score.
      space: Space of the architectures.
      measure: "rank" is `function_similarity` from the first 256 evaluations of each task, over up
        to 512 random architectures of the space; isomorphic ones are merged in spaces of up to a
        million. "distribution" is the `distribution_similarity` of the scores.

    Raises:
      NmjaxError: The measure is unknown, or there are fewer than two tasks.

    Example:
      >>> import jax, numpy as np
      >>> from nmjax.knowledge import pairwise_similarity
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import make_history
      >>> from nmjax.types import Metric
      >>> history = make_history(np.zeros((2, 3, 1), int), {"accuracy": [[0.1, 0.2, 0.4]] * 2})
      >>> pairwise_similarity(jax.random.key(0), history, Metric("accuracy"),
      ...                     space=Space(width=[8, 16]), measure="distribution").estimate.shape
      (2, 2)
    """
    if measure not in PAIRWISE_MEASURES:
        raise unknown_name("measure", measure, PAIRWISE_MEASURES)
    if len(history.mask) < 2:
        raise NmjaxError("Got 1 past task to compare; give at least two.")
    past = standardize_past(history, space=space, metric=metric)
    if measure == "distribution":
        between: Interval = _between_distributions(key, past.score)
        return between
    pool_key, draw_key = jax.random.split(key)
    varies = jnp.nanmax(past.y, axis=-1) > jnp.nanmin(past.y, axis=-1)
    y = jnp.where(varies[:, None], past.y, jnp.nan)[:, :_ROWS]
    kernel, _ = fit_kernel(
        past.x[:, :_FITTED_ROWS],
        y[:, :_FITTED_ROWS],
        groups=group_index(space),
        steps=_KERNEL_STEPS,
    )
    pool = _draw_pool(pool_key, space)
    at = standardize_encoding(past.location, past.scale, pool)
    interval: Interval = function_similarity(draw_key, kernel, past.x[:, :_ROWS], y, at)
    return interval


@jax.jit
def function_similarity(
    key: Array, kernel: KernelParams, x: Array, y: Array, at: Array
) -> Interval:
    """Spearman's correlation float[T, T] of tasks' scores over a pool, from a few evaluations.

    The prior of the correlation is uniform. The residual that the encoding does not explain, noise
    included, has a uniform fraction of that correlation.

    Args:
      key: Random key of the draws.
      kernel: Hyperparameters.
      x: float[T, M, D], standardized encodings of the evaluations.
      y: float[T, M], normal scores; NaN is ignored.
      at: float[N, D], standardized encodings of the pool.

    Returns:
      Posterior means and 95% intervals, float[T, T] each.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import function_similarity
      >>> from nmjax.predictors import default_kernel
      >>> x, y = jnp.eye(3)[None].repeat(2, 0), jnp.array([[-1.0, 0.0, 1.0]] * 2)
      >>> function_similarity(jax.random.key(0), default_kernel(3), x, y, jnp.eye(3)).estimate.shape
      (2, 2)
    """
    own = jax.vmap(kernel_position, in_axes=(None, 0))(kernel, x)
    pool = kernel_position(kernel, at)
    one, other = np.triu_indices(len(y), 1)

    def of_pair(pair: tuple[Array, Array, Array]) -> Interval:
        key, a, b = pair
        position, score = (jnp.concatenate([leaf[a], leaf[b]]) for leaf in (own, y))
        drawn = draw_correlations(key, kernel, position, score, pool)
        interval: Interval = draws_interval(drawn, level=INTERVAL_LEVEL)
        return interval

    found = jax.lax.map(of_pair, (jax.random.split(key, len(one)), one, other))
    itself = jnp.eye(len(y), dtype=y.dtype)
    return Interval(*(itself.at[one, other].set(e).at[other, one].set(e) for e in found))


def draw_correlations(
    key: Array, kernel: KernelParams, position: Array, y: Array, pool: Array
) -> Array:
    """Draw Spearman's correlation float[R] of two tasks' scores over a pool.

    The model is a pair of Gaussian processes with an unknown correlation, whose prior is uniform
    (coregionalization; Bonilla, Chai and Williams, 2008, section 2). A draw takes the correlation
    from its posterior, then both functions from theirs: a draw of the prior plus a correction by
    the evaluations (Matheron's rule; Wilson et al., 2020). The model has one correlation for all
    that the encodings explain, so draws vary too little if tasks agree on a part of it only.

    Args:
      key: Random key of the draws.
      kernel: Hyperparameters.
      position: float[2 M, D], kernel positions of the first task's evaluations, then the second's.
      y: float[2 M], normal scores; NaN is ignored.
      pool: float[N, D], kernel positions of the pool.
    """
    basis_key, draw_key = jax.random.split(key)
    amplitude, intercept = jnp.exp(kernel.log_amplitude), jnp.exp(kernel.log_intercept)
    counts, first = ~jnp.isnan(y), jnp.arange(len(y)) < len(y) // 2
    both, same = counts[:, None] & counts[None, :], first[:, None] == first[None, :]
    between = amplitude * unit_matern(position, position)
    noise = jnp.diag(jnp.where(counts, kernel_noise(kernel), 1))

    def factor(correlation: Array) -> Array:
        covariance = between * jnp.where(same, 1, correlation) + jnp.where(same, intercept, 0)
        root: Array = jnp.linalg.cholesky(jnp.where(both, covariance, 0) + noise)
        return root

    def log_evidence(correlation: Array) -> Array:
        root = factor(correlation)
        white = solve_triangular(root, jnp.where(counts, y, 0), lower=True)
        return -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(root)))

    # Half of the cell around either end of the grid is outside [-1, 1].
    grid = jnp.linspace(-1, 1, _GRID, dtype=y.dtype)
    weights = jax.lax.map(log_evidence, grid).at[jnp.array([0, -1])].add(-jnp.log(2.0))
    basis = spectral_features(basis_key, jnp.concatenate([pool, position]), number=_FEATURES)
    cross = amplitude * unit_matern(pool, position)

    def draw(key: Array) -> Array:
        which_key, step_key, process_key, level_key, *own_keys = jax.random.split(key, 7)
        error_key, own_key, share_key = own_keys
        step = jax.random.uniform(step_key, (), y.dtype, minval=-1) / (_GRID - 1)
        correlation = jnp.clip(grid[jax.random.categorical(which_key, weights)] + step, -1, 1)
        mixing = jnp.stack([correlation, jnp.sqrt(1 - jnp.square(correlation))])
        normal = jax.random.normal(process_key, (_FEATURES, 2), y.dtype)
        independent = jnp.sqrt(amplitude) * basis @ normal
        prior = jnp.stack([independent[:, 0], independent @ mixing])
        level = jnp.sqrt(intercept) * jax.random.normal(level_key, (2, 1), y.dtype)
        expected = (prior + level)[:, len(pool) :]
        error = jnp.sqrt(kernel_noise(kernel)) * jax.random.normal(error_key, y.shape, y.dtype)
        residual = y - jnp.where(first, expected[0], expected[1]) - error
        solved = cho_solve((factor(correlation), True), jnp.where(counts, residual, 0))
        one = jnp.where(first, 1, correlation) * solved
        other = jnp.where(first, correlation, 1) * solved
        functions = prior[:, : len(pool)] + jnp.stack([one, other]) @ cross.T
        own = jax.random.normal(own_key, functions.shape, y.dtype)
        shared = correlation * jax.random.uniform(share_key, (), y.dtype)
        own = own.at[1].set(shared * own[0] + jnp.sqrt(1 - jnp.square(shared)) * own[1])
        return spearman(*(functions + jnp.sqrt(kernel_noise(kernel)) * own))

    correlations: Array = jax.lax.map(draw, jax.random.split(draw_key, _DRAWS))
    return correlations


def _draw_pool(key: Array, space: Space) -> Array:
    """Encodings float32[N, D] of up to 512 random architectures."""
    encoding: Array
    if space.continuous:
        option_key, real_key = jax.random.split(key)
        drawn = canonicalize(space, sample(option_key, space, (_POOL,)))
        encoding = encode(space, drawn, sample_continuous(real_key, space, (_POOL,)))
    elif space.size > _ENUMERATED:
        encoding = encode(space, canonicalize(space, sample(key, space, (_POOL,))))
    else:
        everything = jnp.asarray(enumerate_architectures(space))
        encoding = encode(space, jax.random.permutation(key, everything)[:_POOL])
    return encoding


@jax.jit
def _between_distributions(key: Array, score: Array) -> Interval:
    """Similarity of scores float[T, M], the mean of both directions, which differ in resamples."""
    keys = jax.random.split(key, len(score))
    one_way = jax.lax.map(
        lambda task: distribution_similarity(task[0], score, task[1]), (keys, score)
    )
    known = jnp.sum(~jnp.isnan(score), axis=-1) > 1
    itself, both = jnp.eye(len(score), dtype=bool), known[:, None] & known[None, :]
    found = (
        jnp.where(both, 0.5 * (end + end.T), unknown)
        for end, unknown in zip(one_way, (0.5, 0.0, 1.0), strict=True)
    )
    return Interval(*(jnp.where(itself, 1, end) for end in found))
