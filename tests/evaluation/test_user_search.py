"""A user's search under the protocol, on a toy whose past is set up by hand."""

import dataclasses
import sys
import types
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.peers.searches import Search
from nmjax.errors import NmjaxError
from nmjax.evaluation import protocol, step_search, user_search
from nmjax.evaluation.budgeted_objective import BudgetedObjective
from nmjax.evaluation.comparison import measures
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.user_search import evaluate_user_search, load_user_search
from nmjax.search import LocalSearch, RandomSearch
from nmjax.tasks import leave_one_out, sample_history, scores

BUDGET = 12


@pytest.fixture(autouse=True)
def small(monkeypatch, prepared):
    """Make the budget and the past small, and replace learning by a fixed problem."""
    for module in (user_search, step_search):
        monkeypatch.setattr(module, "BUDGET", BUDGET)
    monkeypatch.setattr(protocol, "HISTORY_SIZE", 30)

    def prepare_search(suite, task, seed):
        score = scores(suite)[suite.tasks.index(task)]
        problem = prepared.problem._replace(score=score)
        return types.SimpleNamespace(problem=problem), seed_keys(jax.random.key(seed), 1)

    monkeypatch.setattr(step_search, "prepare_search", prepare_search)


class Random:
    """Draws at random, with replacement and at times outside the space's pool."""

    def __init__(self, task):
        self.task, self.random, self.observed = task, np.random.default_rng(task.seed), []

    def ask(self):
        return self.random.choice(self.task.pool).tolist()

    def tell(self, architecture, score):
        self.observed.append((tuple(architecture), score))


def test_a_search_object_gets_the_past_of_the_protocol_and_scores(suite):
    made = []

    def make(task):
        made.append(Random(task))
        return made[-1]

    found = evaluate_user_search("mine", make, suite, seeds=2)
    assert (found.rows.shape, found.kind) == ((3, 2, BUDGET), "user")
    assert len({searcher.task.seed for searcher in made}) == 6
    for searcher, (t, seed) in zip(made, np.ndindex(3, 2), strict=True):
        row = np.ravel_multi_index(np.array([a for a, _ in searcher.observed]).T, (4, 4, 4))
        np.testing.assert_array_equal([s for _, s in searcher.observed], scores(suite)[t, row])
        evaluated = list(dict.fromkeys(row.tolist()))
        np.testing.assert_array_equal(found.rows[t, seed], evaluated)
        key = jax.random.split(jax.random.fold_in(jax.random.key(seed), t), 3)[1]
        sources = leave_one_out(suite, suite.tasks[t]).sources
        past = sample_history(key, suite, sources, 30)
        assert searcher.task.sources == sources
        np.testing.assert_array_equal(searcher.task.history.architecture, past.architecture)


def test_a_pair_gives_the_rows_of_the_method_itself(suite, prepared):
    found = evaluate_user_search("pair", RandomSearch, suite, seeds=2)
    bare = evaluate_user_search(
        "bare", lambda: (RandomSearch().init, RandomSearch().step), suite, seeds=1
    )
    keys = seed_keys(jax.random.key(1), 1)
    run = run_methods(keys, prepared, methods=["random"], budget=BUDGET)["random"]
    np.testing.assert_array_equal(found.rows[2, 1], run.trace.row[0])
    np.testing.assert_array_equal(bare.rows, found.rows[:, :1])


def test_a_valid_pair_is_run_again_on_one_task_and_seed_alone(suite, monkeypatch):
    change, changed = step_search.with_unevaluated_changed, []

    def noted(problem, evaluated):
        for other in change(problem, evaluated):
            changed.append(
                (np.asarray(problem.score), np.asarray(evaluated), np.asarray(other.score))
            )
            yield other

    monkeypatch.setattr(step_search, "with_unevaluated_changed", noted)
    found = evaluate_user_search("local", LocalSearch, suite, seeds=2)
    assert len(changed) == 2
    for score, evaluated, other in changed:
        np.testing.assert_array_equal(score, scores(suite)[0])
        np.testing.assert_array_equal(np.flatnonzero(evaluated), np.sort(found.rows[0, 0]))
        np.testing.assert_array_equal(score == other, evaluated)


def test_other_scores_are_worse_or_better_than_all_that_were_evaluated(prepared):
    problem = prepared.problem._replace(score=jnp.array([1.0, 3.0, jnp.nan, 2.0]))
    found = step_search.with_unevaluated_changed(problem, jnp.array([True, False, False, False]))
    worse, better = (np.asarray(other.score) for other in found)
    np.testing.assert_array_equal(worse, [1, -1003, -1000, -1002])
    np.testing.assert_array_equal(better, [1, 997, 1000, 998])


def reading_all_scores(sign=1):
    base = RandomSearch()

    def step(state, problem, hyper):
        hopeless = state.record.evaluated | jnp.isnan(problem.score)
        worth = jnp.where(hopeless, -jnp.inf, sign * problem.score)
        best = jnp.argmax(worth).astype(jnp.int32)
        return base.observe(state, problem, hyper, best, problem.score[best])

    return base.init, step


def reading_all_scores_at_the_start():
    base = RandomSearch()

    def init(key, problem, hyper):
        order = jnp.argsort(-problem.score).astype(jnp.int32)
        return base.init(key, problem, hyper)._replace(order=order)

    return init, base.step


def avoiding_failures():
    base = RandomSearch()

    def init(key, problem, hyper):
        state = base.init(key, problem, hyper)
        fails = jnp.isnan(problem.score)[state.order]
        return state._replace(order=state.order[jnp.argsort(fails, stable=True)])

    return init, base.step


@pytest.mark.parametrize(
    "pair",
    [
        reading_all_scores,
        lambda: reading_all_scores(-1),
        reading_all_scores_at_the_start,
        avoiding_failures,
    ],
)
def test_a_pair_that_reads_unevaluated_scores_is_refused(suite, pair):
    failed = {name: table.copy() for name, table in suite.metrics.items()}
    failed["acc"][:, ::3] = np.nan
    says = r"mine on one, seed 0, suggested row \d+ instead of \d+ at step \d+ of a second run"
    with pytest.raises(NmjaxError, match=says):
        evaluate_user_search("mine", pair, dataclasses.replace(suite, metrics=failed), seeds=1)


def test_a_replayed_method_gets_its_row_of_the_table(suite):
    rows = np.random.default_rng(0).permuted(np.tile(np.arange(64), (3, 2, 1)), axis=-1)
    rows = rows[..., :BUDGET].astype(np.int32)
    waiting = [suite.pool[r] for r in rows.reshape(-1, BUDGET)]

    class Replay:
        def __init__(self, task):
            self.left = list(waiting.pop(0))

        def ask(self):
            return self.left.pop(0)

        def tell(self, architecture, score):
            pass

    found = evaluate_user_search("replay", Replay, suite, seeds=2)
    np.testing.assert_array_equal(found.rows, rows)
    ours, theirs = measures(suite, found.rows), measures(suite, rows)
    for name, curve in theirs.items():
        np.testing.assert_array_equal(ours[name], curve)


def test_repeated_suggestions_are_free_and_the_rest_is_random(suite):
    def make(task):
        searcher = Random(task)
        searcher.ask = lambda: suite.pool[5]
        made.append(searcher)
        return searcher

    made = []
    found = evaluate_user_search("stubborn", make, suite, seeds=2)
    assert [len(searcher.observed) for searcher in made] == [20 * BUDGET] * 6
    assert (found.rows[..., 0] == 5).all()
    assert all(len(set(rows)) == BUDGET for rows in found.rows.reshape(-1, BUDGET).tolist())
    assert len(np.unique(found.rows.reshape(-1, BUDGET), axis=0)) == 6


def test_the_rule_is_that_of_the_peers():
    rng = np.random.default_rng(0)
    score = rng.normal(size=30).astype(np.float32)
    row_of = np.append(np.arange(30), np.full(10, -1))
    for suggestions in (rng.integers(0, 40, 200), rng.integers(38, 40, 200)):
        ours, theirs = BudgetedObjective(score, 9), Search(row_of, score, 9)
        for place in suggestions:
            assert ours.finished == theirs.finished
            if ours.finished:
                break
            evaluated = ours.evaluate(int(row_of[place])), theirs.evaluate([place])
            np.testing.assert_array_equal(*evaluated)
        theirs.fill(np.random.default_rng(1))
        np.testing.assert_array_equal(ours.filled(np.random.default_rng(1)), theirs.rows)


def broken(task):
    searcher = Random(task)
    searcher.tell = lambda *_: 1 / 0
    return searcher


def asking(what):
    def make(task):
        searcher = Random(task)
        searcher.ask = lambda: what
        return searcher

    return make


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (broken, r"(?s)mine on one, seed 0, failed: ZeroDivisionError.*1 / 0"),
        (asking([0, 1]), r"ask\(\) returned \[0, 1\], expected 3 option indices below 4, 4, 4"),
        (asking([0, 1, 4]), "expected 3 option indices"),
        (asking([0.0, 1.0, 2.0]), "expected 3 option indices"),
        (asking(None), "expected 3 option indices"),
        (lambda: 3, r"returned a int, expected an \(init, step\) pair"),
        (lambda: 1 / 0, "mine failed: ZeroDivisionError"),
        (partial(RandomSearch, capacity=BUDGET - 1), "make the search with capacity=12"),
        (lambda task: 3, "no attribute 'ask'"),
    ],
)
def test_objects_that_are_not_searches_are_refused(suite, function, says):
    with pytest.raises(NmjaxError, match=says) as caught:
        evaluate_user_search("mine", function, suite, seeds=1)
    assert user_search.__file__ not in str(caught.value)


def test_a_user_search_is_found_in_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def make(task): return 3\nnumber = 3\n")
    (tmp_path / "breaking.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert load_user_search("mine:make")(None) == 3
    for name, says in (
        ("mine", "give MODULE:FUNCTION"),
        ("mine:none", "has no function 'none'"),
        ("mine:number", "has no function 'number'"),
        ("nobody:make", "No module named 'nobody'"),
        ("breaking:make", "nowhere_to_be_found"),
    ):
        with pytest.raises(NmjaxError, match=says):
            load_user_search(name)
