from dataclasses import fields
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import integrate, stats

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    MetaKnowledge,
    sample_architectures,
    sampling_divergence,
    sampling_moments,
    truncate_sampling,
    uniform_sampling,
    update_sampling_distribution,
)
from nmjax.predictors import PoolPrior
from nmjax.spaces import Choice, RealChoice, Space
from nmjax.types import Categorical, Gaussian

SPACE = Space.build(
    "mixed",
    [Choice("op", ("a", "b", "c")), Choice("width", (1, 10, 100, 1000), "ordinal", "log")],
    [RealChoice("rate", 1e-4, 1.0, "log"), RealChoice("decay", 0.0, 4.0)],
)
PROPOSED = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.1, 0.3, 0.5]])
OPTIMAL = Gaussian(np.array([0.5, 3.0]), np.array([0.2, 0.5]))


updated_by = jax.jit(update_sampling_distribution)
moments_of = jax.jit(partial(sampling_moments, space=SPACE))
divergence = jax.jit(sampling_divergence)


def knowing(probabilities=PROPOSED, transfer_weight=0.5):
    """Knowledge that holds only the fields that these tests read."""
    nothing = {"outcome_transform": "log_lower_tail"} | dict.fromkeys(
        field.name for field in fields(MetaKnowledge) if field.name != "outcome_transform"
    )
    logits = jnp.log(jnp.asarray(probabilities, float))
    known = {
        "sampling": Categorical(logits),
        "log_weights": jnp.log(jnp.array([transfer_weight, 0.5])),
        "prior": PoolPrior(jnp.eye(2), jnp.eye(2), *jnp.ones((4, 2))),
    }
    return MetaKnowledge(**(nothing | known))


def probabilities(distribution):
    return np.exp(np.asarray(distribution.options.logits, float))


def test_the_initial_distribution_is_uniform():
    start = uniform_sampling(SPACE)
    np.testing.assert_allclose(probabilities(start), [[1 / 3] * 3 + [0], [0.25] * 4], rtol=1e-6)
    moments = moments_of(start)
    np.testing.assert_allclose(moments.optimal_values[1:], 0, atol=1e-6)
    np.testing.assert_allclose(moments.uncertainty[1:], [5 / 9, 1 / 3, 1 / 3], rtol=1e-5)
    np.testing.assert_array_equal(moments.bounds[1:], [[-1, 1]] * 3)
    assert np.isnan(moments.optimal_values[0])


@pytest.mark.parametrize("transfer_weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_options_are_a_geometric_mean(wrap, transfer_weight):
    former = truncate_sampling(uniform_sampling(SPACE), np.arange(4)[None, :] != 2)
    ours = wrap(update_sampling_distribution)(former, knowing(), None, transfer_weight, 0.0)
    before = probabilities(former)
    proposed = np.where(before > 0, PROPOSED, 0)
    mean = before ** (1 - transfer_weight) * proposed**transfer_weight
    np.testing.assert_allclose(
        probabilities(ours), mean / mean.sum(-1, keepdims=True), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_array_equal(ours.continuous.std, former.continuous.std)


def test_real_valued_choices_are_a_geometric_mean_of_densities(float64):
    """Against the product of SciPy's densities, normalized by quadrature."""
    first = Gaussian(np.array([-0.3, 0.2]), np.array([0.6, 0.4]))
    former = updated_by(uniform_sampling(SPACE), knowing(), first, 1.0)
    ours = updated_by(former, knowing(), OPTIMAL, 0.3).continuous
    for i, proposed in enumerate([0.5, 1.0]):
        densities = [
            stats.truncnorm((-1 - m) / s, (1 - m) / s, m, s).pdf
            for m, s in [
                (float(former.continuous.mean[i]), float(former.continuous.std[i])),
                (proposed, float(OPTIMAL.std[i])),
                (float(ours.mean[i]), float(ours.std[i])),
            ]
        ]

        def product(x, densities=densities):
            return densities[0](x) ** 0.7 * densities[1](x) ** 0.3

        total = integrate.quad(product, -1, 1)[0]
        at = np.linspace(-0.99, 0.99, 7)
        np.testing.assert_allclose(densities[2](at), product(at) / total, rtol=1e-5)


def test_moments_are_those_of_the_truncated(float64):
    updated = updated_by(uniform_sampling(SPACE), knowing(), OPTIMAL, 0.9, 0.0)
    moments = moments_of(updated)
    mean, std = np.asarray(updated.continuous.mean), np.asarray(updated.continuous.std)
    theirs = stats.truncnorm((-1 - mean) / std, (1 - mean) / std, mean, std)
    np.testing.assert_allclose(moments.optimal_values[2:], theirs.mean(), rtol=1e-6)
    np.testing.assert_allclose(moments.uncertainty[2:], theirs.var(), rtol=1e-6)
    values, share = np.linspace(-1, 1, 4), probabilities(updated)[1]
    np.testing.assert_allclose(moments.optimal_values[1], share @ values, rtol=1e-5)
    np.testing.assert_allclose(
        moments.uncertainty[1], share @ values**2 - (share @ values) ** 2, rtol=1e-5
    )
    cut = truncate_sampling(updated, np.array([[1, 1, 1, 1], [0, 1, 1, 0]], bool))
    bounds = moments_of(cut).bounds[1]
    np.testing.assert_allclose(bounds, [-1 / 3, 1 / 3], rtol=1e-5)


def test_allowed_options_keep_positive_probability():
    """After many updates with a transfer weight of 1 by knowledge that excludes an option."""
    certain = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    distribution = truncate_sampling(uniform_sampling(SPACE), np.arange(4)[None, :] != 3)
    for _ in range(20):
        distribution = updated_by(distribution, knowing(certain), OPTIMAL, 1.0, 0.06)
    ours = probabilities(distribution)
    np.testing.assert_allclose(ours, [[0.02, 0.96, 0.02, 0], [0.02, 0.02, 0.96, 0]], atol=1e-5)
    np.testing.assert_allclose(distribution.continuous.std, [0.2, 0.5], rtol=1e-5)
    narrow = Gaussian(OPTIMAL.mean, np.full(2, 1e-6))
    distribution = updated_by(distribution, knowing(), narrow, 1.0, 0.06)
    np.testing.assert_allclose(distribution.continuous.std, 0.12, rtol=1e-5)


def test_confidence_is_that_in_the_transferred_prior():
    start = uniform_sampling(SPACE)
    ours = updated_by(start, knowing(transfer_weight=0.3))
    theirs = updated_by(start, knowing(), None, 0.3)
    np.testing.assert_allclose(ours.options.logits, theirs.options.logits, rtol=1e-6)


def test_the_divergence_is_that_of_the_choices_together(float64):
    start = uniform_sampling(SPACE)
    updated = updated_by(start, knowing(), OPTIMAL, 0.8)
    expected = sum(
        stats.entropy(p[q > 0], q[q > 0])
        for p, q in zip(probabilities(updated), probabilities(start), strict=True)
    )
    for mean, std in zip(*map(np.asarray, updated.continuous[:2]), strict=True):
        density = stats.truncnorm((-1 - mean) / std, (1 - mean) / std, mean, std)
        expected += np.log(2) - density.entropy()
    ours = divergence(start, updated)
    np.testing.assert_allclose(ours, expected, rtol=1e-4)
    np.testing.assert_allclose(divergence(start, start), 0, atol=1e-9)
    cut = truncate_sampling(start, np.arange(4)[None, :] != 1)
    assert np.isinf(divergence(cut, start))


@pytest.mark.slow
def test_it_has_gradients(float64):
    start = uniform_sampling(SPACE)

    def gained(transfer_weight, mean):
        optimal = Gaussian(mean, OPTIMAL.std)
        updated = updated_by(start, knowing(), optimal, transfer_weight)
        return divergence(start, updated)

    check_grads(jax.jit(gained), (jnp.asarray(0.6), jnp.array([0.1, -0.4])), order=1, modes=["rev"])


def test_draws_are_of_the_distribution():
    updated = updated_by(uniform_sampling(SPACE), knowing(), OPTIMAL, 1.0, 0.0)
    drawn, continuous = sample_architectures(jax.random.key(0), updated, space=SPACE, shape=(4000,))
    for choice, share in enumerate(probabilities(updated)):
        counts = np.bincount(drawn[:, choice], minlength=4)
        expected = 4000 * share[share > 0] / share.astype(float).sum()
        assert stats.chisquare(counts[share > 0], expected).pvalue > 1e-3
        assert counts[share == 0].sum() == 0
    position = np.stack([np.log10(continuous[:, 0]) / 2 + 1, continuous[:, 1] / 2 - 1], axis=-1)
    for column, mean, std in zip(position.T, [0.5, 1.0], [0.2, 0.5], strict=True):
        law = stats.truncnorm((-1 - mean) / std, (1 - mean) / std, mean, std)
        assert stats.kstest(column, law.cdf).pvalue > 1e-3


def test_draws_are_valid():
    space = Space.build("even", SPACE.choices, valid=lambda a: a.sum(-1) % 2 == 0)
    drawn, continuous = sample_architectures(
        jax.random.key(1), uniform_sampling(space), space=space, shape=(300,)
    )
    assert not np.any(drawn.sum(-1) % 2)
    assert len(np.unique(drawn, axis=0)) == 6
    assert continuous.shape == (300, 0)


def test_mismatched_arguments_are_refused():
    start = uniform_sampling(SPACE)
    with pytest.raises(NmjaxError, match=r"\[1, 4\].*\[2, 4\]"):
        updated_by(start, knowing(PROPOSED[:1]))
    with pytest.raises(NmjaxError, match="optimal values"):
        updated_by(start, knowing(), Gaussian(jnp.zeros(3), jnp.ones(3)))
