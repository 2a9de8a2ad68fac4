"""Hold one task out, learn from the past of the others, and build its problem."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.experiments.progress import StageTimer
from nmjax.knowledge import (
    LearnConfig,
    LearnInfo,
    MetaKnowledge,
    config_for,
    learn_from_history,
)
from nmjax.search import (
    Problem,
    make_problem,
)
from nmjax.tasks import Split, Suite, fold_tasks, sample_history, scores
from nmjax.types import Array, History


@dataclass(frozen=True, eq=False)
class Prepared:
    """Held-out task with the knowledge of past tasks.

    Attributes:
      suite: benchmark with all tasks.
      split: sources and target.
      folds: int[S], folds of the sources for cross-fitting; None without a network.
      history: past evaluations of the sources.
      knowledge: knowledge learned from the sources only.
      config: settings of learning.
      info: diagnostics of learning.
      problem: pool and priors of the target.

    Example:
      >>> from nmjax.evaluation import Prepared
      >>> list(Prepared.__dataclass_fields__)[:3]
      ['suite', 'split', 'folds']
    """

    suite: Suite
    split: Split
    folds: np.ndarray | None
    history: History
    knowledge: MetaKnowledge
    config: LearnConfig
    info: LearnInfo
    problem: Problem


class PastKeys(NamedTuple):
    """PRNG keys of the random steps before a search.

    Attributes:
      folds: key of the folds of the sources.
      history: key of the past evaluations.
      learn: key of learning.
    """

    folds: Array
    history: Array
    learn: Array


def past_keys(key: Array) -> PastKeys:
    """Return the keys that `prepare` derives from its own."""
    return PastKeys(*jax.random.split(key, 3))


def prepare(
    key: Array,
    suite: Suite,
    split: Split,
    *,
    history_size: int = 300,
    draw: Callable[[Array, Suite, Sequence[str], int], History] = sample_history,
    config: LearnConfig | None = None,
    stages: StageTimer | None = None,
) -> Prepared:
    """Sample past evaluations of the sources, learn from them, and build the target's problem.

    Args:
      key: PRNG key of the past, of the folds and of learning.
      suite: benchmark.
      split: sources and target, from `leave_one_out` or `leave_family_out`.
      history_size: number of past evaluations of each source.
      draw: (key, suite, sources, size) -> history; random evaluations by default. Alternatives are
        in `nmjax.evaluation.histories`.
      config: settings of learning; by default those of `config_for`.
      stages: timer of the stages.

    Raises:
      NmjaxError: there are fewer than two sources, or the past is too small to learn from.

    Example:
      >>> from nmjax.evaluation import prepare
      >>> from nmjax.tasks import leave_one_out, load_suite
      >>> suite = load_suite("nas-bench-201")
      >>> split = leave_one_out(suite, "cifar10")
      >>> prepared = prepare(jax.random.key(0), suite, split)  # doctest: +SKIP
    """
    stages = StageTimer() if stages is None else stages
    keys = past_keys(key)
    if len(split.sources) < 2:
        raise NmjaxError(
            f"Got {len(split.sources)} past task for target {split.target!r} of {suite.name!r}; "
            "at least two are needed, so that one can be replayed with another as its past."
        )
    stages.begin("sample the past")
    history = draw(keys.history, suite, split.sources, history_size)
    metric = suite.metric_info[suite.score_metric]
    config = config or config_for(history, metric)
    folds = fold_tasks(keys.folds, split.sources, suite.families) if config.network else None
    knowledge, info = learn_from_history(
        keys.learn,
        history,
        metric,
        folds,
        space=suite.space,
        config=config,
        on_stage=stages.begin,
    )
    jax.block_until_ready(knowledge)
    stages.begin("build the problem")
    target = scores(suite)[split.target_index]
    problem = make_problem(suite.space, jnp.asarray(suite.pool), target, knowledge)
    jax.block_until_ready(problem)
    stages.end()
    return Prepared(suite, split, folds, history, knowledge, config, info, problem)
