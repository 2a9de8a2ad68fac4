import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax.knowledge import adapt_prior, mixture_log_weights, transfer_knowledge
from nmjax.knowledge.features import pool_features
from nmjax.predictors import PoolPrior, condition_pool, get_outcome_transform
from nmjax.spaces import encode
from nmjax.stats import Interval
from tests.related import SOURCES, SPACE, learn_related, related_tasks

MEAN = np.array([[0.5, 0.2, 0.2, 0.2, 0.7], [0.1, 0, 0, 0, 0]], np.float32)
PRIOR = PoolPrior(jnp.asarray(MEAN), jnp.asarray(MEAN + 1), *(jnp.ones(2) for _ in range(4)))


def certain(estimate):
    return Interval(estimate, estimate, estimate)


@pytest.mark.parametrize(
    ("estimate", "sources"),
    [
        ([0.6, 0.2, -0.4], [0.45, 0.15, 0.0]),
        ([0.3, 0.3, 0.3], [0.2, 0.2, 0.2]),
        ([-0.3, -0.1, 0.0], [0.2, 0.2, 0.2]),
    ],
)
def test_expected_scores_follow_sources_with_certain_similarity(estimate, sources):
    ours = jax.jit(adapt_prior)(PRIOR, certain(jnp.array(estimate)))
    np.testing.assert_allclose(ours.mean, [[0.5, *sources, 0.7], MEAN[1]], atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, ours[1:], PRIOR[1:])


def test_sources_that_oppose_the_rest_do_not_reverse_similar_ones():
    """A negative sum of mean weights does not change the sign of a similar source."""
    prior = PRIOR._replace(mean=-PRIOR.mean)
    ours = jax.jit(adapt_prior)(prior, certain(jnp.array([0.5, 0.0, 0.0])))
    np.testing.assert_allclose(ours.mean[0, 1:4], [0.2, -0.4, -0.4], atol=1e-6)


def test_weights_follow_the_expected_positive_part_of_the_similarity():
    """Against the mean of a truncated normal times the probability of being above 0."""
    estimate, spread = np.array([0.5, 0.1, -0.3]), np.array([0.2, 0.4, 0.3])
    half = stats.norm.ppf(0.975) * spread
    above = stats.truncnorm(-estimate / spread, np.inf, estimate, spread)
    worth = above.mean() * stats.norm.cdf(estimate / spread)
    similarity = Interval(*map(jnp.float32, (estimate, estimate - half, estimate + half)))
    ours = jax.jit(adapt_prior)(PRIOR, similarity).mean[0, 1:4]
    np.testing.assert_allclose(ours, 0.6 * worth / worth.sum(), rtol=1e-5)


def test_uncertain_sources_get_equal_weights():
    estimate = jnp.array([0.1, 0.0, -0.1])
    ours = jax.jit(adapt_prior)(PRIOR, Interval(estimate, estimate - 9, estimate + 9))
    np.testing.assert_allclose(ours.mean[0, 1:4], 0.2, rtol=0.05)


def test_batches_and_gradients():
    batch = jnp.array([[0.6, 0.2, 0.1], [0.1, 0.2, 0.6]])

    def expected_by_third(estimate):
        return adapt_prior(PRIOR, certain(estimate)).mean[0, 3]

    ours = jax.jit(jax.vmap(expected_by_third))(batch)
    np.testing.assert_allclose(ours, 0.6 * batch[:, 2] / batch.sum(1), rtol=1e-5)
    # d (c / sum) / d c = (sum - c) / sum^2, times what all the sources weigh.
    slope = jax.jit(jax.grad(expected_by_third))(batch[0])
    np.testing.assert_allclose(slope[2], 0.6 * 0.8 / 0.9**2, rtol=1e-5)


@pytest.fixture(scope="module")
def transferred():
    """Knowledge after 0 and 20 evaluations of the related target, with every other source negated.

    Also the knowledge it comes from, the target's encodings and its scores.
    """
    knowledge, _ = learn_related("half-negated")
    tasks, traces = related_tasks(), []
    rows = np.random.default_rng(0).permutation(len(tasks.pool))[:20]
    encoding, score = (
        encode(SPACE, jnp.asarray(tasks.pool[rows])),
        jnp.asarray(tasks.scores[-1, rows]),
    )

    @jax.jit
    def transfer(key, knowledge, score):
        traces.append(None)
        return transfer_knowledge(key, knowledge, encoding, score)

    found = [
        transfer(jax.random.key(0), knowledge, s) for s in (jnp.full_like(score, jnp.nan), score)
    ]
    assert len(traces) == 1
    return *found, knowledge, encoding, score


@pytest.mark.slow
def test_without_evaluations_nothing_changes(transferred):
    none, _, knowledge, _, _ = transferred
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), none, knowledge
    )


@pytest.mark.slow
def test_evaluations_count_once_in_the_confidence(transferred):
    """The weight follows the evidence under the original prior, not under the adapted one."""
    _, many, knowledge, encoding, score = transferred
    pool, transformed = (
        pool_features(knowledge, encoding).pool,
        get_outcome_transform("log_lower_tail")(score),
    )
    state, _ = condition_pool(knowledge.prior, pool, None, transformed)
    expected = mixture_log_weights(knowledge.log_weights, state.log_evidence, jnp.array(0.02))
    np.testing.assert_allclose(many.log_weights, expected, rtol=1e-4)


@pytest.mark.slow
def test_misleading_sources_lose_weight(transferred):
    _, many, knowledge, _, _ = transferred
    share = np.asarray(many.prior.mean[0, 1 : 1 + SOURCES])
    wrong = np.arange(SOURCES) % 2 == 0
    assert share[~wrong].min() > share[wrong].max()
    assert share[wrong].max() < knowledge.prior.mean[0, 1]
    np.testing.assert_array_equal(many.prior.mean[1], knowledge.prior.mean[1])
