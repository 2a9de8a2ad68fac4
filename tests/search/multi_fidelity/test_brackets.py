"""Successive halving and Hyperband against a plain loop, the papers' tables, and their budget."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.search import (
    CurveTable,
    Hyperband,
    RandomSearch,
    SuccessiveHalving,
    best_final_score,
    default_hyper,
    halving_bracket,
    hyperband_brackets,
    run_epochs,
)
from nmjax.search.multi_fidelity.algorithm import _run

SIZE, EPOCHS, STEPS = 30, 8, 60
SEARCHES = {
    "halving": SuccessiveHalving(width=8, eta=2, capacity=24),
    "hyperband": Hyperband(eta=2, capacity=24),
}


def curves(seed, failing=0.0):
    """Random curves float[N, E], NaN from a random epoch on with some probability an epoch."""
    generator = np.random.default_rng(seed)
    score = generator.normal(size=(SIZE, EPOCHS)).astype(np.float32)
    fails = np.cumsum(generator.random((SIZE, EPOCHS)) < failing, axis=1) > 0
    return np.where(fails, np.nan, score)


def plain(curve, order, brackets, budget):
    """The same search as a loop: (row, epoch) of each epoch."""
    done, waiting = [], list(order)
    while waiting:
        for bracket in brackets:
            children = [waiting.pop(0) for _ in range(min(bracket[0][0], len(waiting)))]
            before = 0
            for number, until in bracket:
                alive = [
                    row for row in children if not before or np.isfinite(curve[row, before - 1])
                ]
                if before:
                    alive.sort(key=lambda row, at=before - 1: -curve[row, at])
                children = alive[:number]
                for row in children:
                    for epoch in range(before, until):
                        done.append((row, epoch + 1))
                        if np.isnan(curve[row, epoch]):
                            curve = curve.copy()
                            curve[row, epoch:] = np.nan
                            break
                before = until
    return done[:budget]


def test_brackets_are_those_of_the_paper():
    """Li et al., 2018, table 1, for R = 81 and eta = 3, with the rounding of algorithm 1."""
    assert hyperband_brackets(81, eta=3) == (
        ((81, 1), (27, 3), (9, 9), (3, 27), (1, 81)),
        ((34, 3), (11, 9), (3, 27), (1, 81)),
        ((15, 9), (5, 27), (1, 81)),
        ((8, 27), (2, 81)),
        ((5, 81),),
    )
    assert halving_bracket(81, 81, eta=3) == hyperband_brackets(81, eta=3)[0]
    assert halving_bracket(4, 9, eta=3) == ((4, 1), (1, 9))


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("failing", [0.0, 0.2, 0.7])
def test_the_order_of_epochs_is_that_of_a_plain_loop(name, failing):
    search = SEARCHES[name]
    for seed in range(4):
        curve = curves(seed, failing)
        key = jax.random.key(seed)
        state, trace = run_epochs(key, CurveTable(jnp.asarray(curve)), search, epochs=STEPS)
        expected = plain(curve, state.order.tolist(), search.brackets(EPOCHS), STEPS)
        found = zip(trace.row.tolist(), trace.epoch.tolist(), strict=True)
        counted = np.asarray(trace.counted)
        assert [pair for pair, one in zip(found, counted, strict=True) if one] == expected
        assert int(state.record.cost) == len(expected)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_budget_is_spent_exactly_and_compiles_nothing_anew(name):
    search, table = SEARCHES[name], CurveTable(jnp.asarray(curves(0)))
    _, whole = run_epochs(jax.random.key(0), table, search, epochs=STEPS)
    before = _run._cache_size()
    state, cut = run_epochs(jax.random.key(0), table, search, default_hyper(25), epochs=STEPS)
    assert _run._cache_size() == before
    assert int(state.record.cost) == 25
    np.testing.assert_array_equal(cut.row[:25], whole.row[:25])
    np.testing.assert_array_equal(cut.row[25:], -1)
    assert np.isnan(cut.score[25:]).all()
    assert int(state.record.number) == int(state.record.started.sum())


@pytest.mark.slow
def test_searches_side_by_side_are_those_of_their_keys():
    search, table = SEARCHES["hyperband"], CurveTable(jnp.asarray(curves(2, 0.2)))
    _, both = run_epochs(jax.random.split(jax.random.key(0), 2), table, search, epochs=STEPS)
    for number, key in enumerate(jax.random.split(jax.random.key(0), 2)):
        alone = run_epochs(key, table, search, epochs=STEPS)[1]
        np.testing.assert_array_equal(both.row[number], alone.row)
        np.testing.assert_array_equal(both.score[number], alone.score)


def test_only_whole_trainings_count_for_the_best_score():
    table, search = CurveTable(jnp.asarray(curves(1))), SEARCHES["halving"]
    _, trace = run_epochs(jax.random.key(0), table, search, epochs=STEPS)
    best = np.asarray(best_final_score(trace, epochs=EPOCHS))
    ended = np.flatnonzero(trace.epoch == EPOCHS)
    assert (best[: ended[0]] == -np.inf).all()
    assert best[-1] == max(curves(1)[int(row), -1] for row in trace.row[ended])


def test_mistaken_arguments_are_refused():
    with pytest.raises(NmjaxError, match="eta=1"):
        Hyperband(eta=1)
    with pytest.raises(NmjaxError, match="give a search by epochs"):
        run_epochs(jax.random.key(0), CurveTable(jnp.ones((3, 2))), RandomSearch(), epochs=3)
