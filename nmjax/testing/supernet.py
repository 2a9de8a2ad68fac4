"""Conformance of a `Supernet`."""

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.oneshot import Supernet
from nmjax.relax import one_hot
from nmjax.spaces import option_mask, sample
from nmjax.testing.compare import Counted, assert_close, assert_finite, assert_shape
from nmjax.types import Array, PyTree


def check_supernet(supernet: Supernet, key: Array, x: Array, *, tolerance: float = 1e-4) -> None:
    """Check a `Supernet`.

    Hashes; a space without real-valued choices; one trace for all architectures; logits of a row
    that do not depend on the other rows; finite gradients in weights and choices, 0 for options
    that do not exist; agreement with `vmap` over soft and hard choices.

    Args:
      supernet: Supernet to check.
      key: Random key.
      x: float[B, D], inputs; two rows or more.
      tolerance: Absolute and relative tolerance of equality.

    Raises:
      AssertionError: A property does not hold.

    Example:
      >>> import jax
      >>> from nmjax.oneshot import MLPSupernet
      >>> from nmjax.testing import check_supernet
      >>> x = jax.random.normal(jax.random.key(0), (2, 4))
      >>> check_supernet(MLPSupernet(4, 3, layers=1), jax.random.key(1), x)
    """
    space = supernet.space
    assert hash(supernet) == hash(supernet), "A supernet must be hashable."
    assert space.num_continuous == 0, "The space of a supernet has no real-valued choices."
    init_key, soft_key, hard_key = jax.random.split(key, 3)
    weights = jax.jit(supernet.init)(init_key)
    mask = option_mask(space)
    soft = jnp.where(mask, jax.random.uniform(soft_key, mask.shape), 0.0)
    hard = one_hot(space, sample(hard_key, space, (2,)))
    every = jnp.concatenate([soft[None], hard])

    def look(weights: PyTree, choices: Array, x: Array) -> tuple[Array, tuple[PyTree, Array]]:
        def total(weights: PyTree, choices: Array) -> tuple[Array, Array]:
            logits = supernet.apply(weights, choices, x)
            assert_shape("logits", logits, (len(x), logits.shape[-1]))
            return jnp.sum(jnp.square(logits)), logits

        gradients, logits = jax.grad(total, argnums=(0, 1), has_aux=True)(weights, choices)
        return logits, gradients

    together = jax.jit(jax.vmap(look, in_axes=(None, 0, None)))(weights, every, x)
    assert_finite("logits and gradients", together)
    evaluate = Counted(lambda choices, x, weights: look(weights, choices, x))
    for number, choices in enumerate(every):
        logits, _ = evaluate(choices, x, weights)
        assert_close("logits with vmap", together[0][number], logits, tolerance=tolerance)
        moved, _ = evaluate(choices, jnp.concatenate([x[:1], 2 * x[1:]]), weights)
        assert_close("logits beside other rows", moved[:1], logits[:1], tolerance=tolerance)
    evaluate.check_once("A supernet")
    assert not np.asarray(together[1][1])[:, ~np.asarray(mask)].any(), (
        "An option that does not exist has a gradient."
    )
