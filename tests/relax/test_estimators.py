"""Gradient estimators against exact gradients by enumeration."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import relax
from nmjax.errors import NmjaxError
from nmjax.relax import Strengths
from nmjax.spaces import Choice, Real, Space, when
from nmjax.testing.compare import Counted

SPACE = Space(
    "small", op=["conv", "pool", "skip"], bias=[False, True], kernel=when([3, 5], op="conv")
)
ODD = Space.build(
    "odd",
    [Choice("a", (0, 1, 2)), Choice("b", (0, 1)), Choice("c", (0, 1))],
    valid=lambda architecture: architecture.sum(axis=-1) % 2 == 1,
)
LOGITS = np.float32([[0.5, -0.5, 1.0], [0.2, -0.3, 0.0], [-1.0, 0.7, 0.0]])
TABLE = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
STRENGTHS = Strengths(jnp.asarray(LOGITS), jnp.zeros(0))


def objective(soft):
    """Not multilinear in the weights."""
    return jnp.square(1.0 + jnp.sum(jnp.asarray(TABLE) * soft.weights))


def by_loops(space, logits):
    """Expectation over the valid architectures, in float64."""
    total = mass = 0.0
    for index in np.ndindex(*space.num_options):
        if space.valid is not None and not bool(space.valid(np.array(index))):
            continue
        probability = 1.0
        for choice, option in enumerate(index):
            row = np.exp(logits[choice, : space.num_options[choice]].astype(np.float64))
            probability *= row[option] / row.sum()
        options = list(index)
        if space is SPACE and index[0] != 0:
            options[2] = 0
        value = (1.0 + sum(float(TABLE[c, o]) for c, o in enumerate(options))) ** 2
        total, mass = total + probability * value, mass + probability
    return total / mass


@pytest.mark.parametrize("space", [SPACE, ODD], ids=["conditional", "valid"])
def test_enumeration_agrees_with_loops_and_finite_differences(space):
    evaluate = jax.jit(partial(relax.Enumeration(space).value_and_grad, objective=objective))
    estimate = evaluate(jax.random.key(0), STRENGTHS, (), temperature=1.0)
    np.testing.assert_allclose(estimate.value, by_loops(space, LOGITS), rtol=1e-5)
    for choice, count in enumerate(space.num_options):
        for option in range(3):
            step = np.zeros((3, 3), np.float64)
            step[choice, option] = 1e-5
            slope = (by_loops(space, LOGITS + step) - by_loops(space, LOGITS - step)) / 2e-5
            expected = slope if option < count else 0.0
            np.testing.assert_allclose(
                estimate.gradient.logits[choice, option], expected, atol=2e-5
            )


def averaged(estimator, calls, temperature=0.5, state=None):
    """Mean and standard error of the logits' gradients, and the mean value."""
    state = estimator.init(STRENGTHS) if state is None else state

    def one(key):
        estimate = estimator.value_and_grad(key, STRENGTHS, state, objective, temperature)
        return estimate.value, estimate.gradient.logits

    counted = Counted(lambda keys: jax.vmap(one)(keys))
    values, gradients = counted(jax.random.split(jax.random.key(1), calls))
    gradients = np.asarray(gradients, np.float64)
    return np.mean(values), gradients.mean(axis=0), gradients.std(axis=0) / np.sqrt(calls)


UNBIASED = {
    "leave-one-out": relax.ScoreFunction(SPACE, draws=4),
    "leave-one-out, valid": relax.ScoreFunction(ODD, draws=3),
    "moving": relax.ScoreFunction(SPACE, draws=1, baseline="moving"),
    "none": relax.ScoreFunction(SPACE, draws=1, baseline="none"),
    "rebar": relax.Rebar(SPACE, draws=1),
    "relax": relax.Relax(SPACE, draws=1),
}


@pytest.mark.parametrize("name", UNBIASED)
def test_score_functions_are_unbiased(name):
    estimator = UNBIASED[name]
    exact = jax.jit(
        partial(relax.Enumeration(estimator.space).value_and_grad, objective=objective)
    )(jax.random.key(0), STRENGTHS, (), temperature=1.0)
    state = None
    if name == "moving":
        state = relax.MovingBaseline(jnp.float32(1.2), jnp.float32(0.5))
    if name == "relax":
        network, opt_state = estimator.init(STRENGTHS)
        state = network._replace(output=jnp.linspace(-1.0, 1.0, 16)), opt_state
    value, mean, error = averaged(estimator, 20_000, state=state)
    np.testing.assert_allclose(value, exact.value, rtol=0.05)
    assert (np.abs(mean - exact.gradient.logits) <= 4.5 * error + 1e-5).all()
    assert np.abs(exact.gradient.logits).max() > 20 * error.max()
    missing = np.arange(3)[None, :] >= np.array(estimator.space.num_options)[:, None]
    assert not mean[missing].any()


def test_pathwise_gradients_of_a_multilinear_objective_are_exact():
    def linear(soft):
        return jnp.sum(jnp.asarray(TABLE) * soft.weights)

    plain = Space(op=["conv", "pool", "skip"], bias=[False, True], kernel=[3, 5])
    exact = relax.Enumeration(plain).value_and_grad(jax.random.key(0), STRENGTHS, (), linear, 1.0)
    found = relax.Pathwise(relax.Softmax(plain)).value_and_grad(
        jax.random.key(0), STRENGTHS, (), linear, 1.0
    )
    np.testing.assert_allclose(found.gradient.logits, exact.gradient.logits, atol=1e-6)


def test_control_variates_reduce_the_variance():
    spread = {name: averaged(UNBIASED[name], 2000)[2].sum() for name in ("none", "moving", "rebar")}
    spread["moving"] = averaged(
        UNBIASED["moving"], 2000, state=relax.MovingBaseline(jnp.float32(1.2), jnp.float32(0.5))
    )[2].sum()
    assert spread["rebar"] < 0.8 * spread["none"]
    assert spread["moving"] < spread["none"]


def follow(estimator, state, steps):
    """The last state, and the squared norm of the gradient at each step."""

    def step(state, key):
        estimate = estimator.value_and_grad(key, STRENGTHS, state, objective, 0.5)
        return estimate.state, jnp.sum(jnp.square(estimate.gradient.logits))

    keys = jax.random.split(jax.random.key(3), steps)
    return jax.jit(partial(jax.lax.scan, step))(state, keys)


def test_the_moving_baseline_is_the_mean_of_the_objective():
    estimator = relax.ScoreFunction(SPACE, draws=200, baseline="moving", decay=0.95)
    state, _ = follow(estimator, estimator.init(STRENGTHS), 60)
    np.testing.assert_allclose(state.total / state.weight, by_loops(SPACE, LOGITS), rtol=0.05)


@pytest.mark.slow
def test_relax_learns_its_control_variate():
    estimator = relax.Relax(SPACE, draws=16, rate=0.02)
    start = estimator.init(STRENGTHS)
    learned, _ = follow(estimator, start, 400)
    single = relax.Relax(SPACE)
    before, after = (averaged(single, 2000, state=state)[2] for state in (start, learned))
    assert after.sum() < 0.8 * before.sum()


@pytest.mark.slow
def test_rebar_learns_its_control_variate():
    estimator = relax.Rebar(SPACE, draws=16, rate=0.05)
    control, opt_state = estimator.init(STRENGTHS)
    wrong = control._replace(scale=jnp.float32(-3.0))
    (learned, _), norms = follow(estimator, (wrong, opt_state), 150)
    assert learned.scale > 0
    assert np.mean(norms[-50:]) < 0.7 * np.mean(norms[:50])


def test_real_values_get_the_gradient_of_the_objective():
    space = Space(op=["conv", "skip"], rate=Real(0.0, 2.0))
    strengths = Strengths(jnp.zeros((1, 2)), jnp.asarray([0.5]))

    def product(soft):
        return soft.weights[0, 1] * soft.continuous[0]

    for estimator, tolerance in (
        (relax.Enumeration(space), 1e-5),
        (relax.ScoreFunction(space, draws=4000), 0.1),
    ):
        evaluate = jax.jit(partial(estimator.value_and_grad, objective=product, temperature=1.0))
        found = evaluate(jax.random.key(0), strengths, estimator.init(strengths))
        expected = [0.5 * (1 - np.tanh(0.5) ** 2)]
        np.testing.assert_allclose(found.gradient.position, expected, rtol=tolerance)


@pytest.mark.parametrize(
    "make",
    [
        partial(relax.ScoreFunction, SPACE, draws=1),
        partial(relax.ScoreFunction, SPACE, baseline="median"),
        partial(relax.ScoreFunction, ODD, baseline="none"),
        partial(relax.Rebar, ODD),
        partial(relax.Rebar, SPACE, rate=-1.0),
        partial(relax.Relax, ODD),
        partial(relax.Relax, SPACE, hidden=0),
        partial(relax.Pathwise, relax.Softmax(SPACE), draws=0),
        partial(relax.Enumeration, Space(**{f"c{i}": list(range(10)) for i in range(6)})),
    ],
)
def test_settings_are_checked(make):
    with pytest.raises(NmjaxError):
        make()
