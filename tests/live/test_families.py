"""Every family against plain Flax: a child is the network that is built alone at its own size."""

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.live import (
    CellFamily,
    GraphFamily,
    LayerwiseMLPFamily,
    MLPFamily,
    TrainingConfig,
    TrainingHyper,
    TransformerFamily,
    train_children,
)
from nmjax.live.data import cross_entropy
from nmjax.live.family import masked_kernel
from nmjax.spaces import canonicalize, sample
from tests.live.plain import small_data, small_nodes, train_plainly

FAMILIES = {
    "mlp": (MLPFamily(4, 3, widths=(2, 5), depths=(1, 2, 3), own_widths=True), [2, 1, 1, 1, 0, 1]),
    "layerwise": (LayerwiseMLPFamily(4, 3, width=5), [3, 0, 1]),
    "cell": (CellFamily(3, channels=(2, 3), cells=2, side=3), [3, 2, 4, 1, 3, 0, 0]),
    "transformer": (
        TransformerFamily(8, 3, tokens=4, widths=(4, 8), feed_forwards=(3, 6)),
        [1, 0, 1, 0],
    ),
    "graph": (
        GraphFamily(4, 3, widths=(2, 4), depths=(1, 2), activations=("tanh",)),
        [4, 1, 0, 0, 1],
    ),
}
DATA = {
    "mlp": small_data(features=4),
    "layerwise": small_data(features=4),
    "cell": small_data(features=9),
    "transformer": small_data(features=8),
    "graph": small_nodes(features=4),
}
ADAMW = TrainingConfig(epochs=2, batch_size=8), TrainingHyper(0.02, weight_decay=0.01)
# Adam makes full steps of gradients that are zero but for rounding, as those of keys' biases are.
SGD = TrainingConfig("sgd", epochs=2, batch_size=8), TrainingHyper(0.1)
TRAINING = {"mlp": ADAMW, "layerwise": ADAMW, "cell": ADAMW, "transformer": SGD, "graph": SGD}
EVERY = pytest.mark.parametrize("name", FAMILIES)


def drawn_children(family, size):
    return canonicalize(family.space, sample(jax.random.key(1), family.space, (size,)))


def leaves_of(tree, number):
    return jax.tree.map(lambda leaf: leaf[number], tree)


def plain_logits(family, child, params, x):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return jax.jit(family.build(child).apply)(family.extract(params, child), x)


@EVERY
def test_logits_are_those_of_the_plain_network_and_nothing_else_learns(name):
    family, chosen = FAMILIES[name]
    children = jnp.concatenate([jnp.array([chosen]), drawn_children(family, 1)])
    rows = DATA[name].train

    def look(key, child):
        params = family.init(key, child)

        def loss(params):
            logits = family.apply(params, child, rows.x)
            return cross_entropy(logits, rows.y), logits

        (_, logits), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        return params, logits, gradient

    keys = jax.random.split(jax.random.key(0), len(children))
    params, logits, gradient = jax.jit(jax.vmap(look))(keys, children)
    for number, child in enumerate(children):
        own = leaves_of(params, number)
        np.testing.assert_allclose(
            logits[number], plain_logits(family, child, own, rows.x), atol=2e-5
        )
        for tree in (own, leaves_of(gradient, number)):
            extracted = jax.tree.leaves(family.extract(tree, child))
            inside = sum(np.count_nonzero(leaf) for leaf in extracted)
            everywhere = sum(np.count_nonzero(leaf) for leaf in jax.tree.leaves(tree))
            assert inside == everywhere > 0
        assert sum(leaf.size for leaf in extracted) == family.num_parameters(child)
        assert family.num_multiplications(child) > 0


@pytest.mark.slow
@EVERY
def test_trained_weights_and_scores_are_those_of_the_plain_network_alone(name, unoptimized):
    (family, chosen), (config, hyper) = FAMILIES[name], TRAINING[name]
    children = jnp.concatenate([jnp.array([chosen]), drawn_children(family, 1)])
    data = DATA[name]
    result = train_children(
        jax.random.key(3), family, children, data, hyper, config=config, keep_params=True
    )
    init_key, order_key = jax.random.split(jax.random.key(3))
    first = jax.jit(family.init)
    for number, child in enumerate(children):
        before = first(jax.random.fold_in(init_key, number), child)
        found, curve = train_plainly(
            family.build(child),
            family.extract(before, child),
            data,
            jax.random.clone(order_key),
            hyper,
            config,
        )
        after = family.extract(leaves_of(result.params, number), child)
        chex.assert_trees_all_close(after, found, atol=2e-5)
        np.testing.assert_allclose(result.curve[number], curve, atol=1e-6)
        np.testing.assert_allclose(result.score[number], curve[-1], atol=1e-6)


def test_kernels_are_drawn_as_flax_draws_them_at_that_size():
    drawn = masked_kernel(jax.random.key(0), jnp.ones(6), jnp.ones(7), 6)
    flax = jax.nn.initializers.lecun_normal()(jax.random.key(0), (6, 7))
    chex.assert_trees_all_close(drawn, flax, rtol=1e-6)
    few = masked_kernel(jax.random.key(0), jnp.zeros(400).at[:4].set(1.0), jnp.ones(500), 4)
    assert np.std(few[:4]) == pytest.approx(0.5, rel=0.05)
    assert not few[4:].any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transformer", "graph"])
def test_the_plain_network_starts_with_the_same_variables(name, unoptimized):
    """Flax's own initialization has the same tree, shapes and scale."""
    family, chosen = FAMILIES[name]
    x = DATA[name].train.x
    module = family.build(chosen)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = jax.jit(jax.vmap(module.init, in_axes=(0, None)))(
            jax.random.split(jax.random.key(0), 40), x
        )
    keys = jax.random.split(jax.random.key(1), 40)
    params = jax.jit(jax.vmap(family.init, in_axes=(0, None)))(keys, jnp.array(chosen))
    extract = [family.extract(leaves_of(params, number), chosen) for number in range(40)]
    ours = jax.tree.map(lambda *leaves: np.stack(leaves), *extract)
    chex.assert_trees_all_equal_shapes(ours, theirs)
    chex.assert_trees_all_close(
        jax.tree.map(np.std, ours), jax.tree.map(np.std, theirs), rtol=0.25, atol=1e-6
    )


def test_pooling_leaves_out_the_padding_as_flax_does():
    module = CellFamily(3, channels=(2,), side=3).build([0, 0, 0, 4, 0, 0, 0])
    x = small_data(features=9, rows=2).train.x

    @jax.jit
    def both(key):
        logits, variables = module.init_with_output(key, x)
        params = variables["params"]
        stem = nn.Conv(2, (3, 3), use_bias=False)
        images = stem.apply({"params": params["stem"]}, x.reshape(-1, 3, 3, 1))
        normalize = nn.GroupNorm(1, use_bias=False, use_scale=False)
        images = normalize.apply({}, images)
        pooled = nn.avg_pool(images, (3, 3), padding="SAME", count_include_pad=False)
        head = nn.Dense(3).apply({"params": params["head"]}, nn.relu(pooled).mean((1, 2)))
        return logits, head

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        logits, head = both(jax.random.key(0))
    np.testing.assert_allclose(logits, head, atol=1e-5)


def test_one_width_for_all_layers_is_one_choice():
    family = MLPFamily(4, 3, widths=(2, 5), depths=(2,))
    assert family.space.names == ("depth", "width", "activation", "residual")
    assert family.build([0, 1, 0, 1]).widths == (5, 5)
    assert MLPFamily(4, 3, depths=(1,)).space.names == ("depth", "width", "activation")


def test_isomorphic_cells_are_one():
    family = CellFamily(3)
    cells = jnp.array([[1, 2, 0, 1, 0, 0, 1], [2, 1, 0, 0, 1, 0, 1]])
    assert len(np.unique(canonicalize(family.space, cells), axis=0)) <= 2
    assert canonicalize(family.space, cells)[:, -1].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLPFamily(4, 3, widths=()), "positive sizes"),
        (lambda: MLPFamily(4, 3, activations=("rleu",)), r"Unknown activation.*relu"),
        (lambda: CellFamily(3, channels=()), "positive sizes"),
        (lambda: TransformerFamily(9, 3), "divisor of the inputs"),
        (lambda: TransformerFamily(8, 3, widths=(6,)), "divide each width"),
        (lambda: TransformerFamily(8, 3, depths=()), "positive sizes"),
        (lambda: GraphFamily(4, 3, widths=(0,)), "positive sizes"),
        (lambda: GraphFamily(4, 3, aggregations=("gnc",)), r"Unknown aggregation.*gcn"),
    ],
)
def test_sizes_and_names_are_checked(make, message):
    with pytest.raises(NmjaxError, match=message):
        make()
