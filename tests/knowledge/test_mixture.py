import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from nmjax.knowledge import mixture_log_weights

PRIOR = np.log(np.array([0.7, 0.2, 0.1]))
EVIDENCE = np.array([-3.0, -1.0, -2.5])


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_bayes_rule_without_a_fixed_share(wrap):
    weights = np.exp(PRIOR + EVIDENCE)
    ours = wrap(mixture_log_weights)(jnp.float32(PRIOR), jnp.float32(EVIDENCE), jnp.asarray(0.0))
    np.testing.assert_allclose(np.exp(ours), weights / weights.sum(), rtol=1e-5)


@settings(deadline=None, max_examples=50, database=None, derandomize=True)
@given(
    evidence=st.lists(st.floats(-1e4, 1e4, width=32), min_size=3, max_size=3),
    fixed_share=st.floats(0.0009765625, 0.5, width=32),
)
def test_weights_are_probabilities_above_the_fixed_share(evidence, fixed_share):
    ours = WEIGHTS(jnp.float32(PRIOR), jnp.float32(evidence), jnp.float32(fixed_share))
    weights = np.exp(np.asarray(ours, float))
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-5)
    assert np.all(weights >= fixed_share * np.exp(PRIOR) * (1 - 1e-5))


WEIGHTS = jax.jit(mixture_log_weights)


def test_a_component_comes_back():
    """New evidence of the same size restores the weight of a rejected component."""
    prior = jnp.log(jnp.array([0.5, 0.5]))
    lost = WEIGHTS(prior, jnp.array([0.0, -1000.0]), jnp.asarray(0.02))
    np.testing.assert_allclose(np.exp(lost), [0.99, 0.01], rtol=1e-5)
    back = WEIGHTS(prior, jnp.array([-1000.0, 0.0]), jnp.asarray(0.02))
    np.testing.assert_allclose(np.exp(back), [0.01, 0.99], rtol=1e-5)


def test_a_common_factor_of_the_likelihoods_does_not_matter():
    args = jnp.float32(PRIOR), jnp.float32(EVIDENCE)
    moved = WEIGHTS(args[0], args[1] + 50, jnp.asarray(0.1))
    np.testing.assert_allclose(WEIGHTS(*args, jnp.asarray(0.1)), moved, rtol=1e-5)


def test_gradients_and_batches(float64):
    args = jnp.asarray(PRIOR), jnp.asarray(EVIDENCE), jnp.asarray(0.1)
    check_grads(jax.jit(mixture_log_weights), args, order=1, modes=["rev"])
    first = jax.grad(lambda e: mixture_log_weights(args[0], e, jnp.asarray(0.0))[0])
    slope = jax.jit(first)(args[1])
    assert np.isfinite(slope).all()
    in_batch = jax.jit(jax.vmap(mixture_log_weights, in_axes=(None, 0, None)))
    batch = in_batch(args[0], jnp.stack([args[1], -args[1]]), args[2])
    np.testing.assert_allclose(batch[0], mixture_log_weights(*args), rtol=1e-12)
