import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import (
    MAMLHyper,
    ProbabilisticLearner,
    ensemble,
    init_noise,
    maml,
    negative_log_density,
    noisy,
    query,
    support,
)

HYPER = MAMLHyper(jnp.asarray(0.02))


@pytest.fixture
def member(small):
    predict = noisy(small[1])
    learner = maml(negative_log_density(predict), optax.adam(1e-2), inner_steps=2)
    return ProbabilisticLearner(*learner, predict=predict)


@pytest.fixture
def params(small):
    scales = jnp.array([0.5, 1.0, 2.0])
    return jax.vmap(lambda s: init_noise(jax.tree.map(lambda leaf: s * leaf, small[0])))(scales)


@pytest.fixture
def tasks(sinusoids):
    return sinusoids(jax.random.key(1), (0.5, 2.0), tasks=2, size=4)


def alone(tree, k):
    return jax.tree.map(lambda leaf: leaf[k], tree)


@pytest.mark.slow
def test_members_learn_and_adapt_as_if_alone(member, params, tasks):
    together = ensemble(member)
    state = together.init(jax.random.key(0), params)
    after, info = jax.jit(together.update)(jax.random.key(0), state, tasks, HYPER)
    adaptation = jax.jit(together.adapt)(params, support(alone(tasks, 0)), HYPER)
    update, adapt, losses = jax.jit(member.update), jax.jit(member.adapt), []
    for k in range(3):
        start = member.init(jax.random.key(0), alone(params, k))
        expected, own = update(jax.random.key(0), start, tasks, HYPER)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
            alone(after, k),
            expected,
        )
        losses.append(own.loss)
        adapted = adapt(alone(params, k), support(alone(tasks, 0)), HYPER).params
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
            alone(adaptation.params, k),
            adapted,
        )
    np.testing.assert_allclose(info.loss, np.mean(losses), rtol=1e-4)
    assert adaptation.losses.shape == (3,)


@pytest.mark.slow
def test_predictions_have_the_moments_of_draws_from_members(member, params, tasks):
    task = alone(tasks, 0)
    together = ensemble(member)
    adapted = jax.jit(together.adapt)(params, support(task), HYPER).params
    mean, std = together.predict(adapted, query(task).x)
    means, stds = np.stack(
        [member.predict(alone(adapted, k), query(task).x) for k in range(3)], axis=1
    )
    rng = np.random.default_rng(0)
    which = rng.integers(3, size=100_000)
    draws = means[which] + stds[which] * rng.normal(size=(100_000, 4))
    np.testing.assert_allclose(mean, draws.mean(0), atol=0.03)
    np.testing.assert_allclose(std, draws.std(0), rtol=0.02)
    assert (np.asarray(std) > stds.mean(0)).all()


@pytest.mark.parametrize("lead", [(), (1,)])
def test_fewer_than_two_members_are_refused(member, params, lead):
    few = jax.tree.map(lambda leaf: jnp.zeros(lead), params)
    with pytest.raises(NmjaxError, match="K members"):
        ensemble(member).init(jax.random.key(0), few)
