"""The priors of a new task, fitted by leave-one-task-out replay.

In each replay one source is the target and the others are its past. A replay draws a subset of the
target's evaluations, with a preference for high predicted scores as in a search. The priors
maximize the evidence of the transformed scores of all replays (empirical Bayes). The network's
features are used only on sources that it was not meta-trained on.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln

from nmjax.knowledge.state import source_features
from nmjax.optimize import maximize
from nmjax.predictors import Pool, PoolPrior, get_outcome_transform, unit_matern
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
    """

    sources: int
    network: int


class PriorParams(NamedTuple):
    """Unconstrained parameters of a prior, float[] each.

    Attributes:
      log_intercept: Log-variance of the constant.
      source_mean: Sum of the mean weights of the sources.
      log_source: Log of the sum of the variances of the sources' weights.
      log_network: Log-variance of each network feature's weight.
      log_structure: Log-variance of the Gaussian process over the structure.
      noise_logit: Logit of the noise variance as a fraction of `MOST_NOISE`.
      log_shape: Log of the shape of the inverse gamma distribution of the scale, which is also its
        rate.
    """

    log_intercept: Array
    source_mean: Array
    log_source: Array
    log_network: Array
    log_structure: Array
    noise_logit: Array
    log_shape: Array


class Replays(NamedTuple):
    """R replays of n evaluations for each of S sources as the target.

    Attributes:
      features: float[S, R, n, P], features of the evaluations.
      kernel: float[S, R, n, n], kernel matrices of unit amplitude.
      score: float[S, R, n], transformed scores; NaN where failed or padded.
    """

    features: Array
    kernel: Array
    score: Array


def default_prior_params() -> PriorParams:
    """Initial parameters of the fit."""
    zero = jnp.zeros(())
    return PriorParams(zero - 1, zero + 1, zero - 1, zero - 3, zero - 1, zero, zero + 1)


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
    share = used / jnp.maximum(jnp.sum(used), 1)
    network = jnp.where(with_network, jnp.exp(params.log_network), 0)
    variance = jnp.concatenate(
        [
            jnp.exp(params.log_intercept)[None],
            jnp.exp(params.log_source) * share,
            jnp.broadcast_to(network, (layout.network,)),
        ]
    )
    at_sources = source_features(layout.sources)
    mean = jnp.zeros_like(variance).at[at_sources].set(params.source_mean * share)
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
    counts = ~jnp.isnan(score)
    number = jnp.sum(counts).astype(score.dtype)
    features = jnp.where(counts[:, None], features, 0)
    kernel = jnp.where(counts[:, None] & counts[None, :], kernel, 0)
    residual = jnp.where(counts, score - features @ prior.mean, 0)
    covariance = (features * prior.variance[None, :]) @ features.T + prior.amplitude * kernel
    factor = jnp.linalg.cholesky(covariance + jnp.diag(jnp.where(counts, prior.noise, 1)))
    white = jax.scipy.linalg.solve_triangular(factor, residual, lower=True)
    shape = prior.shape + 0.5 * number
    return (
        gammaln(shape)
        - gammaln(prior.shape)
        + prior.shape * jnp.log(prior.rate)
        - shape * jnp.log(prior.rate + 0.5 * white @ white)
        - jnp.sum(jnp.log(jnp.diagonal(factor)))
        - 0.5 * number * jnp.log(2 * jnp.pi)
    )


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
    replays: Replays, validation: Array, *, layout: Layout, steps: int
) -> tuple[PoolPrior, Array, Array]:
    """Fit the transferred and the flat prior, and count the wins of the transferred one.

    Args:
      replays: Replays of S sources.
      validation: bool[S], sources that the network was not meta-trained on.
      layout: Numbers of source and network features.
      steps: Number of Adam steps.

    Returns:
      The priors, leaves [2, ...]; the expected number float[] of sources on which the transferred
      prior is the better one; and the mean log evidence float[2, steps] of a replay.
    """
    # Axis 0 is the component. `active` holds the sources that it may use for each target, `unseen`
    # the targets for which it may use the network.
    others = ~jnp.eye(layout.sources, dtype=bool)
    active = jnp.stack([others, jnp.zeros_like(others)])
    unseen = jnp.stack([validation, jnp.zeros_like(validation)])

    def evidences(params: PriorParams, active: Array, unseen: Array) -> Array:
        priors = jax.vmap(partial(make_prior, params, layout))(active, unseen)
        over_replays = jax.vmap(log_evidence, in_axes=(None, 0, 0, 0))
        return jax.vmap(over_replays)(priors, *replays)

    def fit(active: Array, unseen: Array) -> tuple[PriorParams, Array]:
        return maximize(
            lambda params: jnp.mean(evidences(params, active, unseen)),
            default_prior_params(),
            steps=steps,
        )

    params, curves = jax.vmap(fit)(active, unseen)
    compared = jax.vmap(evidences)(params, active, unseen)
    wins = jnp.sum(jnp.mean(jax.nn.softmax(compared, axis=0)[0], axis=-1))
    transferred = jnp.array([True, False])
    everything = jnp.broadcast_to(transferred[:, None], (2, layout.sources))
    priors = jax.vmap(partial(make_prior, layout=layout))(
        params, active=everything, with_network=transferred
    )
    return priors, wins, curves
