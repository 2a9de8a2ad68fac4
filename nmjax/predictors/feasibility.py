"""Probability that an evaluation succeeds, learned from the parts that failed architectures share.

Each part of an architecture and each pair of parts causes failures at a rate, and an evaluation
succeeds if nothing causes a failure: P(success) = exp(-sum_p rate_p x_p), a noisy-or (Pearl, 1988,
"Probabilistic reasoning in intelligent systems"). Rates have gamma distributions, which a success
updates in closed form. A failure is attributed to its parts by mean-field variational inference
with the numbers of causes as latent Poisson variables (Gopalan, Hofman and Blei, 2015, "Scalable
recommendation with hierarchical Poisson factorization"), where means replace geometric means, as in
Asuncion et al., 2009, "On smoothing and inference for topic models". Parts that occur in successes
are exonerated, so that the blame moves to those that occur only in failures.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln

from nmjax.types import Array

MOST_PARTS = 256
"""Largest number of parts whose pairs are causes too."""
SUSPECTS = 32
"""Number of pairs of parts to which failures are attributed."""
ITERATIONS = 20
"""Number of iterations of the attribution."""
PART_SHAPE, PAIR_SHAPE, RATE = 0.005, 0.0005, 0.02
"""Gamma distributions of the rates before any evaluation."""
_TINY = 1e-30


class FailureRates(NamedTuple):
    """K gamma distributions of the rates at which P causes make evaluations fail.

    The causes are F parts, followed by their F (F - 1) / 2 pairs if F is at most 256.

    Attributes:
      shape: float[K, P], shapes of the gamma distributions.
      rate: float[K, P], rates of the gamma distributions.
      log_weights: float[K], log-probabilities of the components.
      informed: bool[], whether an evaluation of a past task failed.

    Example:
      >>> from nmjax.predictors import flat_failure_rates
      >>> flat_failure_rates(4).shape.shape
      (1, 10)
    """

    shape: Array
    rate: Array
    log_weights: Array
    informed: Array


class FailureModel(NamedTuple):
    """K distributions of failure rates after some evaluations, for the causes under suspicion.

    Attributes:
      shape: float[K, F + m], shapes of the gamma distributions of F parts and m pairs.
      rate: float[K, F + m], rates of the gamma distributions.
      pairs: int32[2, m], parts of each pair.
      causes: int32[F + m], places of the parts and the pairs among the P causes.
      log_weights: float[K], log-probabilities of the components.
      informed: bool[], whether any evaluation failed, of a past task or of this one.
    """

    shape: Array
    rate: Array
    pairs: Array
    causes: Array
    log_weights: Array
    informed: Array


def flat_failure_rates(parts: int) -> FailureRates:
    """Return failure rates before any evaluation, the same for all parts; K = 1.

    Args:
      parts: Number of parts.

    Example:
      >>> from nmjax.predictors import flat_failure_rates
      >>> bool(flat_failure_rates(4).informed)
      False
    """
    pairs = _all_pairs(parts).shape[1]
    shape = np.repeat(np.array([PART_SHAPE, PAIR_SHAPE], np.float32), [parts, pairs])[None]
    return FailureRates(
        jnp.asarray(shape),
        jnp.full(shape.shape, RATE, jnp.float32),
        jnp.zeros(1, jnp.float32),
        jnp.zeros((), bool),
    )


def flat_component(rates: FailureRates) -> FailureRates:
    """Return the flat component alone, which is the last; K = 1.

    Args:
      rates: Failure rates of K components.

    Example:
      >>> from nmjax.predictors import flat_component, flat_failure_rates
      >>> flat_component(flat_failure_rates(4)).log_weights.tolist()
      [0.0]
    """
    return FailureRates(
        rates.shape[-1:],
        rates.rate[-1:],
        jnp.zeros_like(rates.log_weights[-1:]),
        jnp.zeros_like(rates.informed),
    )


def initial_failure_model(prior: FailureRates, parts: int) -> FailureModel:
    """Return the model before any evaluation.

    Args:
      prior: Failure rates of F parts and their pairs.
      parts: Number of parts F.

    Example:
      >>> from nmjax.predictors import flat_failure_rates, initial_failure_model
      >>> initial_failure_model(flat_failure_rates(4), 4).shape.shape
      (1, 10)
    """
    nothing = jnp.zeros(_all_pairs(parts).shape[1], prior.shape.dtype)
    pairs, causes = _suspects(prior, nothing, nothing, parts=parts, number=SUSPECTS)
    kept = prior.shape[:, causes], prior.rate[:, causes]
    return FailureModel(*kept, pairs, causes, prior.log_weights, prior.informed)


@partial(jax.jit, static_argnames=("suspects", "iterations"))
def condition_failure_rates(
    prior: FailureRates,
    parts: Array,
    failed: Array,
    counted: Array,
    *,
    suspects: int = SUSPECTS,
    iterations: int = ITERATIONS,
) -> FailureModel:
    """Return failure rates given evaluations.

    Pairs of parts are screened by how often they occur in failures and in successes.

    Args:
      prior: Failure rates before these evaluations.
      parts: float[B, F], indicators in [0, 1] of the parts of evaluated architectures.
      failed: bool[B], whether the evaluation failed.
      counted: bool[B], False where a row is padding.
      suspects: Number of pairs to which failures are attributed, at most.
      iterations: Number of iterations of the attribution.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import condition_failure_rates, flat_failure_rates
      >>> failed, counted = jnp.array([True, False]), jnp.ones(2, bool)
      >>> prior = flat_failure_rates(2)
      >>> condition_failure_rates(prior, jnp.eye(2), failed, counted).shape.shape
      (1, 3)
    """
    number = parts.shape[-1]
    failures = (failed & counted).astype(parts.dtype)
    every = counted.astype(parts.dtype)
    in_failures, in_all = pair_sums(parts, failures), pair_sums(parts, every)
    pairs, causes = _suspects(prior, in_failures, in_all, parts=number, number=suspects)

    x = _with_pairs(parts, pairs)
    shape, before = prior.shape[:, causes], prior.rate[:, causes]
    rate = before + (every @ x)[None]

    def attribute(mean: Array) -> Array:
        fails = jnp.maximum(-jnp.expm1(-mean @ x.T), _TINY)
        return shape + mean * ((failures[None] / fails) @ x)

    found = _repeat(lambda current: attribute(current / rate), shape, iterations)
    # The bound is tight where geometric means attribute failures, which are sparser.
    tight = _repeat(lambda current: attribute(_geometric_mean(current, rate)), found, iterations)
    evidence = _evidence_bound(x, failures, every, (tight, rate), (shape, before))
    log_weights = jax.nn.log_softmax(prior.log_weights + evidence)
    informed = prior.informed | jnp.any(failed & counted)
    return FailureModel(found, rate, pairs, causes, log_weights, informed)


@jax.jit
def log_success_probability(model: FailureModel, parts: Array) -> Array:
    """Return the log-probabilities float[N] that evaluations succeed; 0 before any failure.

    Args:
      model: Failure rates, as from `condition_failure_rates`.
      parts: float[N, F], indicators in [0, 1] of the parts of the architectures.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import condition_failure_rates, flat_failure_rates
      >>> from nmjax.predictors import log_success_probability
      >>> nothing, counted = jnp.zeros(2, bool), jnp.ones(2, bool)
      >>> model = condition_failure_rates(flat_failure_rates(2), jnp.eye(2), nothing, counted)
      >>> log_success_probability(model, jnp.eye(2)).tolist()
      [0.0, 0.0]
    """
    number = parts.shape[-1]
    cost = model.shape * jnp.log1p(1 / model.rate)
    first, second = model.pairs
    together = parts[:, first] * parts[:, second]
    each = -(cost[:, :number] @ parts.T + cost[:, number:] @ together.T)
    mixed = jax.nn.logsumexp(model.log_weights[:, None] + each, axis=0)
    return jnp.where(model.informed, mixed, 0)


def _evidence_bound(
    x: Array,
    failures: Array,
    every: Array,
    posterior: tuple[Array, Array],
    prior: tuple[Array, Array],
) -> Array:
    """Lower bound float[K] of the log-probability of the outcomes under each component."""
    (shape, rate), (shape_before, rate_before) = posterior, prior
    expected = _geometric_mean(shape, rate) @ x.T
    # log(exp(e) - 1), without overflow.
    log_fails = expected + jnp.log(jnp.maximum(-jnp.expm1(-expected), _TINY))
    divergence = (
        (shape - shape_before) * digamma(shape)
        - gammaln(shape)
        + gammaln(shape_before)
        + shape_before * jnp.log(rate / rate_before)
        + shape * (rate_before - rate) / rate
    )
    outcomes = log_fails @ failures - (shape / rate) @ (every @ x)
    return outcomes - jnp.sum(divergence, axis=-1)


def _repeat(update: Callable[[Array], Array], start: Array, times: int) -> Array:
    last, _ = jax.lax.scan(lambda current, _: (update(current), None), start, length=times)
    return last


def _geometric_mean(shape: Array, rate: Array) -> Array:
    """Geometric means exp(E[log w]) of gamma distributions."""
    return jnp.exp(digamma(shape)) / rate


def _suspects(
    prior: FailureRates, in_failures: Array, in_all: Array, *, parts: int, number: int
) -> tuple[Array, Array]:
    """Return the pairs int32[2, m] that most likely cause failures, and the causes int32[F + m].

    Args:
      prior: Failure rates of F parts and Q pairs.
      in_failures: float[Q], number of failures with each pair.
      in_all: float[Q], number of evaluations with each pair.
      parts: Number of parts F.
      number: Largest number of pairs m.
    """
    past = jnp.max(prior.shape[:, parts:] / prior.rate[:, parts:], axis=0)
    suspicion = in_failures / (RATE + in_all - in_failures) + past
    _, top = jax.lax.top_k(suspicion, min(number, suspicion.shape[0]))
    causes = jnp.concatenate([jnp.arange(parts), parts + top])
    return jnp.asarray(_all_pairs(parts))[:, top], causes


@lru_cache
def _all_pairs(parts: int) -> np.ndarray:
    """Pairs int32[2, Q] of F parts."""
    if parts > MOST_PARTS:
        return np.zeros((2, 0), np.int32)
    return np.stack(np.triu_indices(parts, 1)).astype(np.int32)


def _with_pairs(parts: Array, pairs: Array) -> Array:
    """Indicators float[B, F + m] of the parts and of pairs int32[2, m]."""
    return jnp.concatenate([parts, parts[:, pairs[0]] * parts[:, pairs[1]]], axis=1)


def pair_sums(parts: Array, weight: Array) -> Array:
    """Sum float[Q] over evaluations of the indicators of each pair, with weights [B].

    Args:
      parts: float[B, F], indicators in [0, 1] of the parts of evaluated architectures.
      weight: Weight [B] of each evaluation.
    """
    first, second = _all_pairs(parts.shape[-1])
    return ((parts * weight.astype(parts.dtype)[:, None]).T @ parts)[first, second]
