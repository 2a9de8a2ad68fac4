"""A neural process that `learn` meta-trains, and that searches use as a component."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import LearnConfig, learn_from_history
from nmjax.knowledge.process_training import process_learner, train_process
from nmjax.knowledge.standardized_past import standardize_past
from nmjax.meta import Batch
from nmjax.search import BayesianSearch, make_problem, run_batch
from nmjax.spaces import Space
from nmjax.storage import deserialize_knowledge, serialize_knowledge
from nmjax.tasks import make_history
from tests.related import CONFIG, METRIC, SPACE, related_history, related_tasks

BRIEF = replace(CONFIG, network=False, kernel_steps=2, prior_steps=2, process_steps=4)


def learn_briefly(**settings):
    history = jax.tree.map(lambda leaf: leaf[:-1], related_history())
    config = replace(BRIEF, **settings)
    return learn_from_history(jax.random.key(0), history, METRIC, space=SPACE, config=config)


def test_a_process_is_learned_on_request_and_changes_nothing_else():
    knowledge, info = learn_briefly()
    assert knowledge.process is None
    assert info.process_loss is None
    asked, info = learn_briefly(process=True)
    assert np.all(np.isfinite(info.process_loss))
    for ours, theirs in zip(
        jax.tree.leaves(knowledge), jax.tree.leaves(asked.replace(process=None)), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_search_uses_the_process_also_after_it_was_saved():
    knowledge, _ = learn_briefly(process=True)
    tasks, keys = related_tasks(), jax.random.split(jax.random.key(0), 2)
    rows = []
    for known in (knowledge, deserialize_knowledge(serialize_knowledge(knowledge))):
        problem = make_problem(SPACE, tasks.pool, tasks.scores[-1], known)
        assert len(problem.learned) == 1
        state, trace = run_batch(keys, problem, BayesianSearch(capacity=5), steps=5)
        assert np.all(state.relative_evidence != 0)
        rows.append(trace.row)
    np.testing.assert_array_equal(*rows)


@pytest.mark.parametrize("process", [1, "yes"])
def test_an_unknown_setting_is_refused(process):
    with pytest.raises(NmjaxError, match="process"):
        LearnConfig(process=process)


def test_one_task_is_too_few():
    history = jax.tree.map(lambda leaf: leaf[:1], related_history())
    config = replace(BRIEF, process=True)
    with pytest.raises(NmjaxError, match="needs two"):
        learn_from_history(jax.random.key(0), history, METRIC, space=SPACE, config=config)


@pytest.mark.slow
def test_a_process_infers_the_kind_of_a_new_task_from_five_evaluations():
    """Half of the tasks increase, the others decrease, which no evaluation-free model can tell."""
    rng = np.random.default_rng(0)
    space = Space(a=list(range(12)), b=list(range(5)))
    rows = np.stack([rng.permutation(60)[:40] for _ in range(40)])
    pool = np.stack(np.unravel_index(np.arange(60), (12, 5)), -1)
    sign = np.where(np.arange(40) % 2, 1.0, -1.0)[:, None]
    scores = sign * pool[rows][..., 0] + 0.1 * rng.normal(size=rows.shape)
    history = make_history(pool[rows], {"score": scores.astype(np.float32)}, space=space)
    past = standardize_past(history, space=space, metric=METRIC)
    trained = train_process(jax.random.key(0), past, steps=1500)
    assert trained.loss[1] < 0.9  # Of a standard normal distribution: about 1.5.
    learner = process_learner(1500)
    for task in (0, 1):
        batch = Batch(past.x[task, :5], past.y[task, :5], jnp.ones(5, bool))
        adapted = learner.adapt(trained.params, batch, None).params
        predicted = learner.predict(adapted, past.x[task, 5:]).mean
        assert np.corrcoef(predicted, past.y[task, 5:])[0, 1] > 0.8
