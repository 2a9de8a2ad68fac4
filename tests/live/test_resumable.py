"""Searches by epochs that train for real, and studies that train from outside."""

import jax
import numpy as np
import pytest

from nmjax import LearnConfig, Study, learn, sample_suite
from nmjax.live import (
    LiveEvaluation,
    LiveTraining,
    MLPFamily,
    TrainingConfig,
    live_pool,
    load_task,
    make_target,
    split_architecture,
    train_children,
    training_space,
)
from nmjax.search import Hyperband, SuccessiveHalving, run_epochs
from nmjax.spaces import Choice, Ordinal, enumerate_architectures
from tests.live.plain import small_data

FAMILY = MLPFamily(4, 3, widths=(2, 4), depths=(1,), activations=("relu",))
CONFIG = TrainingConfig(optimizer="sgd", epochs=4, batch_size=8)
SPACE = training_space(FAMILY, learning_rate=Ordinal(0.01, 0.1, 1e30))


def problem_of(space):
    pool = enumerate_architectures(space)
    return live_pool(space, pool, make_target(jax.random.key(0), small_data(), CONFIG))


@pytest.fixture(scope="module")
def searched():
    problem = problem_of(SPACE)
    search = SuccessiveHalving(
        width=4, eta=2, capacity=6, training=LiveTraining(FAMILY, SPACE, CONFIG)
    )
    return problem, *run_epochs(jax.random.key(1), problem, search, epochs=14)


def check_scores(problem, state, evaluate):
    """Children trained to the end have the scores of trainings without interruption."""
    record = state.record
    ended = np.flatnonzero(record.epochs == CONFIG.epochs)
    assert len(ended)
    for child in ended:
        score = evaluate(problem, record.row[child])
        np.testing.assert_allclose(record.curve[child, -1], score, atol=1e-6)


def test_a_promoted_child_has_the_score_of_an_uninterrupted_training(searched):
    problem, state, trace = searched
    row, epoch = np.asarray(trace.row), np.asarray(trace.epoch)
    assert ((np.diff(row) != 0) & (epoch[1:] > 1)).any()
    check_scores(problem, state, jax.jit(LiveEvaluation(FAMILY, SPACE, CONFIG)))


def test_diverged_children_are_not_trained_on(searched):
    problem, state, _ = searched
    record = state.record
    diverges = np.asarray(problem.architectures[record.row, -1] == 2)
    children = np.arange(len(diverges)) < int(record.number)
    assert (diverges & children).any()
    np.testing.assert_array_equal(record.failed, diverges & children)
    assert (record.epochs[diverges & children] == 1).all()


@pytest.mark.slow
def test_each_child_is_resumed_with_its_own_optimizer(unoptimized):
    space = SPACE.replace(choices=(*SPACE.choices, Choice("optimizer", ("sgd", "adamw"))))
    problem = problem_of(space)
    search = Hyperband(eta=2, capacity=8, training=LiveTraining(FAMILY, space, CONFIG))
    keys = jax.random.split(jax.random.key(0), 2)
    states, _ = run_epochs(keys, problem, search, epochs=20)
    evaluate = jax.jit(LiveEvaluation(FAMILY, space, CONFIG))
    kinds = set()
    for number in range(2):
        state = jax.tree.map(lambda leaf, number=number: leaf[number], states)
        check_scores(problem, state, evaluate)
        ended = state.record.epochs == CONFIG.epochs
        kinds |= set(np.asarray(problem.architectures[state.record.row[ended], -1]).tolist())
    assert kinds == {0, 1}


@pytest.mark.slow
def test_a_study_with_the_shipped_past_trains_from_outside(unoptimized):
    past = sample_suite(jax.random.key(0), "live-mlp", tasks=("wine", "diabetes-2"), evaluations=20)
    config = LearnConfig(network=False, kernel_steps=2, prior_steps=2)
    study = Study(learn(past, config=config), budget=4)
    task = load_task("iris", max_train=40)
    family = MLPFamily(task.inputs, task.classes)
    for trial in study:
        architecture, _ = study.space.from_config(trial.config)
        own, hyper = split_architecture(study.space, family, architecture)
        settings = TrainingConfig(trial.config["optimizer"], epochs=2, batch_size=20)
        result = train_children(
            jax.random.key(1), family, own[None], task.data, hyper, config=settings
        )
        study.tell(trial, float(result.score[0]))
    assert study.is_finished
    assert study.best.value == max(trial.value for trial in study.trials if trial.value is not None)
    assert len({tuple(trial.config.items()) for trial in study.trials}) == 4
