import jax
import jax.numpy as jnp
import numpy as np
import optax

from nmjax.meta import (
    ContextParams,
    MAMLHyper,
    cavia,
    contextual,
    init_context,
    squared_error,
    support,
)
from nmjax.predictors import Network


def test_cavia_adapts_only_the_context_and_from_zero(sinusoids):
    network = Network((8,), activation="tanh")
    params = init_context(network.init(jax.random.key(0), 1 + 4), 4)
    learner = cavia(squared_error(contextual(network.apply)), optax.sgd(1.0), inner_steps=3)
    tasks = sinusoids(jax.random.key(1), (0.5, 2.0), tasks=1)
    batch = support(jax.tree.map(lambda leaf: leaf[0], tasks))
    adapt = jax.jit(learner.adapt)
    adapted = adapt(params, batch, MAMLHyper(0.05)).params
    jax.tree.map(np.testing.assert_array_equal, adapted.shared, params.shared)
    assert np.all(adapted.context != 0)
    elsewhere = ContextParams(params.shared, jnp.full(4, 7.0))
    again = adapt(elsewhere, batch, MAMLHyper(0.05)).params
    np.testing.assert_array_equal(again.context, adapted.context)


def test_context_is_appended_to_every_row():
    seen = contextual(lambda shared, x: shared * x)
    out = seen(ContextParams(2.0, jnp.array([5.0])), jnp.array([[1.0], [3.0]]))
    np.testing.assert_array_equal(out, [[2.0, 10.0], [6.0, 10.0]])
