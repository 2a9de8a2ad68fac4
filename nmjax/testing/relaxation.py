"""Conformance of a `Relaxation`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.relax import Relaxation, SoftChoices, Strengths
from nmjax.spaces import canonicalize, is_valid, option_mask, within_bounds
from nmjax.testing.compare import Counted, assert_close, assert_finite, assert_shape
from nmjax.types import Array

_BATCH = 3


def check_relaxation(
    relaxation: Relaxation, key: Array, *, one_hot_limit: bool = True, tolerance: float = 1e-4
) -> None:
    """Check a `Relaxation`.

    Hashes and equality; shapes; weight and gradient 0 for options
    that do not exist, whatever their logits; finite gradients in strengths and temperature; one
    trace for all temperatures; agreement without `jit`; valid canonical architectures from
    `discretize`.

    Args:
      relaxation: Relaxation to check.
      key: Random key.
      one_hot_limit: Whether draws become one-hot as the temperature goes to 0.
      tolerance: Absolute and relative tolerance of equality.

    Raises:
      AssertionError: A property does not hold.

    Example:
      >>> import jax
      >>> from nmjax.relax import Softmax
      >>> from nmjax.spaces import Space
      >>> from nmjax.testing import check_relaxation
      >>> check_relaxation(Softmax(Space(op=["conv", "skip"])), jax.random.key(0))
    """
    space, mask = relaxation.space, np.asarray(option_mask(relaxation.space))
    assert hash(relaxation) == hash(relaxation), "A relaxation must be hashable."
    init_key, sample_key = jax.random.split(key)
    batch = relaxation.init(init_key, (_BATCH,), spread=1.0)
    assert_shape("logits", batch.logits, (_BATCH, *mask.shape))
    assert_shape("positions", batch.position, (_BATCH, space.num_continuous))

    evaluate = Counted(partial(_value_and_gradients, relaxation))
    drawn = [
        evaluate(jax.random.clone(sample_key), batch, jnp.float32(at)) for at in (1.0, 0.3, 30.0)
    ]
    evaluate.check_once("A relaxation")
    for soft, gradients in drawn:
        assert_shape("weights", soft.weights, (_BATCH, *mask.shape))
        assert_finite("gradients", gradients)
        assert_finite("soft choices", soft)
        weights, gradient = np.asarray(soft.weights), np.asarray(gradients[0].logits)
        assert not weights[:, ~mask].any(), "A missing option has a weight."
        assert not gradient[:, ~mask].any(), "A missing option has a gradient."
        assert (weights >= 0).all(), "A weight is negative."
        assert (weights <= 1 + tolerance).all(), "A weight is greater than 1."
    for fill in (jnp.nan, jnp.inf, 1e30):
        filled = batch._replace(logits=jnp.where(jnp.asarray(mask), batch.logits, fill))
        again = evaluate(jax.random.clone(sample_key), filled, jnp.float32(1.0))
        assert_close("draws with other logits of missing options", again, drawn[0], tolerance=1e-6)
    with jax.disable_jit():
        plain = relaxation.sample(jax.random.clone(sample_key), batch, jnp.float32(1.0))
    assert_close("draws without jit", plain, drawn[0][0], tolerance=tolerance)
    if one_hot_limit:
        _check_limit(evaluate(jax.random.clone(sample_key), batch, jnp.float32(1e-4))[0], tolerance)
    _check_discretize(relaxation, batch)


def _value_and_gradients(
    relaxation: Relaxation, key: Array, strengths: Strengths, temperature: Array
) -> tuple[SoftChoices, tuple[Strengths, Array]]:
    """Soft choices, and gradients of a fixed weighted sum of them."""

    def total(strengths: Strengths, temperature: Array) -> tuple[Array, SoftChoices]:
        soft = relaxation.sample(key, strengths, temperature)
        ramp = jnp.arange(soft.weights.size, dtype=soft.weights.dtype).reshape(soft.weights.shape)
        return jnp.sum(jnp.sin(ramp) * soft.weights) + jnp.sum(soft.continuous), soft

    gradients, soft = jax.grad(total, argnums=(0, 1), has_aux=True)(strengths, temperature)
    return soft, gradients


def _check_limit(soft: SoftChoices, tolerance: float) -> None:
    largest = np.asarray(soft.weights).max(axis=-1)
    assert_close(
        "largest weights at low temperature",
        largest,
        np.ones_like(largest),
        tolerance=max(tolerance, 1e-3),
    )


def _check_discretize(relaxation: Relaxation, batch: Strengths) -> None:
    space = relaxation.space
    architecture, continuous = jax.jit(relaxation.discretize)(batch)
    assert_shape("architectures", architecture, (_BATCH, space.num_choices))
    assert architecture.dtype == jnp.int32, "Option indices must be int32."
    assert bool(jnp.all(is_valid(space, architecture))), "An architecture is not valid."
    same = np.asarray(canonicalize(space, architecture)) == np.asarray(architecture)
    assert same.all(), "An architecture is not canonical."
    assert within_bounds(space, continuous).all(), "A real value is out of its bounds."
