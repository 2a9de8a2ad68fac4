"""Small related tasks, and knowledge from their past, unmodified or corrupted."""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.knowledge import (
    FeatureParams,
    LearnConfig,
    LearnInfo,
    MetaKnowledge,
    learn_from_history,
)
from nmjax.knowledge.component_weights import prior_log_weights
from nmjax.knowledge.features import group_index
from nmjax.knowledge.kernel_fitting import fit_sources
from nmjax.knowledge.prior_fitting import (
    Layout,
    default_prior_params,
    make_prior,
)
from nmjax.knowledge.standardized_past import best_options
from nmjax.predictors import default_kernel, normal_scores
from nmjax.spaces import Choice, Space, encode, encoding_size
from nmjax.tasks import make_history, select_tasks
from nmjax.types import Array, History, Metric

SPACE = Space.build("related", tuple(Choice(f"c{i}", ("a", "b", "c")) for i in range(5)))
METRIC = Metric("score", "1")
SOURCES, ROWS = 5, 60
CONFIG = LearnConfig(
    kernel_rows=60,
    kernel_steps=60,
    network=True,
    meta_steps=40,
    evaluate_every=20,
    meta_rows=32,
    replay_size=24,
    prior_steps=100,
)


class Related(NamedTuple):
    """Tasks of one space.

    Attributes:
      pool: int32[N, C], the whole space.
      scores: float[S + 1, N], of the sources and, last, the target.
      rows: int[S + 1, M], what was evaluated of each.
    """

    pool: np.ndarray
    scores: np.ndarray
    rows: np.ndarray


@lru_cache
def related_tasks() -> Related:
    """Smooth functions of the encodings that have most of their variance in common."""
    rng = np.random.default_rng(0)
    pool = np.stack(np.unravel_index(np.arange(3**5), SPACE.num_options), -1).astype(np.int32)
    encoding = np.asarray(encode(SPACE, pool), float)
    encoding -= encoding.mean(0)

    def smooth():
        hidden = np.tanh(encoding @ rng.normal(size=(encoding.shape[1], 8)))
        values = hidden @ rng.normal(size=8)
        return (values - values.mean()) / values.std()

    shared = smooth()
    scores = np.stack([shared + 0.6 * smooth() for _ in range(SOURCES + 1)])
    rows = np.stack([rng.permutation(len(pool))[:ROWS] for _ in range(SOURCES + 1)])
    return Related(pool, scores.astype(np.float32), rows)


def corrupt(scores: np.ndarray, how: str) -> np.ndarray:
    """Scores [S, M] of sources that mislead: all or every other one negated or permuted."""
    rng, scores = np.random.default_rng(1), scores.copy()
    wrong = slice(None, None, 2 if how.startswith("half") else 1)
    if how.endswith("negated"):
        scores[wrong] *= -1
    elif how.endswith("permuted"):
        scores[wrong] = rng.permuted(scores[wrong], axis=1)
    return scores


def related_history(how: str = "unmodified", target_score: float | None = None) -> History:
    """The past of all tasks, the target's last; its scores can be overwritten."""
    tasks = related_tasks()
    scores = np.take_along_axis(tasks.scores, tasks.rows, axis=1)
    scores[:-1] = corrupt(scores[:-1], how)
    if target_score is not None:
        scores[-1] = target_score
    return make_history(tasks.pool[tasks.rows], {"score": scores}, space=SPACE)


@lru_cache
def learn_related(how: str = "unmodified") -> tuple[MetaKnowledge, LearnInfo]:
    """What the sources teach."""
    sources = jax.tree.map(lambda leaf: leaf[:-1], related_history(how))
    folds = np.arange(SOURCES) % 2
    return learn_from_history(jax.random.key(0), sources, METRIC, folds, space=SPACE, config=CONFIG)


def with_ties(knowledge: MetaKnowledge, source: int) -> MetaKnowledge:
    """The knowledge if one source's scores had all been the same, whose normal scores are 0."""
    sources = knowledge.sources
    weights, constant = (leaf.at[source].set(0) for leaf in (sources.weights, sources.constant))
    return knowledge.replace(sources=sources._replace(weights=weights, constant=constant))


@lru_cache
def plain_knowledge(number: int, wins: float | None = None) -> MetaKnowledge:
    """Knowledge of the first sources; what is fitted on them together is not, but given.

    The transferred prior has won on all of them, or on so many.
    """
    history = select_tasks(related_history(), np.arange(number))
    score = history.metrics["score"]
    return _plain_knowledge(
        history.architecture, score, np.float32(number if wins is None else wins)
    )


@jax.jit
def _plain_knowledge(architecture: Array, score: Array, wins: Array) -> MetaKnowledge:
    number, ones = len(score), jnp.ones(encoding_size(SPACE))
    kernel = default_kernel(ones.size, num_groups=1 + max(group_index(SPACE)))
    params = FeatureParams(
        0.3 * ones,
        0.5 * ones,
        kernel,
        None,
    )
    x = (encode(SPACE, architecture) - 0.3) / 0.5
    sources = fit_sources(kernel, x, jax.vmap(normal_scores)(score))
    active = np.stack([np.ones(number, bool), np.zeros(number, bool)])
    prior = jax.vmap(make_prior, in_axes=(None, None, 0, 0))(
        default_prior_params(), Layout(number, 0), active, np.array([False, False])
    )
    wins = jnp.stack([wins, number - wins])
    log_weights = prior_log_weights(wins)
    sampling, bounds = best_options(architecture, score, space=SPACE)
    return MetaKnowledge(
        params,
        prior,
        sources,
        sampling,
        bounds,
        wins,
        log_weights,
        jnp.zeros(()),
        space=SPACE,
        metric=METRIC,
    )
