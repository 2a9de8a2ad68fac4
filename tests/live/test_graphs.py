"""Graph networks against dense matrices, and nodes of real graphs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax import NmjaxError
from nmjax.live import (
    GraphFamily,
    GraphNetwork,
    MLPFamily,
    Nodes,
    TrainingConfig,
    list_graph_tasks,
    load_graph_task,
    make_graph,
    split_nodes,
    train_children,
    train_modules,
)
from nmjax.live.graphs import tasks
from nmjax.live.graphs.aggregation import WEIGHTS
from nmjax.spaces import Space
from tests.live.plain import small_data, small_graph, small_nodes

HAS_GRAPHS = tasks.find_spec("graphdatascience") is not None
NEEDS_GRAPHS = pytest.mark.skipif(not HAS_GRAPHS, reason='needs pip install "nmjax[graphs]"')
GCN = ("gcn",)


def adjacency_of(graph):
    dense = np.zeros((len(graph.degree),) * 2)
    dense[graph.receivers, graph.senders] = 1
    return dense


def dense_layer(aggregation, adjacency, x, weights):
    """A layer's values before the activation, from matrices n x n."""
    degree = adjacency.sum(1, keepdims=True)
    looped = adjacency + np.eye(len(x))
    own = x @ weights["self"] if "self" in weights else 0
    if aggregation == "none":
        return own + weights["bias"]
    z = x @ weights["neighbors"]
    if aggregation == "gcn":
        scale = np.diag(1 / np.sqrt(looped.sum(1)))
        found = scale @ looped @ scale @ z
    elif aggregation == "attention":
        sent, received = z @ weights["attention"][0], z @ weights["attention"][1]
        scores = sent[None, :] + received[:, None]
        exp = np.exp(np.where(scores > 0, scores, 0.2 * scores)) * looped
        found = exp / exp.sum(1, keepdims=True) @ z
    elif aggregation == "max":
        each = np.where(adjacency[:, :, None] > 0, z[None], -np.inf).max(1)
        found = np.where(degree > 0, each, 0)
    else:
        found = adjacency @ z / (np.maximum(degree, 1) if aggregation == "mean" else 1)
    return found + own + weights["bias"]


@pytest.mark.parametrize("aggregation", WEIGHTS)
def test_a_network_is_that_of_dense_matrices(aggregation):
    graph = small_graph()
    module = GraphNetwork(aggregation, 2, 3, jnp.tanh, True, 2)
    nodes = Nodes(graph, jnp.array([11, 0, 3]))
    with jax.numpy_rank_promotion("allow"):
        logits, variables = jax.jit(module.init_with_output)(jax.random.key(0), nodes)
    params = jax.tree.map(np.asarray, variables["params"])
    hidden, adjacency = np.asarray(graph.features), adjacency_of(graph)
    for layer in range(2):
        named = {name: params.get(f"layer_{layer}_{name}") for name in ("neighbors", "self")}
        weights = {name: own["kernel"] for name, own in named.items() if own is not None}
        weights["bias"] = params[f"layer_{layer}_bias"]
        weights["attention"] = params.get(f"layer_{layer}_attention")
        after = np.tanh(dense_layer(aggregation, adjacency, hidden, weights))
        hidden = after + hidden if layer else after
    expected = hidden @ params["head"]["kernel"] + params["head"]["bias"]
    np.testing.assert_allclose(logits, expected[[11, 0, 3]], atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_edges_go_both_ways_once_and_loops_are_left_out(edges):
    graph = make_graph(np.eye(6), np.array(edges, int).reshape(-1, 2))
    found = list(zip(graph.senders.tolist(), graph.receivers.tolist(), strict=True))
    given = {pair for a, b in edges if a != b for pair in ((a, b), (b, a))}
    assert set(found) == given
    assert len(found) == len(given)
    assert graph.receivers.tolist() == sorted(graph.receivers.tolist())
    np.testing.assert_array_equal(graph.degree, adjacency_of(graph).sum(1))


@given(st.integers(1, 9), st.integers(1, 6), st.integers(1, 6), st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_no_node_is_in_two_parts_and_unlabeled_ones_are_in_none(each, selection, test, seed):
    y = np.array([-1] * 10 + [0] * 20 + [1] * 15)
    graph = make_graph(np.eye(len(y)), [[0, 1]])
    sizes = {"train_per_class": each, "selection": selection, "test": test}
    data = split_nodes(graph, y, seed=seed, **sizes)
    assert [len(rows.y) for rows in data] == [2 * each, selection, test]
    index = np.concatenate([rows.x.index for rows in data])
    assert len(set(index)) == len(index)
    np.testing.assert_array_equal(y[index], np.concatenate([rows.y for rows in data]))
    assert np.bincount(data.train.y).tolist() == [each, each]


def test_predictions_move_with_the_numbers_of_the_nodes():
    graph, order = small_graph(), np.random.default_rng(1).permutation(12)
    moved = np.argsort(order)
    edges = np.stack([graph.senders, graph.receivers], axis=1)
    other = make_graph(np.asarray(graph.features)[order], moved[edges])
    family = GraphFamily(4, 3, widths=(4,), depths=(2,), activations=("relu",))

    @jax.jit
    def logits(graph, index):
        params = family.init(jax.random.key(0), jnp.array([4, 0, 0, 0, 1]))
        return family.apply(params, jnp.array([4, 0, 0, 0, 1]), Nodes(graph, index))

    every = jnp.arange(12)
    np.testing.assert_allclose(
        logits(graph, every), logits(other, jnp.asarray(moved)), rtol=1e-4, atol=1e-5
    )


def test_one_layer_and_one_aggregation_leave_out_their_choices():
    family = GraphFamily(4, 3, widths=(2, 5), depths=(1,), aggregations=("mean",))
    assert family.space.names == ("aggregation", "depth", "width", "activation")
    assert family.build([0, 0, 1, 1]).width == 5
    assert not family.build([0, 0, 1, 1]).residual


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros(3)}, "one row of features a node"),
        ({"edges": [[0, 1, 2]]}, "one pair of nodes an edge"),
        ({"features": np.full((3, 1), np.nan)}, "not all finite"),
        ({"edges": [[0, 3]]}, "expected 0 to 2"),
    ],
)
def test_graphs_are_checked(change, message):
    with pytest.raises(NmjaxError, match=message):
        make_graph(**{"features": np.eye(3), "edges": [[0, 1]], **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(3, int)}, "one class for each node"),
        ({"y": np.zeros(12, int)}, "two or more classes"),
        ({"test": 0}, "1 or more"),
        ({"train_per_class": 7}, "lower train_per_class"),
        ({"test": 9}, "lower them"),
    ],
)
def test_splits_of_nodes_are_checked(change, message):
    sizes = {"train_per_class": 2, "selection": 3, "test": 4, "y": np.arange(12) % 2, **change}
    with pytest.raises(NmjaxError, match=message):
        split_nodes(make_graph(np.eye(12), [[0, 1]]), **sizes)


def test_rows_and_nodes_are_not_mistaken_for_each_other():
    config = TrainingConfig(epochs=1)
    family = GraphFamily(4, 3, depths=(1,), aggregations=GCN)
    with pytest.raises(NmjaxError, match="give a GraphFamily"):
        train_children(
            jax.random.key(0), MLPFamily(4, 3), [[0, 0, 0, 0]], small_nodes(), config=config
        )
    with pytest.raises(NmjaxError, match="cannot read"):
        train_children(jax.random.key(0), family, [[0, 0, 0, 0]], small_data(), config=config)
    with pytest.raises(NmjaxError, match="Nodes"):
        train_modules(jax.random.key(0), GraphNetwork, Space(depth=[1]), [[0]], small_nodes())


@NEEDS_GRAPHS
@pytest.mark.parametrize(
    ("name", "nodes", "pairs", "homophily"),
    [
        # Literature: 2,708 papers, 5,278 edges, edge homophily 0.81 (Pei et al., 2020).
        ("cora", 2708, 5278, 0.81),
        ("imdb-directors", 4661, 7497, 0.71),
    ],
)
def test_real_graphs_are_whole(name, nodes, pairs, homophily):
    task = load_graph_task(name)
    graph = task.data.train.x.graph
    assert (len(graph.degree), len(graph.senders)) == (nodes, 2 * pairs)
    assert task.inputs == graph.features.shape[1]
    np.testing.assert_allclose(np.square(graph.features).mean(1).max(), 1, rtol=1e-5)
    y = np.full(nodes, -1)
    for rows in task.data:
        y[rows.x.index] = rows.y
        assert set(np.asarray(rows.y)) == set(range(task.classes))
    known = (y[graph.senders] >= 0) & (y[graph.receivers] >= 0)
    same = y[graph.senders[known]] == y[graph.receivers[known]]
    assert same.mean() == pytest.approx(homophily, abs=0.04)


def test_graph_tasks_are_named_and_unknown_ones_are_refused():
    assert [name for group in list_graph_tasks() for name in group] == list(tasks._SOURCES)
    with pytest.raises(NmjaxError, match="did you mean 'cora'"):
        load_graph_task("coar")


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(tasks, "find_spec", lambda _: None)
    with pytest.raises(NmjaxError, match=r"nmjax\[graphs\]"):
        load_graph_task("cora")
