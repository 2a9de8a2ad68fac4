import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from nmjax.errors import NmjaxError
from nmjax.predictors.networks import Network

ACTIVATIONS = {"tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}


def forward(params, x, layers, activation):
    """A network in NumPy: (output, features)."""
    params = jax.tree.map(np.asarray, params)
    for i in range(layers):
        x = ACTIVATIONS[activation](
            x @ params[f"hidden_{i}"]["kernel"] + params[f"hidden_{i}"]["bias"]
        )
    return (x @ params["head"]["kernel"] + params["head"]["bias"])[..., 0], x


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_against_a_forward_pass_by_hand(wrap, activation):
    network = Network((5, 7), activation=activation)
    params = network.init(jax.random.key(0), 3)
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    output, features = forward(params, x, 2, activation)
    assert features.shape == (2, 4, 7)
    np.testing.assert_allclose(wrap(network.apply)(params, x), output, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(wrap(network.features)(params, x), features, rtol=1e-4, atol=1e-6)


def test_one_encoding_is_a_row_of_a_pool():
    network = Network((6,), layer_norm=True)
    params = network.init(jax.random.key(1), 4)
    pool = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    rows = jax.jit(jax.vmap(network.apply, in_axes=(None, 0)))(params, pool)
    np.testing.assert_allclose(jax.jit(network.apply)(params, pool), rows, rtol=1e-5, atol=1e-6)
    assert jax.eval_shape(network.apply, params, pool[0]).shape == ()


def test_layer_norm_normalizes():
    network = Network((64,), activation="tanh", layer_norm=True)
    params = network.init(jax.random.key(3), 4)
    x = np.random.default_rng(4).normal(size=(3, 4)).astype(np.float32)
    before = np.arctanh(jax.jit(network.features)(params, x))
    np.testing.assert_allclose(before.mean(-1), 0, atol=1e-3)
    np.testing.assert_allclose(before.std(-1), 1, atol=1e-2)


@pytest.mark.parametrize("activation", ["gelu", "silu", "softplus", "tanh"])
def test_smooth_in_encodings_and_parameters(activation):
    network = Network((3,), activation=activation)
    params = network.init(jax.random.key(5), 2)
    x = jax.random.normal(jax.random.key(6), (2,))
    check_grads(jax.jit(network.apply), (params, x), order=2, modes=["rev"], atol=0.02, rtol=0.02)


def test_init_is_deterministic_and_many_at_once():
    network = Network((4,))
    keys = jax.random.split(jax.random.key(7), 3)
    many = jax.jit(jax.vmap(lambda key: network.init(key, 2)))(keys)
    one = network.init(keys[1], 2)
    np.testing.assert_allclose(many["hidden_0"]["kernel"][1], one["hidden_0"]["kernel"], rtol=1e-6)
    assert (many["head"]["kernel"][0] != many["head"]["kernel"][1]).any()


def test_one_trace():
    network, traces = Network((4,)), []

    @jax.jit
    def apply(params, x):
        traces.append(None)
        return network.apply(params, x)

    first, second = (network.init(jax.random.key(seed), 2) for seed in (8, 9))
    assert (apply(first, jnp.ones((3, 2))) != apply(second, jnp.ones((3, 2)))).all()
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"hidden": ()}, r"hidden=\(\)"),
        ({"hidden": (4, 0)}, r"hidden=\(4, 0\)"),
        ({"activation": "tan"}, "did you mean 'tanh'"),
    ],
)
def test_invalid_arguments_are_refused(arguments, match):
    with pytest.raises(NmjaxError, match=match):
        Network(**arguments)


def test_networks_compare_and_hash_by_value():
    assert Network() == Network((64, 64), activation="gelu")
    assert Network((8,)) != Network((8,), layer_norm=True)
    listed = Network([8, 8])
    assert listed == Network((8, 8))
    assert hash(listed) == hash(Network((8, 8)))
    assert listed.init(jax.random.key(0), 3)["head"]["kernel"].shape == (8, 1)
