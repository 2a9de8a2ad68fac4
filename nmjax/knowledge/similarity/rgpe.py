"""Ranking-weighted Gaussian process ensemble (RGPE).

A model's weight is the probability that it ranks the target's scores best. Ranks make tasks of
different scales comparable, and posterior draws penalize uncertain models.

Source: Feurer, Letham and Bakshy, 2018, "Scalable meta-learning for Bayesian optimization using
ranking-weighted Gaussian process ensembles", section 4.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from nmjax.knowledge.features import predict_sources
from nmjax.knowledge.state import MetaKnowledge
from nmjax.predictors import (
    KernelParams,
    Pool,
    PoolPrior,
    condition_pool,
    kernel_covariance,
    kernel_variance,
    noisy_factor,
    unit_matern,
    variance_scale,
)
from nmjax.types import Array

_DILUTION_QUANTILE = 0.95
_JITTER, _RELATIVE_JITTER = 1e-4, 1e-5


def sample_sources(key: Array, knowledge: MetaKnowledge, position: Array, *, draws: int) -> Array:
    """Draw the sources' scores jointly at n positions, float[R, S, n].

    Each source is a Gaussian process conditioned on its own evaluations.

    Args:
      key: Random key.
      knowledge: Knowledge of S sources.
      position: float[n, D], kernel positions.
      draws: Number R of draws.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge, sample_sources, with_capacity
      >>> from nmjax.spaces import Space
      >>> knowledge = with_capacity(default_knowledge(Space(width=[8, 16])), 2)
      >>> sample_sources(jax.random.key(0), knowledge, jnp.eye(2), draws=5).shape
      (5, 2, 2)
    """
    kernel = _of_positions(knowledge)
    jitter = _jitter(kernel_variance(kernel))

    def root(whitened: Array) -> Array:
        before = kernel_covariance(kernel, position, position)
        before = before + jitter * jnp.eye(len(position), dtype=position.dtype)
        factor: Array = jnp.linalg.cholesky(before - whitened.T @ whitened)
        return factor

    roots = _over_sources(root, knowledge, position)
    normal = jax.random.normal(key, (draws, *roots.shape[:2]), roots.dtype)
    mean = predict_sources(knowledge.sources, position).T
    return mean[None] + jnp.einsum("rsm,snm->rsn", normal, roots)


def source_variance(knowledge: MetaKnowledge, position: Array) -> Array:
    """Posterior variances float[S, N] of the sources' scores at positions float[N, D]."""
    kernel = _of_positions(knowledge)
    before = kernel_variance(kernel)

    def variance(whitened: Array) -> Array:
        return jnp.maximum(before - jnp.sum(jnp.square(whitened), axis=0), 0)

    return _over_sources(variance, knowledge, position)


def _jitter(variance: Array) -> Array:
    """Jitter float[] that makes a covariance of at most that variance positive definite.

    In single precision the Cholesky factorization succeeds with a relative jitter of 1e-5, and
    fails with a third of it.
    """
    return jnp.maximum(_JITTER, _RELATIVE_JITTER * variance)


def _of_positions(knowledge: MetaKnowledge) -> KernelParams:
    """The kernel with unit relevances, since positions are already scaled."""
    kernel = knowledge.params.kernel
    return kernel._replace(log_relevance=jnp.zeros_like(kernel.log_relevance))


def _over_sources(of: Callable[[Array], Array], knowledge: MetaKnowledge, position: Array) -> Array:
    """Apply `of` to each source's whitened covariance float[M, n] with positions.

    Sources are processed one at a time, because two batched factorizations in parallel may
    deadlock.
    """
    kernel = _of_positions(knowledge)

    def one(source: tuple[Array, Array]) -> Array:
        past, counts = source
        factor = noisy_factor(kernel, past, counts)
        cross = kernel_covariance(kernel, past, position)
        return of(solve_triangular(factor, jnp.where(counts[:, None], cross, 0), lower=True))

    mapped: Array = jax.lax.map(one, (knowledge.sources.position, knowledge.sources.mask))
    return mapped


def sample_left_out(key: Array, prior: PoolPrior, pool: Pool, score: Array, *, draws: int) -> Array:
    """Draw the target's scores jointly with each evaluation left out, float[R, n, n].

    Entry [:, j] is conditioned on all evaluations but j. Each draw is one of the prior plus a
    correction by the other evaluations (Matheron's rule). The inverse covariance without a row is a
    rank-one update of the full one (Rasmussen and Williams, 2006, section 5.4.2).

    Args:
      key: Random key.
      prior: Prior with K = 1 component.
      pool: Features of the n evaluated architectures.
      score: float[n], transformed scores; NaN is ignored.
      draws: Number R of draws.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.knowledge import default_knowledge, flat_prior, pool_features, sample_left_out
      >>> from nmjax.spaces import Space
      >>> knowledge = default_knowledge(Space(width=[8, 16]))
      >>> pool = pool_features(knowledge, jnp.eye(2)).pool
      >>> sample_left_out(jax.random.key(0), flat_prior(knowledge.prior), pool,
      ...                 jnp.array([-1.0, 1.0]), draws=5).shape
      (5, 2, 2)
    """
    prior_key, noise_key = jax.random.split(key)
    n = score.shape[0]
    state, _ = condition_pool(prior, pool, None, score)
    spread = jnp.sqrt(variance_scale(state))[0]
    covariance = (pool.features * prior.variance) @ pool.features.T
    covariance = covariance + prior.amplitude[:, None] * unit_matern(pool.position, pool.position)
    jitter = _jitter(jnp.max(jnp.diagonal(covariance)))
    # Conditioning builds up the inverse Cholesky factor, which saves a factorization.
    clear = prior._replace(noise=jnp.full_like(prior.noise, jitter))
    inverse = condition_pool(clear, pool, None, jnp.zeros_like(score))[0].inverse[0]
    root = (covariance + jitter * jnp.eye(n, dtype=covariance.dtype)) @ inverse.T
    draw = jax.random.normal(prior_key, (draws, n), covariance.dtype) @ root.T
    draw = prior.mean @ pool.features.T + spread * draw
    noise = jax.random.normal(noise_key, draw.shape, draw.dtype)
    noise = noise * spread * jnp.sqrt(prior.noise[0])
    residual = jnp.where(jnp.isnan(score)[None, :], 0, score[None, :] - draw - noise)
    precision = state.inverse[0].T @ state.inverse[0]
    diagonal = jnp.diagonal(precision)
    weights = residual @ precision
    own = weights / jnp.where(diagonal > 0, diagonal, 1)[None, :]
    weights = weights[:, None, :] - own[:, :, None] * precision[None]
    return draw[:, None, :] + weights @ covariance


def misranked(draws: Array, score: Array) -> Array:
    """Indicators float[..., n, n] of the pairs that a model orders differently than the scores.

    Args:
      draws: float[..., n, n], where [..., j, k] is the score of k drawn without evaluation j; or
        float[..., 1, n], for a model that was not fitted on these evaluations.
      score: float[n], scores; pairs with NaN are 0.
    """
    own = jnp.broadcast_to(draws, (*draws.shape[:-2], score.shape[0], score.shape[0]))
    own = jnp.diagonal(own, axis1=-2, axis2=-1)[..., None]
    less = score[:, None] < score[None, :]
    counts = ~jnp.isnan(score)
    lead = (1,) * (draws.ndim - 2)
    wrong = (own < draws) != less.reshape(lead + less.shape)
    both = counts[:, None] & counts[None, :]
    return jnp.where(both.reshape(lead + both.shape), wrong, False).astype(score.dtype)


def misranked_by_all(source_draws: Array, target_draws: Array, score: Array) -> Array:
    """Stack `misranked` of the sources and, last, of the target's own model, float[R, S + 1, n, n].

    Args:
      source_draws: float[R, S, n], draws from `sample_sources`.
      target_draws: float[R, n, n], draws from `sample_left_out`.
      score: float[n], scores; NaN is ignored.
    """
    by_sources = misranked(source_draws[:, :, None, :], score)
    return jnp.concatenate([by_sources, misranked(target_draws, score)[:, None]], axis=1)


def rgpe_weights(loss: Array, known: Array | None = None) -> Array:
    """Fraction of draws in which each model has the lowest ranking loss, float[..., S + 1].

    To prevent dilution by many poor sources, a source whose median loss is above the 95% quantile
    of the target model's loss has weight 0. Tied models share a draw. The weights sum to 1.

    Args:
      loss: float[..., R, S + 1], numbers of misranked pairs in R draws of the sources and, last, of
        the target's own model with each evaluation left out.
      known: bool[S], places that hold a source, all by default; the others have weight 0.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.knowledge import rgpe_weights
      >>> rgpe_weights(jnp.array([[0.0, 5.0, 2.0], [1.0, 5.0, 1.0]])).tolist()
      [0.75, 0.0, 0.25]
    """
    ceiling = jnp.quantile(loss[..., -1], _DILUTION_QUANTILE, axis=-1)
    kept = jnp.median(loss, axis=-2) <= ceiling[..., None]
    if known is not None:
        kept = kept & jnp.broadcast_to(jnp.append(known, True), kept.shape)
    kept = kept.at[..., -1].set(True)
    candidates = jnp.where(kept[..., None, :], loss, jnp.inf)
    lowest = candidates == jnp.min(candidates, axis=-1, keepdims=True)
    lowest = lowest.astype(loss.dtype)
    shared = lowest / jnp.sum(lowest, axis=-1, keepdims=True)
    return jnp.mean(shared, axis=-2)
