"""Bayesian linear regression: closed-form posterior, rank-one updates, exact evidence.

Scores are y = x.w + e with w ~ N(mean, s2 diag(variance)), e ~ N(0, s2 noise) and an unknown scale
s2 ~ InverseGamma(shape, rate), so predictives are Student-t. Weights are whitened,
w = mean + sqrt(variance) u: a feature of prior variance 0 is exactly absent, and the divergence
of the posterior from the prior needs no inverse (Bishop, 2006, section 3.3; Murphy, 2012, 7.6).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError, check_shape
from nmjax.stats import positive_root
from nmjax.types import Array, Gaussian, PyTree, Surrogate


class LinearPrior(NamedTuple):
    """Prior of a Bayesian linear head; these are its hyperparameters.

    Attributes:
      mean: float[F], mean of the weights.
      variance: float[F], variance of the weights in units of s2; 0 excludes a feature.
      noise: float[], variance of the noise in units of s2.
      shape: float[], shape of the inverse gamma of s2; twice it is the degrees of freedom.
      rate: float[], rate of the inverse gamma of s2.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import LinearPrior
      >>> LinearPrior(jnp.zeros(3), jnp.ones(3), *jnp.array([0.1, 2.0, 2.0])).mean.shape
      (3,)
    """

    mean: Array
    variance: Array
    noise: Array
    shape: Array
    rate: Array


class LinearState(NamedTuple):
    """Posterior of a Bayesian linear head.

    Attributes:
      prior: the prior.
      mean: float[F], mean of the whitened weights.
      covariance: float[F, F], covariance of the whitened weights in units of s2.
      shape: float[], shape of the inverse gamma of s2.
      rate: float[], rate of the inverse gamma of s2.
      log_evidence: float[], log marginal likelihood of the observations so far.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import LinearPrior, bayesian_linear
      >>> prior = LinearPrior(jnp.zeros(3), jnp.ones(3), *jnp.array([0.1, 2.0, 2.0]))
      >>> bayesian_linear().init(prior).covariance.shape
      (3, 3)
    """

    prior: LinearPrior
    mean: Array
    covariance: Array
    shape: Array
    rate: Array
    log_evidence: Array


def check_prior(prior: LinearPrior) -> None:
    """Validate the shapes of a prior; its numbers may be traced.

    Raises:
      NmjaxError: mean and variance are not both float[F], or another leaf is not a scalar.
    """
    shapes = {name: jnp.shape(leaf) for name, leaf in prior._asdict().items()}
    size = jnp.size(prior.mean)
    if list(shapes.values()) != [(size,), (size,), (), (), ()]:
        raise NmjaxError(
            f"A linear prior has leaves of shapes {shapes}; give mean and variance as float[F], "
            "the others as float[]."
        )


class BayesianLinear(NamedTuple):
    """Bayesian linear head over features that include an intercept; implements `Surrogate`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import BayesianLinear, LinearPrior
      >>> prior = LinearPrior(jnp.zeros(3), jnp.ones(3), *jnp.array([0.1, 2.0, 2.0]))
      >>> surrogate = BayesianLinear()
      >>> surrogate.predict(surrogate.init(prior), jnp.eye(3)).std
      Array([1., 1., 1.], dtype=float32)
    """

    def init(self, hyper: LinearPrior) -> LinearState:
        """Return the state before any observation.

        Raises:
          NmjaxError: the prior's shapes do not fit together.
        """
        check_prior(hyper)
        mean = jnp.zeros_like(hyper.mean)
        covariance = jnp.eye(mean.shape[-1], dtype=mean.dtype)
        return LinearState(
            hyper, mean, covariance, hyper.shape, hyper.rate, jnp.zeros((), mean.dtype)
        )

    def update(self, state: LinearState, x: Array, y: Array) -> LinearState:
        """Condition on one observation: x float[F], y float[]; O(F^2).

        A NaN leaves the state unchanged.
        """
        check_shape("x", jnp.shape(x), jnp.shape(state.mean))
        check_shape("y", jnp.shape(y), ())
        prior = state.prior
        counts = ~jnp.isnan(y)
        white = x * jnp.sqrt(prior.variance)
        direction = state.covariance @ white
        spread = white @ direction + prior.noise
        covariance = state.covariance - direction[:, None] * (direction / spread)[None, :]
        error = jnp.where(counts, y, 0) - x @ prior.mean - white @ state.mean
        shape = state.shape + 0.5
        rate = state.rate + 0.5 * error**2 / spread
        evidence = (
            jax.scipy.special.gammaln(shape)
            - jax.scipy.special.gammaln(state.shape)
            + state.shape * jnp.log(state.rate)
            - shape * jnp.log(rate)
            - 0.5 * jnp.log(2 * jnp.pi * spread)
        )
        updated = LinearState(
            prior,
            state.mean + direction * error / spread,
            covariance,
            shape,
            rate,
            state.log_evidence + evidence,
        )
        kept: LinearState = jax.tree.map(
            lambda new, old: jnp.where(counts, new, old), updated, state
        )
        return kept

    def predict(self, state: LinearState, pool: Array) -> Gaussian:
        """Marginals of the noise-free score at pool float[N, F]; O(N F^2).

        The Student-t with scale `std` and 2 shape degrees of freedom, returned as a `Gaussian`.
        """
        check_shape("pool", jnp.shape(pool), (None, state.mean.shape[-1]))
        white = pool * jnp.sqrt(state.prior.variance)[None, :]
        mean = pool @ state.prior.mean + white @ state.mean
        variance = jnp.sum(white * (white @ state.covariance), axis=-1)
        return Gaussian(mean, positive_root(variance * state.rate / state.shape))

    def sample(self, key: Array, state: LinearState, pool: Array) -> Array:
        """Draw the function once, jointly at pool float[N, F]: float[N]; O(F^3 + N F)."""
        size, dtype = state.mean.shape[-1], state.mean.dtype
        jitter = 10 * jnp.finfo(dtype).eps * jnp.eye(size, dtype=dtype)
        factor = jnp.linalg.cholesky(state.covariance + jitter)
        standard = jax.random.normal(key, state.mean.shape, dtype)
        white = state.mean + jnp.sqrt(state.rate / state.shape) * (factor @ standard)
        draw: Array = pool @ (state.prior.mean + jnp.sqrt(state.prior.variance) * white)
        return draw

    def covariance(self, state: LinearState, a: Array, b: Array) -> Array:
        """Posterior covariance float[A, B] of the function at a float[A, F] and b float[B, F]."""
        root = jnp.sqrt(state.prior.variance)[None, :]
        return (a * root) @ state.covariance @ (b * root).T * state.rate / state.shape

    def log_evidence(self, state: LinearState) -> Array:
        """Log marginal likelihood float[] of all observations, a multivariate Student-t."""
        return state.log_evidence


def bayesian_linear() -> BayesianLinear:
    """Create a Bayesian linear head as a `Surrogate`, whose hyperparameters are a `LinearPrior`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import LinearPrior, bayesian_linear
      >>> surrogate = bayesian_linear()
      >>> state = surrogate.init(LinearPrior(jnp.zeros(2), jnp.ones(2), *jnp.ones(3)))
      >>> state = surrogate.update(state, jnp.array([1.0, 0.0]), jnp.array(1.0))
      >>> surrogate.predict(state, jnp.eye(2)).mean
      Array([0.5, 0. ], dtype=float32)
    """
    return BayesianLinear()


def update_many(surrogate: Surrogate, state: PyTree, x: Array, y: Array) -> PyTree:
    """Condition any surrogate on evaluations x float[M, F], y float[M], one after the other.

    Rows with a NaN score leave the state unchanged.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import LinearPrior, bayesian_linear, update_many
      >>> surrogate = bayesian_linear()
      >>> state = surrogate.init(LinearPrior(jnp.zeros(2), jnp.ones(2), *jnp.ones(3)))
      >>> state = update_many(surrogate, state, jnp.eye(2), jnp.array([1.0, jnp.nan]))
      >>> surrogate.predict(state, jnp.eye(2)).mean
      Array([0.5, 0. ], dtype=float32)
    """

    def observe(state: PyTree, evaluation: tuple[Array, Array]) -> tuple[PyTree, None]:
        return surrogate.update(state, *evaluation), None

    return jax.lax.scan(observe, state, (x, y))[0]
