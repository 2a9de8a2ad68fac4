import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import special, stats

from nmjax import spaces

SPACE = spaces.get_space("nas-bench-graph-proteins")
MASK = np.asarray(spaces.option_mask(SPACE))
LOGITS = np.random.default_rng(0).normal(scale=2, size=MASK.shape).astype(np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=MASK.shape).astype(np.float32)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_softmax_agrees_with_scipy_on_the_options_that_exist(temperature):
    found = np.asarray(spaces.softmax_relaxation(LOGITS, temperature, MASK))
    for row, count in enumerate(SPACE.num_options):
        expected = special.softmax(LOGITS[row, :count].astype(np.float64) / temperature)
        np.testing.assert_allclose(found[row, :count], expected, rtol=2e-5, atol=1e-7)
        np.testing.assert_array_equal(found[row, count:], 0)


@pytest.mark.parametrize("fill", [np.nan, np.inf, -np.inf, 1e30])
def test_nothing_leaks_from_options_that_do_not_exist(fill):
    logits = np.where(MASK, LOGITS, np.float32(fill))

    def score(logits, temperature):
        return jnp.sum(
            WEIGHTS * spaces.gumbel_softmax(jax.random.key(2), logits, temperature, MASK)
        )

    evaluate = jax.jit(jax.value_and_grad(score, argnums=(0, 1)))
    value, gradients = evaluate(logits, 0.7)
    expected, clean = evaluate(LOGITS, 0.7)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(gradients[0], clean[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradients[1], clean[1], rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(gradients[0])[~MASK], 0)
    assert np.abs(gradients[0]).max() > 0


def test_a_logit_of_minus_infinity_bars_an_option():
    logits = LOGITS.copy()
    logits[0, 2] = -np.inf

    def score(logits, temperature):
        probabilities = spaces.softmax_relaxation(logits, temperature, MASK)
        return jnp.sum(WEIGHTS * probabilities), probabilities

    evaluate = jax.jit(jax.grad(score, argnums=(0, 1), has_aux=True))
    gradients, probabilities = evaluate(logits, 0.5)
    assert probabilities[0, 2] == 0
    assert gradients[0][0, 2] == 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_gradients_agree_with_finite_differences():
    def soft(logits, temperature):
        return spaces.softmax_relaxation(logits, temperature, MASK)

    def gumbel(logits, temperature):
        return spaces.gumbel_softmax(jax.random.key(3), logits, temperature, MASK)

    with jax.enable_x64(True):
        arguments = (jnp.asarray(LOGITS, jnp.float64), jnp.float64(0.8))
        check_grads(jax.jit(soft), arguments, order=1)
        check_grads(jax.jit(gumbel), arguments, order=1)


def test_straight_through_is_hard_forwards_and_soft_backwards():
    def score(relax, logits):
        return jnp.sum(WEIGHTS * relax(jax.random.key(4), logits, 0.6, MASK))

    logits = np.stack([LOGITS, -LOGITS])
    hard = np.asarray(spaces.straight_through(jax.random.key(4), logits, 0.6, MASK))
    np.testing.assert_array_equal(hard.max(axis=-1), 1)
    np.testing.assert_array_equal(np.sum(hard != 0, axis=-1), 1)
    gradient = jax.jit(jax.grad(score, argnums=1), static_argnums=0)
    soft_gradient = gradient(spaces.gumbel_softmax, LOGITS)
    hard_gradient = gradient(spaces.straight_through, LOGITS)
    np.testing.assert_allclose(hard_gradient, soft_gradient, rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.3, 5.0])
def test_gumbel_softmax_picks_options_by_their_softmax(temperature):
    logits = np.broadcast_to(0.5 * LOGITS, (6000, *LOGITS.shape))
    draws = spaces.gumbel_softmax(jax.random.key(5), logits, temperature, MASK)
    np.testing.assert_allclose(np.sum(draws, axis=-1), 1, rtol=1e-5)
    picked = np.asarray(spaces.discretize(draws))
    for choice, count in enumerate(SPACE.num_options):
        expected = special.softmax(0.5 * LOGITS[choice, :count].astype(np.float64))
        counts = np.bincount(picked[:, choice], minlength=count)
        assert len(counts) == count
        assert stats.chisquare(counts, 6000 * expected).pvalue > 1e-3


def test_temperature_is_traced_and_may_be_vmapped():
    traces = []

    @jax.jit
    def relax(temperature):
        traces.append(None)
        return spaces.softmax_relaxation(LOGITS, temperature, MASK)

    temperatures = np.float32([0.2, 1.0, 4.0])
    one_by_one = np.stack([relax(temperature) for temperature in temperatures])
    assert len(traces) == 1
    batched = jax.vmap(lambda t: spaces.softmax_relaxation(LOGITS, t, MASK))(temperatures)
    np.testing.assert_allclose(batched, one_by_one, rtol=1e-6, atol=1e-8)
    largest = np.asarray(batched).max(-1)
    assert (largest[0] > largest[1]).all()
    assert (largest[1] > largest[2]).all()


def test_relaxations_agree_without_jit():
    compiled = spaces.straight_through(jax.random.key(7), LOGITS, 0.4, MASK)
    with jax.disable_jit():
        eager = spaces.straight_through(jax.random.key(7), LOGITS, 0.4, MASK)
    np.testing.assert_array_equal(eager, compiled)


def test_discretize_undoes_a_one_hot():
    architecture = np.random.default_rng(6).integers(SPACE.num_options, size=(9, 5))
    one_hot = np.eye(SPACE.max_options)[architecture]
    found = spaces.discretize(one_hot)
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(found, architecture)
