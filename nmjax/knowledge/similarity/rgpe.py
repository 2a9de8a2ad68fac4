"""The ranking-weighted ensemble: a model is worth how often it ranks the target's scores best.

Feurer, Letham and Bakshy, 2018, "Scalable meta-learning for Bayesian optimization using
ranking-weighted Gaussian process ensembles", section 4: RGPE. Ranks make scales of tasks
comparable; draws, rather than means, make an unsure model lose.
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
    """Joint draws float[R, S, n] of what the sources' scores are at positions float[n, D].

    Each source is a Gaussian process of its own past alone.
    """
    kernel = _of_positions(knowledge)
    jitter = _jitter(kernel_variance(kernel))

    def root(whitened: Array) -> Array:
        before = kernel_covariance(kernel, position, position)
        before = before + jitter * jnp.eye(len(position), dtype=position.dtype)
        return jnp.linalg.cholesky(before - whitened.T @ whitened)

    roots = _over_sources(root, knowledge, position)
    normal = jax.random.normal(key, (draws, *roots.shape[:2]), roots.dtype)
    mean = predict_sources(knowledge.sources, position).T
    return mean[None] + jnp.einsum("rsm,snm->rsn", normal, roots)


def source_variance(knowledge: MetaKnowledge, position: Array) -> Array:
    """Variances float[S, N] of what the sources' scores are at positions float[N, D]."""
    kernel = _of_positions(knowledge)
    before = kernel_variance(kernel)

    def variance(whitened: Array) -> Array:
        return jnp.maximum(before - jnp.sum(jnp.square(whitened), axis=0), 0)

    return _over_sources(variance, knowledge, position)


def _jitter(variance: Array) -> Array:
    """What is added, float[], to variances of that size at the most, so that there is a root.

    Single precision still finds one with 1e-5 of them, and not with a third of that.
    """
    return jnp.maximum(_JITTER, _RELATIVE_JITTER * variance)


def _of_positions(knowledge: MetaKnowledge) -> KernelParams:
    """The kernel of positions, which are features that are scaled already."""
    kernel = knowledge.params.kernel
    return kernel._replace(log_relevance=jnp.zeros_like(kernel.log_relevance))


def _over_sources(of: Callable[[Array], Array], knowledge: MetaKnowledge, position: Array) -> Array:
    """`of` each source's covariance float[M, n] with positions, whitened.

    One source at a time, as two batched factorizations side by side may wait for ever.
    """
    kernel = _of_positions(knowledge)

    def one(source: tuple[Array, Array]) -> Array:
        past, counts = source
        factor = noisy_factor(kernel, past, counts)
        cross = kernel_covariance(kernel, past, position)
        return of(solve_triangular(factor, jnp.where(counts[:, None], cross, 0), lower=True))

    return jax.lax.map(one, (knowledge.sources.position, knowledge.sources.mask))


def sample_left_out(key: Array, prior: PoolPrior, pool: Pool, score: Array, *, draws: int) -> Array:
    """Joint draws float[R, n, n] of the target's own model, [:, j] without evaluation j.

    A draw of the prior, corrected by what the other evaluations say of it; the inverse covariance
    without a row is a rank-one update of that with it (Rasmussen and Williams, 2006, section
    5.4.2).

    Args:
      key: of the draws.
      prior: of K = 1 component.
      pool: the n evaluated architectures.
      score: float[n]; NaN does not count.
      draws: R.
    """
    prior_key, noise_key = jax.random.split(key)
    n = score.shape[0]
    state, _ = condition_pool(prior, pool, None, score)
    spread = jnp.sqrt(variance_scale(state))[0]
    covariance = (pool.features * prior.variance) @ pool.features.T
    covariance = covariance + prior.amplitude[:, None] * unit_matern(pool.position, pool.position)
    jitter = _jitter(jnp.max(jnp.diagonal(covariance)))
    # A root without a factorization, by the inverse that conditioning grows.
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
    """Which pairs a model puts in another order than the scores do, float[..., n, n] of 0 and 1.

    Args:
      draws: float[..., n, n], [..., j, k] the score of k by the model that leaves j out, or
        float[..., 1, n] by one that saw neither.
      score: float[n]; pairs with NaN are 0.
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
    """`misranked` of R draws of S sources and, last, the target's own, float[R, S + 1, n, n].

    Args:
      source_draws: float[R, S, n], of `sample_sources`.
      target_draws: float[R, n, n], of `sample_left_out`.
      score: float[n]; NaN does not count.
    """
    by_sources = misranked(source_draws[:, :, None, :], score)
    return jnp.concatenate([by_sources, misranked(target_draws, score)[:, None]], axis=1)


def rgpe_weights(loss: Array, known: Array | None = None) -> Array:
    """How often each model has the lowest ranking loss, float[..., S + 1] of sum 1.

    Against dilution by many bad sources, one whose median loss is above the 95% quantile of the
    target's own model gets no weight. Models that tie share a draw.

    Args:
      loss: float[..., R, S + 1], misranked pairs of R draws of the sources and, last, of the
        target's own model with each evaluation left out.
      known: bool[S], which places hold a source, by default all; the others get no weight.
    """
    ceiling = jnp.quantile(loss[..., -1], _DILUTION_QUANTILE, axis=-1)
    kept = jnp.median(loss, axis=-2) <= ceiling[..., None]
    if known is not None:
        kept = kept & jnp.broadcast_to(jnp.append(known, True), kept.shape)
    kept = kept.at[..., -1].set(True)
    contending = jnp.where(kept[..., None, :], loss, jnp.inf)
    lowest = contending == jnp.min(contending, axis=-1, keepdims=True)
    lowest = lowest.astype(loss.dtype)
    shared = lowest / jnp.sum(lowest, axis=-1, keepdims=True)
    return jnp.mean(shared, axis=-2)
