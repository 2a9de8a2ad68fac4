"""One conformance test over all relaxations, and what distinguishes them."""

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from nmjax import relax
from nmjax.errors import NmjaxError
from nmjax.relax import Strengths
from nmjax.spaces import Choice, Ordinal, Real, Space, canonicalize, option_mask, when
from nmjax.testing import check_relaxation


def is_allowed(architecture):
    return (architecture[..., 0] != 0) | (architecture[..., 1] != 0)


SPACE = Space(
    "everything",
    op=["conv", "pool", "skip"],
    width=Ordinal(16, 32, 64, 128, log=True),
    kernel=when([3, 5], op="conv"),
    rate=Real(1e-4, 1e-1, log=True),
    decay=when(Real(0.0, 1.0), kernel=5),
).replace(valid=is_allowed)
MASK = np.asarray(option_mask(SPACE))
LOGITS = np.random.default_rng(0).normal(scale=2, size=MASK.shape).astype(np.float32)
STRENGTHS = Strengths(jnp.asarray(LOGITS), jnp.asarray([0.5, -0.5], jnp.float32))
MEMBERS = {
    "softmax": relax.Softmax(SPACE),
    "gumbel-softmax": relax.GumbelSoftmax(SPACE),
    "straight-through": relax.StraightThrough(relax.GumbelSoftmax(SPACE)),
    "sparsemax": relax.Sparsemax(SPACE),
    "entmax": relax.Entmax(SPACE),
    "gates": relax.SigmoidGates(SPACE),
    "dirichlet": relax.DirichletRelaxation(SPACE),
    "topk": relax.SmoothTopK(SPACE, k=1),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n == "dirichlet" else n for n in MEMBERS],
)
def test_conformance(name):
    check_relaxation(MEMBERS[name], jax.random.key(0), one_hot_limit=name != "gates")


def test_conformance_sees_a_relaxation_that_ignores_missing_options():
    class Leaking(relax.Softmax):
        def soften(self, logits, temperature):
            return jax.nn.softmax(logits / temperature)

    with pytest.raises(AssertionError, match="missing option has a weight"):
        check_relaxation(Leaking(SPACE), jax.random.key(0))


def test_settings_are_checked():
    with pytest.raises(NmjaxError, match="give"):
        relax.SmoothTopK(SPACE, k=0)
    with pytest.raises(NmjaxError, match="give"):
        relax.strengths_at(SPACE, np.zeros(3, np.int32), np.float32([0.01, 0.5]), share=1.0)


def test_straight_through_is_hard_forwards_and_soft_backwards():
    weights = np.random.default_rng(1).normal(size=MASK.shape).astype(np.float32)
    space = SPACE.replace(choices=[Choice(c.name, c.options) for c in SPACE.choices], continuous=())
    soft = relax.GumbelSoftmax(space)
    strengths = Strengths(jnp.stack([LOGITS, -LOGITS]), jnp.zeros((2, 0)))

    def score(relaxation, strengths):
        drawn = relaxation.sample(jax.random.key(4), strengths, 0.6).weights
        return jnp.sum(jnp.asarray(weights) * drawn[0]), drawn

    gradient = jax.jit(jax.grad(score, argnums=1, has_aux=True), static_argnums=0)
    soft_gradient, _ = gradient(soft, strengths)
    hard_gradient, hard = gradient(relax.StraightThrough(soft), strengths)
    np.testing.assert_array_equal(np.asarray(hard).max(axis=-1), 1)
    np.testing.assert_array_equal(np.sum(np.asarray(hard) != 0, axis=-1), 1)
    np.testing.assert_allclose(hard_gradient.logits, soft_gradient.logits, rtol=1e-6)
    assert np.abs(hard_gradient.logits).max() > 0


def test_inactive_hard_choices_are_constant():
    relaxation = relax.StraightThrough(relax.Softmax(SPACE))

    def total(strengths):
        soft = relaxation.sample(jax.random.key(0), strengths, 1.0)
        return jnp.sum(soft.weights[2] * jnp.asarray([1.0, 2.0, 0.0, 0.0])) + soft.continuous[
            1
        ], soft

    inactive = STRENGTHS._replace(logits=jnp.asarray(LOGITS).at[0, 2].set(9.0))
    active = STRENGTHS._replace(logits=jnp.asarray(LOGITS).at[0, 0].set(9.0).at[2, 1].set(9.0))
    gradient = jax.jit(jax.grad(total, has_aux=True))
    slopes, soft = gradient(inactive)
    assert not np.asarray(slopes.logits[2]).any()
    assert slopes.position[1] == 0
    np.testing.assert_array_equal(soft.weights[2], [1, 0, 0, 0])
    assert soft.continuous[1] == 0
    slopes, soft = gradient(active)
    assert np.asarray(slopes.logits[2]).any()
    assert slopes.position[1] > 0


def test_gumbel_softmax_picks_options_by_their_softmax():
    logits = np.broadcast_to(0.5 * LOGITS, (6000, *LOGITS.shape))
    space = SPACE.replace(choices=[Choice(c.name, c.options) for c in SPACE.choices], continuous=())
    strengths = Strengths(jnp.asarray(logits), jnp.zeros((6000, 0)))
    draws = relax.GumbelSoftmax(space).sample(jax.random.key(5), strengths, 0.3)
    picked = np.argmax(draws.weights, axis=-1)
    for choice, count in enumerate(SPACE.num_options):
        expected = special.softmax(0.5 * LOGITS[choice, :count].astype(np.float64))
        counts = np.bincount(picked[:, choice], minlength=count)
        assert len(counts) == count
        assert stats.chisquare(counts, 6000 * expected).pvalue > 1e-3


def test_dirichlet_draws_have_the_moments_of_the_distribution_and_implicit_gradients():
    space = Space(op=["a", "b", "c"])
    logits = jnp.asarray([[0.5, -0.5, 2.0]])
    relaxation = relax.DirichletRelaxation(space)
    alpha = np.where(logits > 0, logits + 1, np.exp(logits))[0]
    expected = stats.dirichlet(alpha)

    def mean_of_first(logits):
        wide = Strengths(jnp.broadcast_to(logits, (40_000, 1, 3)), jnp.zeros((40_000, 0)))
        draws = relaxation.sample(jax.random.key(0), wide, 1.0).weights[:, 0]
        return jnp.mean(draws[:, 0]), (jnp.mean(draws, axis=0), jnp.var(draws, axis=0))

    evaluate = jax.jit(jax.value_and_grad(mean_of_first, has_aux=True))
    (_, (mean, variance)), gradient = evaluate(logits)
    np.testing.assert_allclose(mean, expected.mean(), atol=0.01)
    np.testing.assert_allclose(variance, expected.var(), atol=0.005)
    total = alpha.sum()
    of_alpha = np.array([total - alpha[0], -alpha[0], -alpha[0]]) / total**2
    of_logits = of_alpha * np.where(logits[0] > 0, 1, np.exp(logits[0]))
    np.testing.assert_allclose(gradient[0], of_logits, atol=0.01)


def test_most_probable_agrees_with_brute_force():
    space = Space.build(
        "odd",
        [Choice("a", (0, 1, 2)), Choice("b", (0, 1)), Choice("c", (0, 1, 2))],
        valid=lambda architecture: architecture.sum(axis=-1) % 2 == 1,
    )
    every = np.array(list(product(range(3), range(2), range(3))))
    odd = every[every.sum(axis=1) % 2 == 1]
    weights = np.random.default_rng(2).dirichlet(np.ones(3), size=(20, 3)).astype(np.float32)
    probability = np.prod(weights[:, np.arange(3)[None, :], odd], axis=-1)
    np.testing.assert_array_equal(
        relax.most_probable(space, weights), odd[probability.argmax(axis=1)]
    )


def test_most_probable_finds_a_valid_architecture_among_few():
    """One of 3^5 is valid, and the weights make it the least probable."""
    space = Space.build(
        "one of many",
        [Choice(f"c{i}", (0, 1, 2)) for i in range(5)],
        valid=lambda architecture: jnp.all(architecture == 2, axis=-1),
    )
    weights = np.tile(np.float32([0.7, 0.3, 0.0]), (5, 1))
    np.testing.assert_array_equal(relax.most_probable(space, weights), np.full(5, 2))


def test_strengths_at_an_architecture_are_discretized_to_it():
    architecture = jnp.asarray([[0, 3, 1], [2, 1, 0]], jnp.int32)
    continuous = jnp.asarray([[1e-3, 0.25], [1e-2, 0.0]], jnp.float32)
    at = jax.jit(partial(relax.strengths_at, SPACE, share=0.6))
    strengths = at(architecture, continuous)
    found, real = relax.Softmax(SPACE).discretize(strengths)
    np.testing.assert_array_equal(found, canonicalize(SPACE, architecture))
    np.testing.assert_allclose(real, continuous, rtol=0.15, atol=1e-6)
    softmax = special.softmax(np.where(MASK, strengths.logits[0], -np.inf), axis=-1)
    np.testing.assert_allclose(softmax[0], [0.6 + 0.4 / 3, 0.4 / 3, 0.4 / 3, 0], rtol=1e-5)


def test_the_discretization_gap_of_a_linear_objective():
    strengths = Strengths(jnp.log(jnp.asarray([[0.2, 0.8]])), jnp.zeros(0))
    relaxation = relax.Softmax(Space(op=["conv", "skip"]))
    gap = relax.discretization_gap(
        relaxation,
        strengths,
        lambda soft: soft.weights[0] @ jnp.asarray([1.0, 0.0]),
        key=jax.random.key(0),
        temperature=jnp.float32(1.0),
    )
    np.testing.assert_allclose(gap, 0.2, rtol=1e-6)


@pytest.mark.parametrize("make", [relax.Softmax, relax.GumbelSoftmax, relax.DirichletRelaxation])
@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperatures_are_positive(make, temperature):
    relaxation = make(Space(op=["conv", "skip"]))
    strengths = relaxation.init(jax.random.key(0))
    with pytest.raises(NmjaxError, match="Got temperature="):
        relaxation.sample(jax.random.key(1), strengths, temperature)
