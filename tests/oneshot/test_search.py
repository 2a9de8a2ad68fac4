"""Supernet searches: their steps, their numbers, and the methods."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax import NmjaxError
from nmjax.live import Dataset, Rows, cross_entropy
from nmjax.oneshot import (
    CellSupernet,
    Implicit,
    MLPSupernet,
    SupernetSearch,
    UniformPath,
    Unrolled,
    beta_darts,
    darts,
    drnas,
    gdas,
    pc_darts,
    single_path,
    smooth_darts,
    train_supernet,
    train_supernets,
)
from nmjax.relax import Softmax
from nmjax.spaces import Space
from nmjax.testing import check_relaxation
from nmjax.testing.compare import Counted
from tests.live.plain import small_data

SUPERNET = MLPSupernet(4, 3, width=4, layers=2, activations=("relu",))


def one_row(seed):
    x = np.random.default_rng(seed).normal(size=(1, 4)).astype(np.float32)
    return Rows(jnp.asarray(x), jnp.array([seed % 3]))


def test_the_first_step_is_adam_on_strengths_then_descent_on_weights():
    """With one training and one selection row, minibatches are no longer random."""
    data = Dataset(one_row(0), one_row(1), one_row(2))
    search, hyper = darts(SUPERNET, steps=8)
    hyper = hyper._replace(weight_rate=0.2, strength_rate=0.05, weight_decay=0.1)

    @jax.jit
    def both(key):
        state = search.init(key)
        weights, logits = state.params.weights, state.params.strengths.choices.logits

        def loss(weights, logits, rows):
            return cross_entropy(SUPERNET.apply(weights, jax.nn.softmax(logits), rows.x), rows.y)

        adam = optax.adam(0.05, b1=0.5, b2=0.999)
        with jax.numpy_dtype_promotion("standard"):
            slope = jax.grad(loss, argnums=1)(weights, logits, data.selection)
            update, _ = adam.update(slope, adam.init(logits))
        after = logits + update
        slope = jax.grad(loss)(weights, after, data.train)
        shrink = jnp.minimum(1.0, 5.0 / optax.tree.norm(slope))
        moved = jax.tree.map(lambda w, g: w - 0.2 * (shrink * g + 0.1 * w), weights, slope)
        return search.step(state, data, hyper), after, moved

    (state, info), after, moved = both(jax.random.key(0))
    np.testing.assert_allclose(state.params.strengths.choices.logits, after, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), state.params[0], moved)
    np.testing.assert_array_equal(info.options, np.argmax(after, axis=1))


def test_a_run_in_parts_is_the_run_and_its_numbers_are_traced():
    data = small_data()
    search, hyper = single_path(SUPERNET, steps=6)
    scan = Counted(
        lambda state, hyper: jax.lax.scan(
            lambda carry, _: search.step(carry, data, hyper), state, length=3
        )
    )
    start = jax.jit(search.init)(jax.random.key(0))
    third, _ = scan(start, hyper)
    sixth, infos = scan(third, hyper)
    beyond, _ = scan(sixth, hyper)
    short, _ = scan(start, hyper._replace(steps=2))
    scan.check_once("A search")
    assert (int(third.step), int(sixth.step), int(short.step)) == (3, 6, 2)
    assert np.isnan(infos.selection_loss).all()
    jax.tree.map(np.testing.assert_array_equal, beyond[1:], sixth[1:])
    jax.tree.map(np.testing.assert_array_equal, sixth.params.strengths, start.params.strengths)


def test_uniform_paths_are_a_relaxation():
    space = Space(op=["conv", "pool", "skip"], width=[1, 2])
    check_relaxation(UniformPath(space), jax.random.key(0))


ALL = {
    "darts": darts,
    "unrolled": lambda net, steps: darts(net, steps=steps, gradient=Unrolled()),
    "implicit": lambda net, steps: darts(net, steps=steps, gradient=Implicit(iterations=3)),
    "beta-darts": beta_darts,
    "smooth-darts": smooth_darts,
    "gdas": gdas,
    "drnas": drnas,
    "single-path": single_path,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_each_method_trains_the_supernet_and_moves_strengths(name, unoptimized):
    search, hyper = ALL[name](SUPERNET, steps=60)
    start = search.init(jax.random.key(0))
    keys = jax.random.key(0)[None]
    states, infos = train_supernets(keys, small_data(rows=60), search, hyper, steps=60)
    state, infos = jax.tree.map(lambda leaf: leaf[0], (states, infos))
    assert infos.train_loss[-20:].mean() < 0.8 * infos.train_loss[:20].mean()
    before, after = (s.params.strengths.choices.logits for s in (start, state))
    assert np.isfinite(after).all()
    assert (np.abs(after - before).max() > 0.01) == (name != "single-path")
    assert search.discretize(state).shape == (2,)


@pytest.mark.slow
def test_pc_darts_waits_and_learns_edges_on_cells(unoptimized):
    search, hyper = pc_darts(CellSupernet(3, side=2), steps=10, parts=2)
    start = search.init(jax.random.key(0))
    data = small_data(features=4)
    state, infos = train_supernet(start, data, search, hyper._replace(warmup=0.5), steps=10)
    assert len(np.unique(infos.options[:5], axis=0)) == 1
    np.testing.assert_allclose(infos.entropy[:5], infos.entropy[0], rtol=1e-6)
    assert infos.entropy[5] != infos.entropy[4]
    assert np.abs(state.params.strengths.edges).max() > 0
    # A single edge enters node 1, so its normalized weight is 1 whatever its strength.
    assert state.params.strengths.edges[0] == pytest.approx(0, abs=1e-6)
    # The weights of the edges into each of the three nodes sum to 1.
    assert search.mean_choices(state.params.strengths).sum() == pytest.approx(3, abs=1e-5)


@pytest.mark.slow
def test_beta_decay_keeps_strengths_closer_to_one_another(unoptimized):
    data = small_data(rows=60)
    spreads = []
    for method in (darts, beta_darts):
        search, hyper = method(SUPERNET, steps=60)
        state, _ = train_supernet(search.init(jax.random.key(0)), data, search, hyper, steps=60)
        spreads.append(np.ptp(state.params.strengths.choices.logits, axis=1).mean())
    assert spreads[1] < spreads[0]


def test_mismatched_arguments_are_refused():
    search, hyper = darts(SUPERNET, steps=3)
    state = None
    with pytest.raises(NmjaxError, match="cannot read"):
        train_supernet(state, small_data(features=5), search, hyper, steps=3)
    with pytest.raises(NmjaxError, match="classes=9 or more"):
        train_supernet(state, small_data(classes=9), search, hyper, steps=3)
    with pytest.raises(NmjaxError, match="one key for each"):
        train_supernets(jax.random.key(0), small_data(), search, hyper, steps=3)
    with pytest.raises(NmjaxError, match="supernet's space"):
        SupernetSearch(SUPERNET, Softmax(Space(op=["conv", "skip"])), None)
    with pytest.raises(NmjaxError, match="3 edge targets for 2"):
        SupernetSearch(SUPERNET, Softmax(SUPERNET.space), None, edge_targets=(0, 1, 2))
