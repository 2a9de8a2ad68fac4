import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from nmjax import relax
from nmjax.errors import NmjaxError
from nmjax.relax import SoftChoices
from nmjax.spaces import Space, option_mask, when

SPACE = Space(op=["conv", "pool", "skip"], bias=[False, True], kernel=when([3, 5], op="conv"))
MASK = np.asarray(option_mask(SPACE))
LOGITS = np.where(MASK, np.random.default_rng(0).normal(size=(4, *MASK.shape)), np.nan)
LOGITS = LOGITS.astype(np.float32)
WEIGHTS = special.softmax(np.where(MASK, LOGITS, -np.inf), axis=-1).astype(np.float32)


def test_entropy_agrees_with_scipy():
    expected = stats.entropy(WEIGHTS, axis=-1).sum(axis=-1)
    np.testing.assert_allclose(relax.choice_entropy(WEIGHTS), expected, rtol=1e-5)
    hard = jnp.asarray([[1.0, 0.0]])
    assert np.isfinite(jax.grad(relax.choice_entropy)(hard)).all()


def test_strength_decay_agrees_with_scipy():
    expected = special.logsumexp(np.where(MASK, LOGITS, -np.inf), axis=-1).mean(axis=-1)
    np.testing.assert_allclose(relax.strength_decay(LOGITS, MASK), expected, rtol=1e-5)
    gradient = jax.grad(lambda logits: jnp.sum(relax.strength_decay(logits, MASK)))(
        jnp.asarray(LOGITS)
    )
    np.testing.assert_allclose(gradient, WEIGHTS / 3, rtol=1e-5)


def test_gates_are_driven_to_their_ends():
    gates = np.where(MASK, 0.25, np.nan).astype(np.float32)
    np.testing.assert_allclose(relax.zero_one_loss(gates, MASK), -0.0625)


def test_dirichlet_distance_is_zero_with_gradient_zero_at_the_uniform_distribution():
    np.testing.assert_allclose(
        relax.dirichlet_distance(LOGITS, MASK),
        np.sqrt(np.nansum(np.where(LOGITS > 0, LOGITS, np.expm1(LOGITS)) ** 2, axis=(1, 2))),
        rtol=1e-5,
    )
    zeros = jnp.zeros(MASK.shape)
    value, gradient = jax.value_and_grad(relax.dirichlet_distance)(zeros, MASK)
    assert value == 0
    assert not np.asarray(gradient).any()


def test_expected_costs_are_means_over_the_architectures():
    table = np.where(MASK, np.random.default_rng(1).uniform(size=MASK.shape), np.nan)
    expected = 0.0
    for index in np.ndindex(*SPACE.num_options):
        chance = np.prod([WEIGHTS[0, c, o] for c, o in enumerate(index)])
        active = (True, True, index[0] == 0)
        expected += chance * sum(table[c, o] for c, o in enumerate(index) if active[c])
    soft = SoftChoices(jnp.asarray(WEIGHTS[0]), jnp.zeros(0))
    found = relax.expected_cost(SPACE, soft, table.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_edges_are_normalized_by_node():
    strengths = np.random.default_rng(2).normal(size=(3, 5)).astype(np.float32)
    found = np.asarray(relax.normalize_edges(strengths, [4, 2, 4, 2, 4]))
    np.testing.assert_allclose(
        found[:, [0, 2, 4]], special.softmax(strengths[:, [0, 2, 4]], -1), rtol=1e-5
    )
    np.testing.assert_allclose(
        found[:, [1, 3]], special.softmax(strengths[:, [1, 3]], -1), rtol=1e-5
    )


def test_partial_channels_change_the_first_part_and_spread_it():
    features = np.arange(24.0, dtype=np.float32).reshape(3, 8)
    found = np.asarray(relax.partial_channels(lambda x: x + 100, features, parts=4))
    changed = features + np.where(np.arange(8) < 2, 100, 0)
    np.testing.assert_array_equal(np.sort(found, axis=-1), np.sort(changed, axis=-1))
    np.testing.assert_array_equal(found >= 100, np.tile([True, False, False, False], (3, 2)))


def test_shapes_are_checked():
    with pytest.raises(NmjaxError, match="divisor"):
        relax.partial_channels(lambda x: x, jnp.zeros(6), parts=4)
    with pytest.raises(NmjaxError, match="keeps the shape"):
        relax.partial_channels(lambda x: x[:1], jnp.zeros(8), parts=4)
    with pytest.raises(NmjaxError, match="divisor"):
        relax.shuffle_channels(jnp.zeros(6), groups=0)
    with pytest.raises(NmjaxError, match="target for each edge"):
        relax.normalize_edges(jnp.zeros(3), [0, 1])
