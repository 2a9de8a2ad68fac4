from functools import partial
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import batch_mesh
from nmjax.meta import (
    MAMLHyper,
    MetaLearner,
    ShardedSampler,
    init_training,
    maml,
    squared_error,
    train,
    train_chunk,
)
from nmjax.predictors.networks import Network


@pytest.mark.slow
def test_sinusoids_adapt_better_than_from_scratch(sinusoids):
    network = Network((32, 32), activation="tanh")
    learner = maml(squared_error(network.apply), optax.adam(1e-2), inner_steps=3)
    params, hyper, amplitudes = network.init(jax.random.key(0), 1), MAMLHyper(0.02), (0.1, 5.0)
    result = train(
        jax.random.key(1),
        params,
        amplitudes,
        sinusoids(jax.random.key(100), amplitudes, tasks=32),
        hyper,
        learner=learner,
        sample_tasks=sinusoids,
        steps=600,
        evaluate_every=50,
        patience=10,
    )
    unseen = sinusoids(jax.random.key(2), amplitudes, tasks=64)
    evaluate = jax.jit(learner.evaluate)
    scratch, learned = (np.mean(evaluate(p, unseen, hyper)) for p in (params, result.params))
    assert learned < 0.25 * scratch
    curve = result.curves.validation_loss
    np.testing.assert_allclose(result.state.best_validation_loss, np.nanmin(curve))
    best = int(np.nanargmin(curve))
    train_loss = result.curves.train_loss.reshape(12, 50)[best].mean()
    np.testing.assert_allclose(result.generalization_gap, curve[best] - train_loss, rtol=1e-3)
    assert result.state.best_step == 50 * (best + 1)


class WalkState(NamedTuple):
    params: jax.Array


class WalkInfo(NamedTuple):
    loss: jax.Array


def walk_update(key, state, tasks, hyper):
    return WalkState(state.params + hyper), WalkInfo(state.params + tasks)


# It walks past the optimum at 6 by `hyper` an update; its validation fails at `tasks`.
WALK = MetaLearner(
    init=lambda key, params: WalkState(params),
    update=walk_update,
    adapt=None,
    evaluate=lambda params, tasks, hyper: jnp.where(
        params == tasks, jnp.nan, jnp.abs(params - 6.0)
    )[None],
)


def no_noise(key, sources):
    return sources


def noise(key, sources):
    return sources * jax.random.uniform(key)


def walk(key=None, start=0.0, fails_at=-1.0, sample_tasks=no_noise, **options):
    return train(
        jax.random.key(0) if key is None else key,
        jnp.asarray(start),
        jnp.asarray(0.0 if sample_tasks is no_noise else 1.0),
        jnp.asarray(fails_at),
        jnp.asarray(1.0),
        sample_tasks=sample_tasks,
        **{"learner": WALK, "steps": 20, "evaluate_every": 2, "patience": 2, **options},
    )


def test_early_stopping_keeps_the_best_and_freezes():
    result = walk()
    np.testing.assert_array_equal(result.curves.validation_loss, [4, 2, 0, 2, 4, *[np.nan] * 5])
    np.testing.assert_array_equal(result.curves.train_loss[:10], np.arange(10))
    assert np.isnan(result.curves.train_loss[10:]).all()
    np.testing.assert_array_equal([result.params, result.state.best_step], 6)
    np.testing.assert_array_equal([result.state.learner.params, result.step], 10)
    np.testing.assert_allclose(result.generalization_gap, 0 - 4.5)


def test_an_improvement_resets_the_count_of_stale_evaluations():
    losses = jnp.array([4.0, 5.0, 2.0, 3.0, 1.0, 2.0, 2.0, 0.0])
    uneven = WALK._replace(
        evaluate=lambda params, tasks, hyper: losses[params.astype(int) - 1][None]
    )
    result = walk(learner=uneven, evaluate_every=1, steps=8)
    np.testing.assert_array_equal(result.curves.validation_loss, [4, 5, 2, 3, 1, 2, 2, np.nan])
    assert result.state.best_step == 5


def test_patience_outlasting_the_steps_never_freezes():
    result = walk(patience=20)
    assert result.step == 20
    assert result.params == 6


def test_each_run_of_a_batch_stops_by_itself():
    result = jax.vmap(lambda start: walk(start=start))(jnp.array([0.0, -4.0, 100.0]))
    np.testing.assert_array_equal(result.step, [10, 14, 6])
    np.testing.assert_array_equal(result.params, [6, 6, 102])


@pytest.mark.slow
def test_vmapped_keys_are_looped_keys():
    def losses(key, start):
        return walk(key, start, sample_tasks=noise).curves.train_loss

    starts = jnp.array([0.0, 4.0])
    many = jax.vmap(losses)(jax.random.split(jax.random.key(0), 2), starts)
    looped = [
        losses(key, start)
        for key, start in zip(jax.random.split(jax.random.key(0), 2), starts, strict=True)
    ]
    np.testing.assert_allclose(many, looped, rtol=1e-6)


def test_a_failed_evaluation_is_never_the_best():
    result = walk(fails_at=6.0, patience=9)
    assert result.params == 4
    np.testing.assert_array_equal(np.isnan(result.curves.validation_loss)[:4], [0, 0, 1, 0])


def test_draws_depend_only_on_the_key():
    one, same, other = (
        walk(jax.random.key(seed), sample_tasks=noise, patience=9) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one.curves.train_loss, same.curves.train_loss)
    assert (one.curves.train_loss != other.curves.train_loss).all()
    assert len(np.unique(one.curves.train_loss % 1)) == 20


def test_chunks_make_the_same_run_and_trace_once():
    traces = []

    def counted(key, sources):
        traces.append(None)
        return noise(key, sources)

    state = init_training(jax.random.key(3), jnp.asarray(0.0), learner=WALK)
    data = (jnp.asarray(1.0), jnp.asarray(-1.0), jnp.asarray(1.0))
    losses = []
    for _ in range(5):
        state, curves = train_chunk(
            state,
            *data,
            learner=WALK,
            sample_tasks=counted,
            steps=4,
            evaluate_every=2,
            patience=9,
        )
        losses.extend(curves.train_loss)
    whole = walk(jax.random.key(3), sample_tasks=noise, patience=9)
    np.testing.assert_allclose(losses, whole.curves.train_loss, rtol=1e-6)
    np.testing.assert_array_equal(state.best_params, whole.params)
    assert state.step == whole.step == 20
    assert len(traces) == 1


@pytest.mark.parametrize(
    "options", [{"steps": 5}, {"steps": 0}, {"patience": 0}, {"evaluate_every": 0}]
)
def test_invalid_arguments_are_refused(options):
    with pytest.raises(NmjaxError, match="multiple of evaluate_every"):
        walk(**options)


def test_a_validation_loss_that_stays_the_same_is_no_improvement():
    constant = WALK._replace(evaluate=lambda params, tasks, hyper: jnp.ones(1))
    result = walk(learner=constant)
    assert result.step == 6
    assert result.state.best_step == 2
    assert result.params == 2


def test_the_validation_loss_is_the_mean_over_tasks():
    of_three = WALK._replace(evaluate=lambda params, tasks, hyper: jnp.array([1.0, 2.0, 6.0]))
    np.testing.assert_array_equal(walk(learner=of_three).curves.validation_loss[:3], 3)


def test_the_update_draws_from_another_key_than_the_tasks():
    def update(key, state, tasks, hyper):
        return state, WalkInfo(jnp.abs(tasks - jax.random.uniform(key)))

    result = walk(sample_tasks=noise, patience=20, learner=WALK._replace(update=update))
    assert (result.curves.train_loss > 1e-4).all()


@pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")
def test_tasks_over_devices_train_as_on_one(sinusoids):
    network = Network((8,), activation="tanh")
    learner = maml(squared_error(network.apply), optax.adam(1e-2), inner_steps=1)
    params, hyper, amplitudes = network.init(jax.random.key(0), 1), MAMLHyper(0.02), (0.1, 5.0)
    begin = init_training(jax.random.key(1), params, learner=learner)
    validation = sinusoids(jax.random.key(100), amplitudes, tasks=4)
    sample = partial(sinusoids, tasks=8)

    def chunk(sample_tasks):
        options = {"steps": 6, "evaluate_every": 3, "patience": 2}
        return train_chunk.lower(
            begin,
            amplitudes,
            validation,
            hyper,
            learner=learner,
            sample_tasks=sample_tasks,
            **options,
        ).compile()

    alone, sharded = chunk(sample), chunk(ShardedSampler(sample, batch_mesh()))
    (state, curves), (sharded_state, sharded_curves) = (
        compiled(begin, amplitudes, validation, hyper) for compiled in (alone, sharded)
    )
    np.testing.assert_allclose(sharded_curves.train_loss, curves.train_loss, rtol=1e-4)
    chex.assert_trees_all_close(sharded_state.learner.params, state.learner.params, rtol=1e-3)
    program = sharded.as_text()
    assert program.count(" all-reduce(") == 1, "The meta-gradient is averaged at once."
    assert " all-gather(" not in program
