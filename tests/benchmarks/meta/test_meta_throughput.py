"""Meta-iterations at a tiny size, and their count of operations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.meta import maml_iterations, meta_throughput
from benchmarks.peers.iterations import Setting, make_start, sample_sinusoids
from nmjax.errors import NmjaxError
from nmjax.meta import MAMLHyper

TINY = Setting("tiny", (2, 8, 8, 1), "tanh", tasks=3, support=4, query=5)


@pytest.mark.slow
def test_iterations_learn_from_the_common_start():
    made = maml_iterations.prepare("", TINY, make_start(TINY))
    losses = [made.iterate(5 * made.chunk) for _ in range(4)]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("pool", [0, 6])
def test_both_samplers_draw_what_the_setting_says(pool):
    setting = TINY._replace(tasks=2000, pool=pool)
    known = make_start(setting).pool
    drawn = maml_iterations.sample_tasks(jax.random.key(0), jnp.asarray(known), setting=setting)
    ours = (drawn.support_x, drawn.support_y, drawn.query_x, drawn.query_y)
    theirs = sample_sinusoids(np.random.default_rng(0), setting, known)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(np.std(a), np.std(b), rtol=0.05)
        np.testing.assert_allclose(np.mean(a), np.mean(b), atol=0.2)
    for x, y in zip(ours[::2], ours[1::2], strict=True):
        mean = np.mean(x, axis=-1)
        basis = np.stack([np.sin(mean), np.cos(mean)], axis=-1)
        for rows, scores in zip(basis[:20], np.asarray(y)[:20], strict=True):
            fit = rows @ np.linalg.lstsq(rows, scores)[0]
            np.testing.assert_allclose(fit, scores, atol=1e-3)


def test_gradient_is_that_of_central_differences():
    start = make_start(TINY)
    made = maml_iterations.prepare("", TINY, start)
    leaves = [np.asarray(leaf, np.float64) for leaf in start.params]
    support_x, support_y, query_x, query_y = start.tasks
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=leaf.shape) for leaf in leaves]

    def forward(params, x):
        for i in (0, 2):
            x = np.tanh(x @ params[i] + params[i + 1])
        return (x @ params[4] + params[5])[:, 0]

    def gradient(params, x, y):
        a = [x]
        for i in (0, 2):
            a.append(np.tanh(a[-1] @ params[i] + params[i + 1]))
        delta = (2 / len(y) * ((a[2] @ params[4] + params[5])[:, 0] - y))[:, None]
        found = []
        for i in (4, 2, 0):
            found = [a[i // 2].T @ delta, delta.sum(0), *found]
            delta = (delta @ params[i].T) * (1 - a[i // 2] ** 2)
        return found

    def objective(params):
        losses = []
        for task in range(TINY.tasks):
            inner = gradient(params, support_x[task], support_y[task])
            own = [p - TINY.inner_rate * g for p, g in zip(params, inner, strict=True)]
            losses.append(np.mean((forward(own, query_x[task]) - query_y[task]) ** 2))
        return np.mean(losses)

    step = 1e-5
    ends = [[p + s * step * d for p, d in zip(leaves, direction, strict=True)] for s in (1, -1)]
    expected = (objective(ends[0]) - objective(ends[1])) / (2 * step)
    found = sum((g * d).sum() for g, d in zip(made.gradient(), direction, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-3)


@pytest.mark.parametrize("sizes", [(1, 64, 64, 1), (64, 96, 32, 1)])
def test_operations_are_those_that_xla_counts(sizes):
    """Products dominate at these sizes; the rest, element by element, is what is above 1."""
    setting = Setting("wide", sizes, "relu", tasks=4, support=32, query=48)
    start = make_start(setting)
    leaves = [jnp.asarray(leaf) for leaf in start.params]
    learner = maml_iterations.make_learner(setting)
    state = learner.init(jax.random.key(0), list(zip(leaves[::2], leaves[1::2], strict=True)))
    support_x, support_y, query_x, query_y = start.tasks
    tasks = maml_iterations.episode(support_x, query_x, support_y, query_y)

    def update(state, tasks):
        state, info = learner.update(
            jax.random.key(0), state, tasks, MAMLHyper(jnp.asarray(setting.inner_rate))
        )
        return state.params, info.loss

    counted = jax.jit(update).lower(state, tasks).compile().cost_analysis()["flops"]
    assert 1 < counted / maml_iterations.meta_step_flops(setting) < 1.1


def test_another_meta_gradient_is_refused():
    made = maml_iterations.prepare("", TINY, make_start(TINY))
    gradient = [leaf.tolist() for leaf in made.gradient()]
    other = [*gradient[:-1], [2 * number for number in gradient[-1]]]
    racers = {
        name: meta_throughput.Racer(None, {"gradient": value}, 0.0, 1)
        for name, value in (("maml_iterations", gradient), ("same", gradient), ("other", other))
    }
    with pytest.raises(NmjaxError, match="other"):
        meta_throughput.check_gradients(racers)
    del racers["other"]
    meta_throughput.check_gradients(racers)


@pytest.mark.slow
def test_the_race_times_all_and_reports_those_that_cannot_run(monkeypatch, tmp_path):
    monkeypatch.setattr(meta_throughput, "ENVIRONMENTS", tmp_path)
    python = tmp_path / "maml_absent" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    how = {"repeats": 2, "seconds": 0.01, "core": 0}
    rows = meta_throughput.measure_setting(TINY, ("maml_absent",), **how)
    assert [row["implementation"] for row in rows] == ["maml_iterations", "maml_absent"]
    (ours, absent) = meta_throughput.with_shares(rows)
    assert 0 < ours["share_of_ceiling"] < 1
    assert absent == rows[1]
    assert "ended" in rows[1]["failed"]
