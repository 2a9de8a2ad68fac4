"""Multilayer perceptrons as masks of one network, against plain Flax at their own size."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.live import MLPFamily, TrainingConfig, TrainingHyper, train_children
from nmjax.live.family import masked_kernel
from nmjax.spaces import sample
from tests.live.plain import small_data, train_plainly

FAMILY = MLPFamily(4, 3, widths=(2, 5), depths=(1, 2, 3), own_widths=True)
CONFIG = TrainingConfig(epochs=2, batch_size=8)
HYPER = TrainingHyper(learning_rate=0.05, weight_decay=0.01)


def first_weights(family, init_key, children):
    """The initial weights of each child as `train_children` documents them."""
    numbers = jnp.arange(len(children))
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(init_key, numbers)
    return jax.jit(jax.vmap(family.init))(keys, children)


@pytest.fixture(scope="module")
def trained():
    seed = 3
    children = sample(jax.random.key(1), FAMILY.space, (5,))
    children = children.at[0].set(jnp.array([2, 1, 1, 1, 0, 1]))
    result = train_children(
        jax.random.key(seed), FAMILY, children, small_data(), HYPER, config=CONFIG, keep_params=True
    )
    return seed, children, result


SLOW = [pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 3)]


@pytest.mark.parametrize("number", [0, *SLOW])
def test_a_child_is_the_plain_network_trained_alone(trained, number):
    seed, children, result = trained
    init_key, order_key = jax.random.split(jax.random.key(seed))
    module = FAMILY.build(children[number])
    before = jax.tree.map(lambda leaf: leaf[number], first_weights(FAMILY, init_key, children))
    variables = FAMILY.extract(before, children[number])
    found, curve = train_plainly(module, variables, small_data(), order_key, HYPER, CONFIG)
    after = jax.tree.map(lambda leaf: leaf[number], result.params)
    chex.assert_trees_all_close(FAMILY.extract(after, children[number]), found, atol=1e-5)
    np.testing.assert_allclose(result.curve[number], curve, atol=1e-6)
    np.testing.assert_allclose(result.score[number], curve[-1], atol=1e-6)


def test_weights_beyond_a_childs_size_stay_zero(trained):
    _, children, result = trained
    for number, child in enumerate(children):
        own = FAMILY.extract(jax.tree.map(lambda leaf, n=number: leaf[n], result.params), child)
        inside = sum(np.count_nonzero(leaf) for leaf in jax.tree.leaves(own))
        everywhere = sum(np.count_nonzero(leaf[number]) for leaf in jax.tree.leaves(result.params))
        assert inside == everywhere > 0


def test_parameters_are_counted_at_the_childs_own_size(trained):
    _, children, result = trained
    for number, child in enumerate(children):
        own = FAMILY.extract(jax.tree.map(lambda leaf, n=number: leaf[n], result.params), child)
        assert sum(leaf.size for leaf in jax.tree.leaves(own)) == FAMILY.num_parameters(child)


def test_kernels_are_drawn_as_flax_draws_them_at_that_size():
    drawn = masked_kernel(jax.random.key(0), jnp.ones(6), jnp.ones(7), 6)
    flax = jax.nn.initializers.lecun_normal()(jax.random.key(0), (6, 7))
    chex.assert_trees_all_close(drawn, flax, rtol=1e-6)
    few = masked_kernel(jax.random.key(0), jnp.zeros(400).at[:4].set(1.0), jnp.ones(500), 4)
    assert np.std(few[:4]) == pytest.approx(0.5, rel=0.05)
    assert not few[4:].any()


def test_one_width_for_all_layers_is_one_choice():
    family = MLPFamily(4, 3, widths=(2, 5), depths=(2,))
    assert family.space.names == ("depth", "width", "activation", "residual")
    assert family.build([0, 1, 0, 1]).widths == (5, 5)


def test_sizes_and_names_are_checked():
    with pytest.raises(NmjaxError, match="positive sizes"):
        MLPFamily(4, 3, widths=())
    with pytest.raises(NmjaxError, match=r"Unknown activation.*relu"):
        MLPFamily(4, 3, activations=("rleu",))
