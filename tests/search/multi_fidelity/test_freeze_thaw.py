"""Freeze-thaw search on tables whose past is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.predictors import fit_curves
from nmjax.search import (
    CurveProblem,
    CurveTable,
    FreezeThawSearch,
    best_final_score,
    default_hyper,
    run_epochs,
)
from nmjax.search.multi_fidelity.algorithm import _run

EPOCHS, STEPS = 6, 40
SEARCH = FreezeThawSearch(capacity=20)


def curves_to(final):
    """Curves float[..., E] that approach their last scores exponentially."""
    left = np.exp2(-np.arange(EPOCHS)) * (np.arange(EPOCHS) < EPOCHS - 1)
    return jnp.asarray(np.asarray(final)[..., None] - left, jnp.float32)


def problem_of(problem, curve):
    past = curves_to(jax.random.normal(jax.random.key(3), (3, len(problem.score))))
    encoding = problem.pool.position
    return CurveProblem(CurveTable(curve), problem, fit_curves(past, encoding), encoding)


@pytest.fixture
def made(problem):
    return problem_of(problem, curves_to(problem.score))


def test_it_finds_good_rows_with_few_whole_trainings(made):
    state, trace = run_epochs(jax.random.key(0), made, SEARCH, epochs=STEPS)
    best = best_final_score(trace, epochs=EPOCHS)[-1]
    assert best >= np.quantile(made.problem.score, 0.95)
    whole = int(jnp.sum(state.record.epochs == EPOCHS))
    assert whole < STEPS // EPOCHS < int(state.record.number)


def test_each_epoch_continues_a_child_or_starts_an_unstarted_row(made):
    state, trace = run_epochs(jax.random.key(1), made, SEARCH, epochs=STEPS)
    done = {}
    for row, epoch in zip(trace.row.tolist(), trace.epoch.tolist(), strict=True):
        assert epoch == done.get(row, 0) + 1
        done[row] = epoch
    assert int(state.record.number) == len(done)
    assert sorted(done) == np.flatnonzero(state.record.started).tolist()


def test_budgets_share_a_program_and_the_key_decides(made):
    hyper = default_hyper(15)
    state, cut = run_epochs(jax.random.key(2), made, SEARCH, hyper, epochs=STEPS)
    before = _run._cache_size()
    _, whole = run_epochs(jax.random.key(2), made, SEARCH, epochs=STEPS)
    assert _run._cache_size() == before
    assert int(state.record.cost) == 15
    np.testing.assert_array_equal(cut.row[:15], whole.row[:15])
    np.testing.assert_array_equal(cut.row[15:], -1)


def test_failures_are_never_trained_on(problem):
    curve = np.array(curves_to(problem.score))
    failing = np.arange(len(curve)) % 2 == 0
    curve[failing, 2:] = np.nan
    curve[::4] = np.nan
    made = problem_of(problem, jnp.asarray(curve))
    _, trace = run_epochs(jax.random.key(3), made, SEARCH, epochs=STEPS)
    epoch, score = np.asarray(trace.epoch), np.asarray(trace.score)
    assert trace.counted.all()
    row = np.asarray(trace.row)
    failed = np.unique(row[np.isnan(score)])
    assert len(failed)
    for one in failed:
        assert np.flatnonzero(np.isnan(score[row == one])).tolist() == [epoch[row == one].max() - 1]
    all_fail = problem_of(problem, jnp.full_like(curve, jnp.nan))
    state, trace = run_epochs(jax.random.key(3), all_fail, SEARCH, epochs=STEPS)
    assert int(state.record.number) == int(state.record.cost) == SEARCH.capacity


def test_unread_scores_do_not_matter(made):
    state, trace = run_epochs(jax.random.key(4), made, SEARCH, epochs=STEPS)
    unread = np.asarray(made.children.curve).copy()
    for row in range(len(unread)):
        children = np.flatnonzero(np.asarray(state.record.row) == row)
        known = int(state.record.epochs[children].max()) if len(children) else 0
        unread[row, known:] = 1e3
    other = made._replace(
        children=CurveTable(jnp.asarray(unread)),
        problem=made.problem._replace(score=-made.problem.score),
    )
    again = run_epochs(jax.random.key(4), other, SEARCH, epochs=STEPS)[1]
    np.testing.assert_array_equal(again.row, trace.row)


def test_a_predictor_of_other_curves_is_refused(made):
    shorter = made._replace(children=CurveTable(made.children.curve[:, 1:]))
    with pytest.raises(NmjaxError, match="for trainings of 5 epochs"):
        run_epochs(jax.random.key(0), shorter, SEARCH, epochs=STEPS)
