"""The priors of a new task, fitted by leave-one-task-out replay.

In each replay one source is the target and the others are its past. A replay draws a subset of the
target's evaluations, with a preference for high predicted scores as in a search. The priors
maximize the evidence of the transformed scores of all replays (empirical Bayes). The network's
features of a target are those of a network that was not meta-trained on it.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.optimize import maximize
from nmjax.predictors import (
    Pool,
    PoolPrior,
    get_outcome_transform,
    quadratic_and_log_determinant,
    unit_matern,
)
from nmjax.types import Array

MOST_NOISE = 0.5
"""Upper bound of the noise variance; transformed scores have a variance of about 1.

Without a bound, a past of pure noise makes both priors attribute all variation to noise, so that
their evidence becomes equal.
"""


class Layout(NamedTuple):
    """Numbers of features after the constant.

    Attributes:
      sources: Number S of sources.
      network: Number h of network features.
      mapped: Number of sources, the last ones, that are mapped from other spaces and have a weight
        of their own.
    """

    sources: int
    network: int
    mapped: int = 0


class PriorParams(NamedTuple):
    """Unconstrained parameters of a prior, float[] each.

    Attributes:
      log_intercept: Log-variance of the constant.
      source_mean: Sum of the mean weights of the sources.
      log_source: Log of the sum of the variances of the sources' weights.
      network_mean: Mean weight of the network's prediction.
      log_network: Log-variance of the weights of the network's other features.
      log_structure: Log-variance of the Gaussian process over the structure.
      noise_logit: Logit of the noise variance as a fraction of `MOST_NOISE`.
      log_shape: Log of the shape of the inverse gamma distribution of the scale, which is also its
        rate.
      log_mapped: Log of the weight of a source from another space, relative to one of the space
        itself; None without such sources.
    """

    log_intercept: Array
    source_mean: Array
    log_source: Array
    network_mean: Array
    log_network: Array
    log_structure: Array
    noise_logit: Array
    log_shape: Array
    log_mapped: Array | None = None


class Replays(NamedTuple):
    """R replays of n evaluations for each of T past tasks as the target.

    Attributes:
      features: float[T, R, n, P], features of the evaluations.
      kernel: float[T, R, n, n], kernel matrices of unit amplitude.
      score: float[T, R, n], transformed scores; NaN where failed or padded.
    """

    features: Array
    kernel: Array
    score: Array


def default_prior_params(mapped: int = 0) -> PriorParams:
    """Initial parameters of the fit, with so many sources mapped from other spaces."""
    zero = jnp.zeros(())
    return PriorParams(
        log_intercept=zero - 1,
        source_mean=zero + 1,
        log_source=zero - 1,
        network_mean=zero + 1,
        log_network=zero,
        log_structure=zero - 1,
        noise_logit=zero,
        log_shape=zero + 1,
        log_mapped=zero if mapped else None,
    )


def make_prior(
    params: PriorParams, layout: Layout, active: Array, with_network: Array
) -> PoolPrior:
    """Build one prior, leaves float[P] and float[].

    Args:
      params: Unconstrained parameters.
      layout: Numbers of source and network features.
      active: bool[S], sources that may be used; with none the prior is flat.
      with_network: bool[], whether the network may be used.
    """
    used = active.astype(params.noise_logit.dtype)
    if params.log_mapped is None:
        share = used / jnp.maximum(jnp.sum(used), 1)
    else:
        is_mapped = jnp.arange(layout.sources) >= layout.sources - layout.mapped
        used = jnp.where(is_mapped, jnp.exp(params.log_mapped), 1) * used
        total = jnp.sum(used)
        share = used / jnp.where(total > 0, total, 1)
    none = jnp.zeros_like(params.log_intercept)[None]
    is_prediction = jnp.arange(layout.network) == 0
    network_mean = jnp.where(with_network & is_prediction, params.network_mean, 0)
    network_variance = jnp.where(with_network & ~is_prediction, jnp.exp(params.log_network), 0)
    mean = jnp.concatenate([none, params.source_mean * share, network_mean])
    variance = jnp.concatenate(
        [
            jnp.exp(params.log_intercept)[None],
            jnp.exp(params.log_source) * share,
            network_variance,
        ]
    )
    shape = jnp.exp(params.log_shape)
    noise = MOST_NOISE * jax.nn.sigmoid(params.noise_logit) + 1e-3
    return PoolPrior(mean, variance, jnp.exp(params.log_structure), noise, shape, shape)


def log_evidence(prior: PoolPrior, features: Array, kernel: Array, score: Array) -> Array:
    """Log marginal likelihood float[] of scores, a multivariate Student-t.

    Source: Murphy, 2012, "Machine learning: a probabilistic perspective", equation 7.76.

    Args:
      prior: One prior, leaves float[P] and float[].
      features: float[n, P], features of the evaluations.
      kernel: float[n, n], kernel matrix of unit amplitude.
      score: float[n], scores; NaN is ignored.
    """
    number = jnp.sum(~jnp.isnan(score)).astype(score.dtype)
    covariance = (features * prior.variance[None, :]) @ features.T + prior.amplitude * kernel
    covariance = covariance + prior.noise * jnp.eye(len(score), dtype=score.dtype)
    quadratic, log_determinant = quadratic_and_log_determinant(
        covariance, score - features @ prior.mean
    )
    shape = prior.shape + 0.5 * number
    return (
        gammaln(shape)
        - gammaln(prior.shape)
        + prior.shape * jnp.log(prior.rate)
        - shape * jnp.log(prior.rate + 0.5 * quadratic)
        - 0.5 * (log_determinant + number * jnp.log(2 * jnp.pi))
    )


def draw_targets(key: Array, sources: int, number: int) -> Array | None:
    """Draw which sources are replayed, int[number]; None for all of them, if there are no more."""
    if sources <= number:
        return None
    targets: Array = jax.random.choice(key, sources, (number,), replace=False)
    return targets


@partial(jax.jit, static_argnames=("size", "outcome_transform"))
def replay(
    key: Array, pools: Pool, predicted: Array, score: Array, *, size: int, outcome_transform: str
) -> Replays:
    """Draw four replays of each source, from uniform to increasingly greedy.

    Evaluations are drawn without replacement, with log-probabilities proportional to what the other
    sources predict, by the Gumbel top-k method. The factors are 0, 1, 2 and 4.

    Args:
      key: Random key.
      pools: Each source's own evaluations, leaves [S, M, ...].
      predicted: float[S, M], mean prediction of the other sources there.
      score: float[S, M], raw scores, higher is better; NaN is never drawn before a known score.
      size: Number n of evaluations of a replay.
      outcome_transform: Name of the transform of scores, as in `get_outcome_transform`.
    """
    greed = jnp.array([0.0, 1.0, 2.0, 4.0])

    def one(key: Array, pool: Pool, predicted: Array, score: Array, greed: Array) -> Replays:
        noise = jax.random.gumbel(key, score.shape)
        _, rows = jax.lax.top_k(
            jnp.where(jnp.isnan(score), -jnp.inf, greed * predicted + noise), size
        )
        features, position = pool.features[rows], pool.position[rows]
        return Replays(
            features,
            unit_matern(position, position),
            get_outcome_transform(outcome_transform)(score[rows]),
        )

    keys = jax.random.split(key, (score.shape[0], greed.shape[0]))
    over_greed = jax.vmap(one, in_axes=(0, None, None, None, 0))
    return jax.vmap(over_greed, in_axes=(0, 0, 0, 0, None))(keys, pools, predicted, score, greed)


@partial(jax.jit, static_argnames=("layout", "steps"))
def fit_priors(
    replays: Replays, replay_sources: Array | None = None, *, layout: Layout, steps: int
) -> tuple[PoolPrior, Array, Array]:
    """Fit the prior of each component, and count the sources that each explains best.

    A network that does not increase the mean evidence of the mixture, with equal weights of the
    components that use the past, is left out: it gets no wins.

    Args:
      replays: Replays of T past tasks. Their network features are cross-fitted.
      replay_sources: bool[T, S], sources of each replay; by default all but the task itself.
      layout: Numbers of source and network features.
      steps: Number of Adam steps.

    Returns:
      The priors, leaves [K, ...], K = 3 with a network and 2 without; the expected number of wins
      float[K]; and the mean log evidence float[K, steps] of a replay.
    """
    # Axis 0 is the component: the sources that it may use for each target, and the network.
    others = ~jnp.eye(layout.sources, dtype=bool) if replay_sources is None else replay_sources
    none = jnp.zeros_like(others)
    uses_sources, uses_network = [True, False], [False, False]
    active = [others, none]
    if layout.network:
        uses_sources, uses_network = [True, False, False], [False, True, False]
        active = [others, none, none]

    def evidences(params: PriorParams, active: Array, with_network: Array) -> Array:
        priors = jax.vmap(partial(make_prior, params, layout), in_axes=(0, None))(
            active, with_network
        )
        over_replays = jax.vmap(log_evidence, in_axes=(None, 0, 0, 0))
        return jax.vmap(over_replays)(priors, *replays)

    def fit(active: Array, with_network: Array) -> tuple[PriorParams, Array]:
        return maximize(
            lambda params: jnp.mean(evidences(params, active, with_network)),
            default_prior_params(layout.mapped),
            steps=steps,
        )

    arguments = jnp.stack(active), jnp.array(uses_network)
    params, curves = jax.vmap(fit)(*arguments)
    compared = jax.vmap(evidences)(params, *arguments)
    everything = jnp.broadcast_to(jnp.array(uses_sources)[:, None], (len(active), layout.sources))
    priors = jax.vmap(partial(make_prior, layout=layout))(
        params, active=everything, with_network=jnp.array(uses_network)
    )
    return priors, _wins(compared), curves


def _wins(log_evidence: Array) -> Array:
    """Expected wins float[K] of the components, from log evidence float[K, S, R] of replays."""
    kept = jnp.ones(log_evidence.shape[0], bool)
    if len(kept) > 2:
        with_network = _mixture(jnp.array([0.25, 0.25, 0.5]), log_evidence)
        without = _mixture(jnp.array([0.5, 0.0, 0.5]), log_evidence)
        kept = kept.at[1].set(with_network > without)
    compared = jnp.where(kept[:, None, None], log_evidence, -jnp.inf)
    return jnp.sum(jnp.mean(jax.nn.softmax(compared, axis=0), axis=-1), axis=-1)


def _mixture(weights: Array, log_evidence: Array) -> Array:
    """Mean log evidence float[] of replays under a mixture of components."""
    return jnp.mean(jax.nn.logsumexp(log_evidence, axis=0, b=weights[:, None, None]))
