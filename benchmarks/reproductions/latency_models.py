"""Prediction of latency on a new device from a few labels, past devices and counted costs.

The latency of a device is nearly linear in the options of an architecture. For a source device, a
linear model is fitted to hundreds of labels (`fit_source`). For a target device, the latency is a
linear function of few features: predictions of the sources, and counted costs. Its prior is a
mixture of many components (`device_priors`). The mean of each is a random, sparse, positive
combination of the features, which represents a possible device. Components are weighted by the
evidence of the target's labels (`adapt`), so that sources dominate for a similar device, and costs
for a dissimilar one.

Features are standardized over the pool, and the labels of a device by themselves.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge import expected_information_gain
from nmjax.predictors import (
    LinearPrior,
    Pool,
    PoolPrior,
    bayesian_linear,
    init_pool,
    observe_pool,
    predict_pool,
    standardize,
    update_many,
)
from nmjax.types import Array


class Settings(NamedTuple):
    """Settings of the priors of a new device; pairs are the ends of log-uniform ranges.

    Attributes:
      components: number of priors.
      concentration: concentration of the gamma variables that mix features; small is sparse.
      source_scale: scale of the sources' weights in a mix.
      cost_scale: scale of the costs' weights in a mix.
      slack: variance of the weights around the mix, in units of s2, for each kind of feature.
      noise: variance of a label, in units of s2.
      amplitude: ends of a uniform range, standard deviation of the mix for labels of unit one.
      intercept: variance of a constant, in units of s2.
      shape: shape of the inverse gamma distribution of s2.
      rate: rate of the inverse gamma distribution of s2.
    """

    components: int = 1000
    concentration: float = 0.1
    source_scale: tuple[float, float] = (0.1, 10.0)
    cost_scale: tuple[float, float] = (0.02, 10.0)
    slack: tuple[float, float] = (0.001, 1.0)
    noise: tuple[float, float] = (0.003, 1.0)
    amplitude: tuple[float, float] = (0.5, 1.0)
    intercept: float = 4.0
    shape: float = 3.0
    rate: float = 2.0


def unit_columns(x: np.ndarray) -> np.ndarray:
    """Standardize the columns of float[N, D]."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)


def ridge(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Weights float[D] of a ridge regression of y float[M] on x float[M, D] with intercept."""
    centered = x - x.mean(axis=0)
    gram = centered.T @ centered + penalty * np.eye(x.shape[1])
    return np.linalg.solve(gram, centered.T @ (y - y.mean()))


_SHARES = tuple(np.logspace(-3, 1, 9))
_SIGNAL_TO_NOISE = np.logspace(-2, 6, 33)


def fit_source(costs: np.ndarray, options: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fit a linear model to a device with many labels, with intercept and scale integrated out.

    The weights of costs share one variance, and those of options another. Their ratio and the
    signal-to-noise ratio maximize the evidence (Bishop, 2006, section 3.5).

    Args:
      costs: float[M, F], standardized costs.
      options: float[M, O], one-hot options.
      y: float[M], latencies.

    Returns:
      Weights float[F] of the costs and float[O] of the options.
    """
    x = np.concatenate([costs / np.sqrt(costs.shape[1]), options], axis=1)
    x, y = x - x.mean(axis=0), y - y.mean()
    gram, projected, total = x.T @ x, x.T @ y, y @ y
    best, weights = -np.inf, np.zeros(x.shape[1])
    for share in _SHARES:
        root = np.repeat([1, np.sqrt(share)], [costs.shape[1], options.shape[1]])
        eigenvalues, basis = np.linalg.eigh(root[:, None] * gram * root)
        along = basis.T @ (root * projected)
        gain = _SIGNAL_TO_NOISE[:, None]
        spread = 1 + gain * np.maximum(eigenvalues, 0)
        unexplained = total - (gain * along**2 / spread).sum(axis=1)
        evidence = -0.5 * (np.log(spread).sum(axis=1) + (len(y) - 1) * np.log(unexplained))
        at = int(np.argmax(evidence))
        if evidence[at] > best:
            best = evidence[at]
            weights = root * (basis @ (gain[at] * along / spread[at]))
    weights[: costs.shape[1]] /= np.sqrt(costs.shape[1])
    return weights[: costs.shape[1]], weights[costs.shape[1] :]


@partial(jax.jit, static_argnames=("num_sources", "settings"))
def device_priors(
    key: Array, moments: Array, *, num_sources: int, settings: Settings
) -> LinearPrior:
    """Draw K priors of the weights of [1, sources, costs] for a new device.

    Args:
      key: random key of the draws.
      moments: float[D, D], mean products of the D features without the constant.
      num_sources: number of features that are sources; the others are costs.
      settings: distribution of the priors.

    Returns:
      A `LinearPrior` whose leaves have a leading axis of K.
    """
    number, size = settings.components, moments.shape[0]
    num_costs = size - num_sources
    keys = iter(jax.random.split(key, 6))

    def log_uniform(ends: tuple[float, float]) -> Array:
        low, high = np.log(ends)
        return jax.random.uniform(next(keys), (number, 1), minval=low, maxval=high)

    def by_kind(sources: Array, costs: Array) -> Array:
        """Variances float[K, D], shared by the features of a kind."""
        shared = [(sources, num_sources), (costs, num_costs)]
        return jnp.concatenate(
            [jnp.repeat(value - np.log(max(count, 1)), count, axis=1) for value, count in shared],
            axis=1,
        )

    scale = by_kind(log_uniform(settings.source_scale), log_uniform(settings.cost_scale))
    gamma = jax.random.loggamma(next(keys), settings.concentration, (number, size))
    mix = jax.nn.softmax(gamma + 0.5 * scale, axis=1)
    low, high = settings.amplitude
    amplitude = jax.random.uniform(next(keys), (number, 1), minval=low, maxval=high)
    spread = jnp.sqrt(jnp.sum((mix @ moments) * mix, axis=1, keepdims=True))
    slack = log_uniform(settings.slack)
    variance = jnp.exp(by_kind(slack, slack))
    constant = jnp.ones((number, 1))
    return LinearPrior(
        mean=jnp.concatenate([0 * constant, amplitude * mix / spread], axis=1),
        variance=jnp.concatenate([settings.intercept * constant, variance], axis=1),
        noise=jnp.exp(log_uniform(settings.noise))[:, 0],
        shape=jnp.full((number,), settings.shape),
        rate=jnp.full((number,), settings.rate),
    )


@jax.jit
def adapt(priors: LinearPrior, features: Array, x: Array, y: Array) -> Array:
    """Predict latencies float[N] of a device, in units of the standard deviation of its labels.

    Args:
      priors: K priors from `device_priors`.
      features: float[N, 1 + D], features of the pool.
      x: float[B, 1 + D], features of the labeled architectures.
      y: float[B], their latencies.
    """
    head = bayesian_linear()

    def one(prior: LinearPrior) -> tuple[Array, Array]:
        state = update_many(head, head.init(prior), x, standardize(y))
        return prior.mean + jnp.sqrt(prior.variance) * state.mean, state.log_evidence

    weights, log_evidence = jax.vmap(one)(priors)
    return features @ (jax.nn.softmax(log_evidence) @ weights)


@partial(jax.jit, static_argnames="number")
def choose(priors: LinearPrior, features: Array, allowed: Array, *, number: int) -> Array:
    """Choose the rows int32[number] whose labels have the largest expected information gain.

    The choice is greedy in the information about the weights, under the Gaussian with the mean and
    covariance of the mixture (Srinivas et al., 2010; Krause and Guestrin, 2005).

    Args:
      priors: K priors from `device_priors`.
      features: float[N, 1 + D], features of the pool.
      allowed: bool[N], rows to choose among.
      number: number of rows.
    """
    unit = jnp.mean(priors.rate / (priors.shape - 1))
    deviation = priors.mean - jnp.mean(priors.mean, axis=0)[None, :]
    between = deviation.T @ deviation / len(deviation)
    covariance = between + unit * jnp.diag(jnp.mean(priors.variance, axis=0))
    noise = unit * jnp.mean(priors.noise)

    def step(carried, _):
        covariance, allowed = carried
        variance = jnp.sum((features @ covariance) * features, axis=1)
        gain = expected_information_gain(variance, noise)
        row = jnp.argmax(jnp.where(allowed, gain, -1)).astype(jnp.int32)
        along = covariance @ features[row]
        covariance = covariance - along[:, None] * (along / (variance[row] + noise))[None, :]
        return (covariance, allowed.at[row].set(False)), row

    _, rows = jax.lax.scan(step, (covariance, allowed), None, length=number)
    return rows


_NOISES = (0.02, 0.05, 0.1, 0.3)
_MIXES = (0.1, 0.3, 1.0)


def trivial_priors(num_sources: int, amplitudes: Sequence[float]) -> PoolPrior:
    """Grid of priors of a mix of the sources plus a process with the given amplitudes."""
    grid = np.array(np.meshgrid(amplitudes, _NOISES, _MIXES)).reshape(3, -1).astype(np.float32)
    amplitude, noise, mix = jnp.asarray(grid)
    shared = jnp.repeat(mix[:, None] / num_sources, num_sources, axis=1)
    variance = jnp.concatenate([jnp.ones((len(noise), 1)), shared], axis=1)
    ones = jnp.ones_like(noise)
    return PoolPrior(jnp.zeros_like(variance), variance, amplitude, noise, ones, 0.5 * ones)


@jax.jit
def trivial(
    prior: PoolPrior, features: Array, counts: Array, lengths: Array, rows: Array, y: Array
) -> Array:
    """Predict float[N] by a Bayesian mix of the sources and a process on the counts of options.

    Priors and length scales on a grid are weighted by their evidence. With amplitude 0 the
    prediction is the mix alone.

    Args:
      prior: priors from `trivial_priors`.
      features: float[N, 1 + S], a constant and the predictions of the sources.
      counts: float[N, K], standardized counts.
      lengths: float[L], length scales on the counts.
      rows: int32[B], labeled rows.
      y: float[B], their latencies.
    """
    score = standardize(y)

    def one(length: Array) -> tuple[Array, Array]:
        pool = Pool(features, counts / length)

        def step(state, newest):
            so_far = jnp.where(jnp.arange(len(rows)) <= newest, score, jnp.nan)
            return observe_pool(state, prior, pool, rows, so_far, newest), None

        start = init_pool(prior, pool, capacity=len(rows))
        state, _ = jax.lax.scan(step, start, jnp.arange(len(rows)))
        return predict_pool(state).mean, state.log_evidence

    means, log_evidence = jax.lax.map(one, lengths)
    weights = jax.nn.softmax(log_evidence.reshape(-1))
    return weights @ means.reshape(len(weights), -1)
