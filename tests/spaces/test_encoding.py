from collections import Counter
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.spaces import Cell, Choice, RealChoice, Space, rooted_tree

TINY = Space.build(
    "tiny",
    [
        Choice("op1", "ab"),
        Choice("tree", ("chain", "star")),
        Choice("op2", "ab"),
        Choice("w", (1, 4, 16), "ordinal", "log"),
    ],
    cell=Cell((0, 2), [rooted_tree((0, 1)), rooted_tree((0, 0))], topology=1),
)


def features_by_hand(space, architecture):
    """The features of one hard architecture, counted by walking the graph of its text form."""
    features = Counter()
    for choice, option in zip(space.choices, architecture, strict=True):
        features[f"{choice.name}={choice.options[option]}"] += 1
    cell = space.cell
    edges = cell.topologies[0 if cell.topology is None else architecture[cell.topology]]
    labels = [space.choices[c].options[architecture[c]] for c in cell.labels]
    labels = ["input", *labels, "output"]
    distance = {0: 0}
    for tail, head in sorted(edges, key=lambda edge: edge[1]):
        distance[head] = min(distance.get(head, 99), distance[tail] + 1)
    for node, label in list(enumerate(labels))[1:-1]:
        features[f"count {label}"] += 1
        features[f"{label} at depth {distance[node]}"] += 1
    for tail, head in edges:
        features[f"{labels[tail]}>{labels[head]}"] += 1
        for middle, end in edges:
            if middle == head:
                features[f"{labels[tail]}>{labels[head]}>{labels[end]}"] += 1
    return features


def random_architectures(seed, space, shape):
    random = np.random.default_rng(seed)
    return random.integers(space.num_options, size=(*shape, space.num_choices)).astype(np.int32)


def random_probabilities(seed, space, shape=()):
    random = np.random.default_rng(seed)
    weights = random.exponential(size=(*shape, space.num_choices, space.max_options))
    weights = np.float32(weights * np.asarray(spaces.option_mask(space)))
    return weights / weights.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    "name", ["nas-bench-graph", "nas-bench-graph-proteins", "nas-bench-201", "transnas101-micro"]
)
def test_encoding_of_cells_counts_what_the_graph_has(name):
    space = spaces.get_space(name)
    names = spaces.encoding_names(space)
    assert len(set(names)) == len(names) == spaces.encoding_size(space)
    architectures = random_architectures(0, space, (40,))
    encodings = np.asarray(spaces.encode(space, architectures))
    assert encodings.shape == (40, len(names))
    with_paths = any(feature.count(">") == 2 for feature in names)
    assert with_paths == (name != "nas-bench-graph")
    for architecture, encoding in zip(np.asarray(architectures), encodings, strict=True):
        expected = features_by_hand(space, architecture)
        assert {n: v for n, v in zip(names, encoding, strict=True) if v} == {
            n: v
            for n, v in expected.items()
            if not n.endswith("depth 1") and (with_paths or n.count(">") < 2)
        }


@pytest.mark.parametrize("name", ["nas-bench-graph-proteins", "nas-bench-201"])
def test_no_feature_is_always_zero(name):
    space = spaces.get_space(name)
    everything = spaces.from_index(space, np.arange(space.size))
    assert np.any(np.asarray(spaces.encode(space, everything)) != 0, axis=0).all()


def test_ordinal_and_real_choices_are_scaled():
    space = Space.build(
        "s",
        [Choice("width", (1, 4, 16), "ordinal", "log"), Choice("rate", (0, 1, 4), "ordinal")],
        [RealChoice("x", 10.0, 20.0), RealChoice("y", 1e-3, 10.0, "log")],
    )
    names = spaces.encoding_names(space)
    assert names[-4:] == ("width", "rate", "x", "y")
    continuous = jnp.array([[10.0, 1e-3], [15.0, 0.1], [20.0, 10.0]])
    found = spaces.encode(space, np.array([[0, 0], [1, 1], [2, 2]]), continuous)
    expected = [[-1, -1, -1, -1], [0, -0.5, 0, 0], [1, 1, 1, 1]]
    np.testing.assert_allclose(np.asarray(found)[:, -4:], expected, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(found)[:, :3], np.eye(3))


@pytest.mark.parametrize("name", ["tiny", "nas-bench-graph", "nas-bench-201", "hpolib"])
def test_encode_is_encode_soft_of_a_one_hot_and_decode_its_inverse(name):
    space = TINY if name == "tiny" else spaces.get_space(name)
    architecture = random_architectures(1, space, (3, 5))
    encoding = spaces.encode(space, architecture)
    assert encoding.dtype == jnp.float32
    one_hot = np.eye(space.max_options, dtype=np.float32)[architecture]
    np.testing.assert_allclose(spaces.encode_soft(space, one_hot), encoding, atol=1e-6)
    decoded = spaces.decode(space, encoding)
    assert decoded.dtype == jnp.int32
    np.testing.assert_array_equal(decoded, architecture)


def test_a_soft_encoding_is_the_expectation_over_hard_ones():
    probabilities = random_probabilities(2, TINY)
    names = spaces.encoding_names(TINY)
    expected = Counter()
    for architecture in product(*map(range, TINY.num_options)):
        chance = np.prod([probabilities[c, o] for c, o in enumerate(architecture)])
        for feature, value in features_by_hand(TINY, architecture).items():
            expected[feature] += chance * value
        expected["w"] += chance * (architecture[3] - 1)
    found = spaces.encode_soft(TINY, probabilities)
    np.testing.assert_allclose(found, [expected[n] for n in names], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["nas-bench-graph", "nas-bench-201"])
def test_gradients_agree_with_finite_differences(name):
    space = spaces.get_space(name)
    probabilities = random_probabilities(3, space)
    encode = jax.jit(lambda p: spaces.encode_soft(space, p))
    check_grads(encode, (probabilities,), order=1, rtol=2e-2)


def test_encoding_vmaps_and_is_traced_once_for_a_shape():
    space = spaces.get_space("nas-bench-graph-proteins")
    traces = []

    @jax.jit
    def encode(probabilities):
        traces.append(None)
        return spaces.encode_soft(space, probabilities)

    for seed in range(3):
        probabilities = random_probabilities(seed, space, (4,))
        one_by_one = np.stack([spaces.encode_soft(space, p) for p in probabilities])
        np.testing.assert_allclose(encode(probabilities), one_by_one, rtol=1e-5, atol=1e-6)
    assert len(traces) == 1
    batched = jax.vmap(lambda p: spaces.encode_soft(space, p))(probabilities)
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-5, atol=1e-6)


def test_encoding_agrees_without_jit():
    architecture = random_architectures(4, TINY, (6,))
    compiled = spaces.encode(TINY, architecture)
    with jax.disable_jit():
        np.testing.assert_allclose(spaces.encode(TINY, architecture), compiled, atol=1e-6)


def test_arrays_that_do_not_fit_are_refused():
    real = Space.build("s", [Choice("a", "xy")], [RealChoice("x", 0.0, 1.0)])
    with pytest.raises(NmjaxError, match="continuous"):
        spaces.encode(real, jnp.zeros(1, jnp.int32))
    with pytest.raises(NmjaxError, match="continuous"):
        spaces.encode(TINY, jnp.zeros(4, jnp.int32), jnp.zeros(1))
    with pytest.raises(NmjaxError, match="probabilities"):
        spaces.encode_soft(TINY, jnp.zeros((4, 2)))


def test_a_space_of_real_valued_choices_alone():
    space = Space.build("s", (), [RealChoice("x", 0.0, 4.0)])
    nothing = jnp.zeros((3, 0), jnp.int32)
    continuous = jnp.array([[0.0], [1.0], [4.0]])
    np.testing.assert_allclose(spaces.encode(space, nothing, continuous), [[-1], [-0.5], [1]])
    assert spaces.decode(space, spaces.encode(space, nothing, continuous)).shape == (3, 0)
