"""Supernets: one conformance test, and cells against the networks that stand alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.oneshot import CellSupernet, MLPSupernet
from nmjax.relax import one_hot
from nmjax.spaces import sample
from nmjax.testing import check_supernet

CELLS = CellSupernet(classes=3, channels=2, cells=2, side=4)
FEWER = CellSupernet(3, channels=2, side=4, operations=("skip_connect", "nor_conv_3x3"))
LAYERS = MLPSupernet(16, 3, width=4)
X = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)


@pytest.mark.parametrize(
    "supernet",
    [
        LAYERS,
        pytest.param(CELLS, marks=pytest.mark.slow),
        pytest.param(CellSupernet(3, side=4, parts=2), marks=pytest.mark.slow),
    ],
    ids=["mlp", "cells", "partial-channels"],
)
def test_a_supernet_keeps_the_protocol(supernet, unoptimized):
    check_supernet(supernet, jax.random.key(0), jnp.asarray(X))


@pytest.mark.parametrize(
    "net", [CELLS, FEWER, LAYERS], ids=["all operations", "two operations", "layers"]
)
def test_one_hot_choices_are_the_family_with_inherited_weights(net):
    architectures = sample(jax.random.key(1), net.space, (4,))

    @jax.jit
    def both(key, architectures):
        weights = net.init(key)

        def look(architecture):
            inherited = net.inherit(weights, architecture)
            choices = one_hot(net.space, architecture)
            logits = net.apply(weights, choices, X)
            return logits, net.family.apply(inherited, net.child(architecture), X)

        return jax.vmap(look)(architectures)

    supernet, alone = both(jax.random.key(0), architectures)
    np.testing.assert_allclose(supernet, alone, atol=1e-5)
    assert np.ptp(supernet, axis=0).max() > 0.01


def test_fewer_operations_are_those_of_the_family_by_name():
    names = [choice.options for choice in FEWER.space.choices]
    assert names == [("skip_connect", "nor_conv_3x3")] * 6
    child = FEWER.child(jnp.array([0, 1, 0, 0, 1, 1]))
    config = FEWER.family.space.to_config(child)
    assert [config[f"Op{edge}"] for edge in range(6)] == [names[0][i] for i in (0, 1, 0, 0, 1, 1)]


@pytest.mark.slow
def test_one_hot_choices_are_the_plain_flax_network_with_inherited_weights(unoptimized):
    weights = jax.jit(CELLS.init)(jax.random.key(0))
    architecture = jnp.array([3, 2, 1, 4, 0, 3])
    child = CELLS.child(architecture)
    variables = CELLS.family.extract(CELLS.inherit(weights, architecture), child)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        plain = jax.jit(CELLS.family.build(child).apply)(variables, X)
    logits = jax.jit(CELLS.apply)(weights, one_hot(CELLS.space, architecture), X)
    np.testing.assert_allclose(logits, plain, atol=1e-5)


def test_partial_channels_pass_the_rest_times_the_weight_of_the_edge():
    supernet = CellSupernet(classes=2, channels=4, side=2, parts=2)
    images = np.random.default_rng(1).normal(size=(2, 2, 2, 4)).astype(np.float32)
    weights = jax.eval_shape(supernet.init, jax.random.key(0))
    small, large = (jnp.zeros(weights[name].shape[2:]) for name in ("conv_1x1", "conv_3x3"))
    skip = jnp.array([0.0, 0.25, 0.0, 0.0, 0.0])
    none = jnp.array([0.25, 0.0, 0.0, 0.0, 0.0])
    edge = jax.jit(supernet._edge)
    shuffled = images[..., [0, 2, 1, 3]]
    np.testing.assert_allclose(edge(images, skip, small, large), 0.25 * shuffled, atol=1e-6)
    active = np.array([0, 1, 0, 1], np.float32)
    np.testing.assert_allclose(
        edge(images, none, small, large), 0.25 * shuffled * active, atol=1e-6
    )
    np.testing.assert_array_equal(edge(images, jnp.zeros(5), small, large), 0)


def test_skipped_layers_inherit_no_weights():
    weights = jax.jit(LAYERS.init)(jax.random.key(0))
    architecture = jnp.array([2, 0, 1])
    inherited = LAYERS.inherit(weights, architecture)["hidden"]["kernel"]
    np.testing.assert_array_equal(inherited[1], 0)
    np.testing.assert_array_equal(inherited[0], weights["hidden"]["kernel"][0, 1])
    np.testing.assert_array_equal(inherited[2], weights["hidden"]["kernel"][2, 0])


def test_mlp_layers_are_skipped_or_dense():
    supernet = MLPSupernet(2, 3, width=4, layers=2, activations=("relu",))
    weights = jax.tree.map(np.asarray, jax.jit(supernet.init)(jax.random.key(0)))
    x = X[:, :2]
    stem = x @ weights["stem"]["kernel"]
    hidden = np.maximum(stem @ weights["hidden"]["kernel"][1, 0], 0)
    expected = hidden @ weights["head"]["kernel"]
    choices = one_hot(supernet.space, np.array([0, 1]))
    np.testing.assert_allclose(jax.jit(supernet.apply)(weights, choices, x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CellSupernet(3, parts=3), "divide the channels"),
        (lambda: CellSupernet(3, cells=0), "positive sizes"),
        (lambda: CellSupernet(3, operations=("skip",)), "did you mean 'skip_connect'"),
        (lambda: CellSupernet(3, operations=("skip_connect", "none")), "keep the order"),
        (lambda: CellSupernet(3, operations=()), "one or more"),
        (lambda: CellSupernet(3, parts=2).inherit({}, jnp.zeros(6)), "parts=1"),
        (lambda: MLPSupernet(2, 0), "classes=0"),
        (lambda: MLPSupernet(2, 3, activations=("rleu",)), "did you mean 'relu'"),
    ],
)
def test_sizes_and_names_are_checked(make, message):
    with pytest.raises(NmjaxError, match=message):
        make()
