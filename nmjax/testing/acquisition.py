"""Conformance of an `Acquisition`."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.search import AcquisitionContext
from nmjax.testing.compare import (
    Counted,
    assert_close,
    assert_equal,
    assert_finite,
    assert_shape,
)
from nmjax.types import Acquisition, Array, Gaussian, Mixture


def check_acquisition(
    acquire: Acquisition,
    posterior: Mixture,
    context: AcquisitionContext,
    *,
    tolerance: float = 1e-4,
) -> None:
    """Check an `Acquisition`.

    Shapes; agreement with `jit` and `vmap`; one trace per shape; equal values from equal keys;
    finite values and gradients, also before any evaluation; a component split in two halves changes
    nothing.

    Args:
      acquire: the acquisition to check.
      posterior: K components over a pool of N.
      context: a context with a finite best score.
      tolerance: Absolute and relative tolerance of equality.

    Raises:
      AssertionError: a property does not hold.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import AcquisitionContext
      >>> from nmjax.testing import check_acquisition
      >>> from nmjax.types import Gaussian, Mixture
      >>> def acquire(key, posterior, context):
      ...     weights = jnp.exp(posterior.log_weights)
      ...     return weights @ posterior.components.mean
      >>> one, none = jnp.ones(1), jnp.zeros(3, bool)
      >>> context = AcquisitionContext(0.0, 2.0, 0, none, none, one, jnp.ones(3), None,
      ...     lambda key: jnp.zeros(3), lambda rows: jnp.zeros((1, len(rows), 3)))
      >>> posterior = Mixture(0 * one, Gaussian(jnp.zeros((1, 3)), jnp.ones((1, 3))))
      >>> check_acquisition(acquire, posterior, context)
    """
    close = partial(assert_close, tolerance=tolerance)

    def of(key: Array, posterior: Mixture, best: Array, exploration: Array) -> Array:
        return acquire(key, posterior, context._replace(best=best, exploration=exploration))

    compiled = Counted(of)
    numbers = (jnp.asarray(context.best), jnp.asarray(context.exploration))
    value = compiled(jax.random.key(0), posterior, *numbers)
    assert_shape("values", value, posterior.components.mean.shape[-1:])
    assert_finite("values", value)
    assert_equal("values of the same key", compiled(jax.random.key(0), posterior, *numbers), value)
    close("values with and without jit", of(jax.random.key(0), posterior, *numbers), value)
    start = compiled(jax.random.key(0), posterior, jnp.full_like(numbers[0], -jnp.inf), numbers[1])
    assert_finite("values before any evaluation", start)
    other = Mixture(
        jnp.roll(posterior.log_weights, 1),
        Gaussian(-posterior.components.mean, 2 * posterior.components.std),
    )
    alone = jnp.stack([value, compiled(jax.random.key(0), other, *numbers)])
    compiled.check_once("acquisition")

    batched = jax.jit(jax.vmap(of, in_axes=(None, 0, None, None)))
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), posterior, other)
    close("values with and without vmap", batched(jax.random.key(0), both, *numbers), alone)
    halves = Mixture(
        jnp.concatenate([posterior.log_weights, posterior.log_weights]) - jnp.log(2),
        jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), posterior.components),
    )
    twice = context._replace(
        noise=jnp.concatenate([context.noise, context.noise]),
        covariance=lambda rows: jnp.concatenate([context.covariance(rows)] * 2),
    )
    in_halves = jax.jit(lambda key, halves: acquire(key, halves, twice))
    close("values of components cut in halves", in_halves(jax.random.key(0), halves), value)
    slope = jax.jit(jax.grad(lambda p: jnp.sum(of(jax.random.key(0), p, *numbers))))
    assert_finite("gradients", slope(posterior))
