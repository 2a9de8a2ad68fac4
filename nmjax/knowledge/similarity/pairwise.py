"""How alike past tasks are to one another, two and two."""

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
_LISTED = 1_000_000


def pairwise_similarity(
    key: Array, history: History, metric: Metric, *, space: Space, measure: str = "rank"
) -> Interval:
    """Similarity float[T, T] of each two past tasks, with 95% intervals; 1 of a task with itself.

    Of a task whose evaluations all failed, or are all alike, nothing is known: intervals are as
    wide as the measure has them without evaluations.

    Args:
      key: of the draws and resamples.
      history: of T tasks.
      metric: which metric is the score.
      space: of the architectures.
      measure: "rank", `function_similarity` by the first 256 evaluations of each, over
        architectures drawn at random from the space, isomorphic ones being one up to a million;
        "distribution", the `distribution_similarity` of their scores, whatever the architectures.

    Raises:
      NmjaxError: no measure has that name, or there are fewer than two tasks.
    """
    if measure not in PAIRWISE_MEASURES:
        raise unknown_name("measure", measure, PAIRWISE_MEASURES)
    if len(history.mask) < 2:
        raise NmjaxError("Got 1 past task; to compare tasks give at least two.")
    past = standardize_past(history, space=space, metric=metric)
    if measure == "distribution":
        return _between_distributions(key, past.score)
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
    return function_similarity(draw_key, kernel, past.x[:, :_ROWS], y, at)


@jax.jit
def function_similarity(
    key: Array, kernel: KernelParams, x: Array, y: Array, at: Array
) -> Interval:
    """Spearman's correlation float[T, T] of scores that are known by a few evaluations each.

    Any correlation is as likely as any other beforehand. What the encoding does not explain, noise
    included, may have any share of the correlation of the rest, from none to all.

    Args:
      key: of the draws.
      kernel: hyperparameters.
      x: float[T, M, D], standardized encodings of the evaluations.
      y: float[T, M], normal scores; NaN does not count.
      at: float[N, D], standardized encodings of the architectures to correlate over.
    """
    own = jax.vmap(kernel_position, in_axes=(None, 0))(kernel, x)
    pool = kernel_position(kernel, at)
    one, other = np.triu_indices(len(y), 1)

    def of_pair(pair: tuple[Array, Array, Array]) -> Interval:
        key, a, b = pair
        position, score = (jnp.concatenate([leaf[a], leaf[b]]) for leaf in (own, y))
        drawn = draw_correlations(key, kernel, position, score, pool)
        return draws_interval(drawn, level=INTERVAL_LEVEL)

    found = jax.lax.map(of_pair, (jax.random.split(key, len(one)), one, other))
    itself = jnp.eye(len(y), dtype=y.dtype)
    return Interval(*(itself.at[one, other].set(e).at[other, one].set(e) for e in found))


def draw_correlations(
    key: Array, kernel: KernelParams, position: Array, y: Array, pool: Array
) -> Array:
    """Draws float[R] of Spearman's correlation of two tasks' scores over a pool.

    Two Gaussian processes of an unknown correlation, which is uniform beforehand (coregionalized,
    Bonilla, Chai and Williams, 2008, section 2): the correlation by its evidence, then both
    functions, drawn from the prior and corrected by what the evaluations say of them (Wilson et
    al., 2020). It is one correlation for all that encodings explain; of tasks that agree on a part
    of it only, draws are too much of one mind.

    Args:
      key: of the draws.
      kernel: hyperparameters.
      position: float[2 M, D], of the evaluations of the one, then the other.
      y: float[2 M], their normal scores; NaN does not count.
      pool: float[N, D], positions.
    """
    basis_key, draw_key = jax.random.split(key)
    amplitude, intercept = jnp.exp(kernel.log_amplitude), jnp.exp(kernel.log_intercept)
    counts, first = ~jnp.isnan(y), jnp.arange(len(y)) < len(y) // 2
    both, same = counts[:, None] & counts[None, :], first[:, None] == first[None, :]
    between = amplitude * unit_matern(position, position)
    noise = jnp.diag(jnp.where(counts, kernel_noise(kernel), 1))

    def factor(correlation: Array) -> Array:
        covariance = between * jnp.where(same, 1, correlation) + jnp.where(same, intercept, 0)
        return jnp.linalg.cholesky(jnp.where(both, covariance, 0) + noise)

    def log_evidence(correlation: Array) -> Array:
        root = factor(correlation)
        white = solve_triangular(root, jnp.where(counts, y, 0), lower=True)
        return -0.5 * white @ white - jnp.sum(jnp.log(jnp.diagonal(root)))

    # A step of the grid at either end is half outside.
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
        apart = jnp.sqrt(amplitude) * basis @ normal
        prior = jnp.stack([apart[:, 0], apart @ mixing])
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

    return jax.lax.map(draw, jax.random.split(draw_key, _DRAWS))


def _draw_pool(key: Array, space: Space) -> Array:
    """The encodings float32[N, D] of up to 512 architectures."""
    if space.continuous:
        option_key, real_key = jax.random.split(key)
        drawn = canonicalize(space, sample(option_key, space, (_POOL,)))
        return encode(space, drawn, sample_continuous(real_key, space, (_POOL,)))
    if space.size > _LISTED:
        return encode(space, canonicalize(space, sample(key, space, (_POOL,))))
    everything = jnp.asarray(enumerate_architectures(space))
    return encode(space, jax.random.permutation(key, everything)[:_POOL])


@jax.jit
def _between_distributions(key: Array, score: Array) -> Interval:
    """The mean of both directions, which differ by their resamples; scores float[T, M]."""
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
