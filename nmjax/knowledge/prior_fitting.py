"""The priors of a new task, fitted by leave-one-task-out replay.

In each replay one source is the target and the others are its past. A few of its evaluations are
drawn as a search would choose them, promising ones more often. The priors maximize the evidence of
the transformed scores of all replays (empirical Bayes). The network's features are judged only on
sources that it was not meta-trained on.
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

# Of transformed scores, whose variance is about 1. A past of pure noise would otherwise teach both
# priors that there is nothing to learn, and evidence could not tell them apart.
MOST_NOISE = 0.5


class Layout(NamedTuple):
    """Numbers of features after the constant.

    Attributes:
      sources: Number S of sources.
      network: Number h of network features.
    """

    sources: int
    network: int


class PriorParams(NamedTuple):
    """A prior in a few numbers, float[] each, variances as logs but for the noise's.

    Attributes:
      log_intercept: variance of the constant.
      source_mean: sum of the mean weights of the sources.
      log_source: sum of the variances of the sources' weights.
      log_network: sum of the variances of the network's features.
      log_structure: variance of the process of the structure.
      noise_logit: of the variance of the noise as a share of `MOST_NOISE`.
      log_shape: of the inverse gamma of the scale, its rate being the same.
    """

    log_intercept: Array
    source_mean: Array
    log_source: Array
    log_network: Array
    log_structure: Array
    noise_logit: Array
    log_shape: Array


class Replays(NamedTuple):
    """R replays of n evaluations for each of S sources, taken as the target in turn.

    Attributes:
      features: float[S, R, n, P].
      kernel: float[S, R, n, n], of unit amplitude.
      score: float[S, R, n], transformed; NaN where failed or padded.
    """

    features: Array
    kernel: Array
    score: Array


def default_prior_params() -> PriorParams:
    """Parameters at which fitting begins."""
    zero = jnp.zeros(())
    return PriorParams(zero - 1, zero + 1, zero - 1, zero - 3, zero - 1, zero, zero + 1)


def make_prior(
    params: PriorParams, layout: Layout, active: Array, with_network: Array
) -> PoolPrior:
    """One prior, leaves float[P] and float[].

    Args:
      params: the few numbers.
      layout: of the features.
      active: bool[S], which sources may be used; none make the prior flat.
      with_network: bool[], whether the network may be.
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
    """Log marginal likelihood float[] of scores float[n]; NaN does not count.

    A multivariate Student-t (Murphy, 2012, equation 7.76).

    Args:
      prior: one, leaves float[P] and float[].
      features: float[n, P].
      kernel: float[n, n], of unit amplitude.
      score: float[n].
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
    """Draws replays, from uniform to ever more promising evaluations.

    Args:
      key: of the draws.
      pools: each source's own evaluations, leaves [S, M, ...].
      predicted: float[S, M], what the other sources predict there.
      score: float[S, M], raw scores, higher is better; NaN does not count.
      size: n, evaluations a replay.
      outcome_transform: that the search applies, a name of `predictors.get_outcome_transform`.
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
    """The transferred and the flat prior, and how often the first was the better one.

    Args:
      replays: of S sources.
      validation: bool[S], sources that the network was not meta-trained on.
      layout: of the features.
      steps: of Adam.

    Returns:
      The priors, leaves [2, ...]; on how many sources the transferred one was the better, float[],
      each counting by its probability; and the mean log evidence float[2, steps] of a replay.
    """
    # One component each, side by side: the sources it may use for each source as the target, and
    # where the network may be used.
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
