import dataclasses
from functools import partial

import chex
import jax
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import Matern

from nmjax.cli.search.command import SearchConfig
from nmjax.errors import NmjaxError
from nmjax.evaluation.leave_one_out import prepare
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.methods import METHODS, Method, get_algorithm
from nmjax.experiments import batch_mesh, latest_step
from nmjax.experiments.progress import SilentProgress, StageTimer
from nmjax.knowledge import LearnConfig
from nmjax.search import RandomSearch
from nmjax.tasks import leave_one_out, make_split

TINY = LearnConfig(
    kernel_rows=20,
    kernel_steps=5,
    network=True,
    meta_steps=4,
    evaluate_every=2,
    meta_rows=15,
    replay_size=8,
    prior_steps=5,
)


class RecordedProgress(SilentProgress):
    def __init__(self):
        self.updates = []

    def update(self, stage, done, total):
        self.updates.append((stage, done, total))


KEYS = 3
BUDGET = 30


@pytest.fixture(scope="module")
def runs(prepared):
    methods = ("kernel-transfer", "random", "past-best")
    return run_methods(seed_keys(jax.random.key(0), KEYS), prepared, methods=methods, budget=BUDGET)


def check_trace(prepared, trace):
    assert trace.row.shape == (KEYS, BUDGET)
    assert trace.counted.all()
    assert all(len(set(rows)) == BUDGET for rows in trace.row.tolist())
    np.testing.assert_array_equal(trace.score, np.asarray(prepared.problem.score)[trace.row])


def test_the_defaults_name_every_method():
    assert set(SearchConfig().methods) == set(METHODS) - {"rgpe", "fsbo", "gp", "bananas"}


@pytest.mark.parametrize("name", ["kernel-transfer", "random", "past-best"])
def test_a_search_evaluates_distinct_rows_up_to_its_budget(prepared, runs, name):
    check_trace(prepared, runs[name].trace)
    assert np.isnan(runs[name].trace.transfer_weight).all()


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_searches_laid_over_devices_choose_the_same_rows(prepared, runs):
    keys, mesh = seed_keys(jax.random.key(0), KEYS), batch_mesh()
    sharded = run_methods(keys, prepared, methods=("kernel-transfer",), budget=BUDGET, mesh=mesh)
    found, alone = sharded["kernel-transfer"], runs["kernel-transfer"]
    np.testing.assert_array_equal(found.trace.row, alone.trace.row)
    np.testing.assert_allclose(found.information_gain, alone.information_gain, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["transfer", "evolution", "local-search"])
def test_so_do_the_others(prepared, name):
    keys = seed_keys(jax.random.key(0), KEYS)
    run = run_methods(keys, prepared, methods=(name,), budget=BUDGET)[name]
    check_trace(prepared, run.trace)
    if name == "transfer":
        np.testing.assert_allclose(run.trace.transfer_weight[:, 0], 0.7, rtol=1e-5)
        assert (run.information_gain > 0).all()
    else:
        assert np.isnan(run.trace.transfer_weight).all()


def test_the_past_best_come_first(prepared, runs):
    expected = np.argsort(-np.asarray(prepared.problem.past_mean))[:30]
    np.testing.assert_array_equal(runs["past-best"].trace.row, np.tile(expected, (3, 1)))


def test_the_information_gain_is_that_of_the_closed_form(prepared, runs):
    """The divergence between the scores' values where the search went, after and before."""
    prior = jax.tree.map(lambda leaf: np.asarray(leaf[-1], np.float64), prepared.problem.prior)
    features, position = (np.asarray(leaf, np.float64) for leaf in prepared.problem.pool)
    kernel = Matern(nu=2.5)(position)
    for seed in range(3):
        trace = runs["kernel-transfer"].trace
        rows, y = trace.row[seed], trace.score[seed].astype(np.float64)
        x, y = features[rows], (y - y.mean()) / y.std()
        before = (x * prior.variance) @ x.T + prior.amplitude * kernel[np.ix_(rows, rows)]
        noisy, residual = before + prior.noise * np.eye(len(y)), y - x @ prior.mean
        shift = before @ np.linalg.solve(noisy, residual)
        after = before - before @ np.linalg.solve(noisy, before)
        rate = prior.rate + 0.5 * residual @ np.linalg.solve(noisy, residual)
        s2 = rate / (prior.shape + 0.5 * len(y))
        expected = 0.5 * (
            np.trace(np.linalg.solve(before, after))
            - len(y)
            + shift @ np.linalg.solve(before, shift) / s2
            + np.linalg.slogdet(before)[1]
            - np.linalg.slogdet(after)[1]
        )
        np.testing.assert_allclose(
            runs["kernel-transfer"].information_gain[seed], expected, rtol=2e-3
        )
    assert np.isnan(runs["random"].information_gain).all()


def test_a_run_that_was_interrupted_continues_from_its_checkpoints(
    prepared, runs, tmp_path, monkeypatch
):
    monkeypatch.setattr("nmjax.evaluation.method_runs.CHECKPOINT_SECONDS", 0.0)
    keys = seed_keys(jax.random.key(0), KEYS)

    class Interrupts(SilentProgress):
        def update(self, stage, done, total):
            if stage == "search: past-best":
                raise KeyboardInterrupt

    arguments = {"methods": ("random", "past-best"), "budget": BUDGET, "folder": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        run_methods(keys, prepared, **arguments, stages=StageTimer(Interrupts()))
    assert latest_step(tmp_path / "random") == 2
    for name, run in run_methods(keys, prepared, **arguments).items():
        chex.assert_trees_all_equal(run.trace, runs[name].trace)
    with pytest.raises(NmjaxError, match="another configuration"):
        run_methods(keys, prepared, **arguments | {"budget": BUDGET - 1})


def test_searches_that_take_seconds_save_nothing(prepared, tmp_path):
    keys = seed_keys(jax.random.key(0), KEYS)
    run_methods(keys, prepared, methods=("random",), budget=BUDGET, folder=tmp_path)
    assert latest_step(tmp_path / "random") is None


def test_a_seed_does_not_depend_on_how_many_there_are(prepared, runs):
    keys = seed_keys(jax.random.key(0), 2)
    fewer = run_methods(keys, prepared, methods=("random",), budget=30)
    np.testing.assert_array_equal(fewer["random"].trace.row, runs["random"].trace.row[:2])


def test_another_budget_or_target_does_not_recompile(prepared, monkeypatch):
    traces = []

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Counted(RandomSearch):
        def step(self, *arguments):
            traces.append(self.capacity)
            return super().step(*arguments)

    monkeypatch.setitem(METHODS, "counted", Method(Counted, lambda problem: problem))
    keys = seed_keys(jax.random.key(0), 2)
    run_methods(keys, prepared, methods=("counted",), budget=30)
    before = len(traces)
    other = dataclasses.replace(
        prepared, problem=prepared.problem._replace(score=-prepared.problem.score)
    )
    for task, budget in ((prepared, 10), (other, 60)):
        found = run_methods(keys, task, methods=("counted",), budget=budget)
        assert found["counted"].trace.counted.sum() == 2 * budget
    assert len(traces) == before > 0
    assert get_algorithm("counted", 129) != get_algorithm("counted", 128)


def test_the_next_method_is_traced_before_the_first_has_ended(prepared, monkeypatch):
    happened = []

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Recorded(RandomSearch):
        name: str

        def step(self, *arguments):
            happened.append(f"{self.name} traced")
            return super().step(*arguments)

    class Ends(SilentProgress):
        def update(self, stage, done, total):
            if done == total:
                happened.append(f"{stage} ended")

    for name in ("first", "second"):
        search = partial(Recorded, name=name)
        monkeypatch.setitem(METHODS, name, Method(search, lambda problem: problem))
    keys, stages = seed_keys(jax.random.key(0), 2), StageTimer(Ends())
    run_methods(keys, prepared, methods=("first", "second"), budget=30, stages=stages)
    order = [happened.index(f"{name} traced") for name in ("first", "second")]
    assert order == sorted(order)
    assert order[1] < happened.index("search: first ended")


def test_progress_counts_evaluations(prepared):
    recorded = RecordedProgress()
    stages = StageTimer(recorded)
    keys = seed_keys(jax.random.key(0), 3)
    run_methods(keys, prepared, methods=("random",), budget=30, stages=stages)
    compiling = [("compile the searches", n, 1) for n in (0, 1)]
    searching = [("search: random", n, 30) for n in (0, 25, 30)]
    assert recorded.updates == compiling + searching
    assert stages.seconds["search: random"] > 0


@pytest.mark.parametrize(
    ("methods", "budget", "match"),
    [
        (("transfr",), 10, "Unknown method 'transfr': did you mean 'transfer'"),
        (("random", "random"), 10, "each once"),
        ((), 10, "at least one"),
        (("random",), 0, "budget of 0; give 1 to 64"),
        (("random",), 65, "budget of 65; give 1 to 64"),
    ],
)
def test_what_cannot_be_run_is_refused(prepared, methods, budget, match):
    keys = seed_keys(jax.random.key(0), 1)
    with pytest.raises(NmjaxError, match=match):
        run_methods(keys, prepared, methods=methods, budget=budget)


def test_one_past_task_is_too_few(suite):
    with pytest.raises(NmjaxError, match="at least two are needed"):
        prepare(jax.random.key(0), suite, make_split(suite, ["one"], "three"))


@pytest.mark.slow
def test_preparing_reads_no_score_of_the_target(suite):
    recorded = RecordedProgress()
    stages = StageTimer(recorded)
    split = leave_one_out(suite, "three")
    first = prepare(jax.random.key(0), suite, split, history_size=40, config=TINY, stages=stages)
    assert sorted(first.folds) == [0, 1]
    assert {"meta-train the network", "build the problem"} <= set(stages.seconds)
    assert recorded.updates[-1] == ("build the problem", 1, 1)

    metrics = {name: table.copy() for name, table in suite.metrics.items()}
    metrics["acc"][2] = metrics["acc"][2][::-1]
    changed = dataclasses.replace(suite, metrics=metrics)
    second = prepare(jax.random.key(0), changed, split, history_size=40, config=TINY)
    jax.tree.map(np.testing.assert_array_equal, first.knowledge, second.knowledge)
    assert not np.array_equal(first.problem.score, second.problem.score)
