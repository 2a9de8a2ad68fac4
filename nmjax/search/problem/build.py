"""Construction of problems from knowledge of past tasks."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    MetaKnowledge,
    PoolFeatures,
    default_knowledge,
    flat_failures,
    plan_portfolio,
    pool_features,
    require_space,
    select_portfolio,
    source_features,
)
from nmjax.knowledge.process_training import process_learner
from nmjax.knowledge.state import is_portfolio_source
from nmjax.knowledge.transfer.portfolio import PORTFOLIO
from nmjax.meta import LearnedModel
from nmjax.predictors import FailureRates, initial_failure_model, log_success_probability
from nmjax.search.problem.components import COMPONENT_WEIGHT, LearnedComponent
from nmjax.search.problem.kinds import Problem, SpaceProblem
from nmjax.search.problem.pool_checks import (
    check_continuous,
    check_cost,
    check_distinct,
    check_feasibility,
    check_pool,
    check_score,
)
from nmjax.spaces import (
    Space,
    encode,
    encode_paths,
    encoded_parts,
    has_flat_index,
    pool_neighbors,
)
from nmjax.tasks.metrics import failed_unless_finite
from nmjax.types import Array, PyTree, is_traced


def make_problem(
    space: Space,
    pool: Array,
    score: Array | None,
    knowledge: MetaKnowledge | None = None,
    *,
    continuous: Array | None = None,
    cost: Array | None = None,
    feasibility: ArrayLike | None = None,
) -> Problem:
    """Return the problem of finding the best architecture of a pool, with priors from past tasks.

    Args:
      space: Space of the architectures.
      pool: int32[N, C], architectures of which no two are the same or isomorphic; `distinct_rows`
        removes duplicates.
      score: float[N], higher is better; NaN or infinite for failures. None if all are unknown.
      knowledge: Knowledge of the same space, from `learn`; by default that of no past task.
      continuous: float32[N, R], real-valued choices of the pool, if the space has any.
      cost: float[N], positive, expected cost of each evaluation; by default the same for all.
      feasibility: float[N] in [0, 1], or bool[N], probability that each architecture meets known
        limits, as in `Problem`; by default there are none.

    Raises:
      NmjaxError: The knowledge belongs to another space, shapes do not fit, the pool is empty,
        options or values are out of range, an architecture is not allowed or occurs twice, no score
        is finite, a cost is not positive, or no architecture is feasible.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.search import make_problem
      >>> from nmjax.spaces import Space
      >>> space = Space(op=["conv", "skip"], width=[16, 32])
      >>> pool, scores = jnp.array([[0, 0], [0, 1], [1, 1]]), jnp.array([0.1, 0.3, jnp.nan])
      >>> make_problem(space, pool, scores).score.shape
      (3,)
    """
    pool = check_pool(space, pool)
    numbers = check_continuous(space, continuous, size=len(pool))
    known = check_score(score, size=len(pool))
    costs = check_cost(cost, size=len(pool))
    meets = check_feasibility(feasibility, size=len(pool))
    check_distinct(space, pool, numbers)
    knowledge = _known(knowledge, space)
    failures = _failures(knowledge, space)
    allowed = None
    if meets is not None:
        allowed = jax.device_put(meets.astype(knowledge.prior.mean.dtype))
    features, parts, portfolio = _features(
        knowledge, failures, pool, numbers.astype(np.float32), allowed, space=space
    )
    dtype = features.pool.features.dtype
    with np.errstate(over="ignore"):
        known = known.astype(dtype)
    problem = Problem(
        score=failed_unless_finite(known),
        pool=features.pool,
        prior=knowledge.prior,
        log_weights=knowledge.log_weights,
        past_mean=features.past_mean,
        cost=jax.device_put(costs.astype(dtype)),
        neighbors=pool_neighbors(space, pool) if has_flat_index(space) else None,
        knowledge=knowledge,
        paths=None if space.continuous else encode_paths(space, pool),
        parts=parts,
        failures=failures,
        portfolio=portfolio,
        feasibility=allowed,
    )
    if knowledge.process is None:
        return problem
    model = LearnedModel(process_learner(), knowledge.process)
    return add_component(problem, model, features.standardized)


def make_space_problem(
    space: Space, knowledge: MetaKnowledge | None = None, target: PyTree = None
) -> SpaceProblem:
    """Return the problem of finding the best architecture of a space, with priors from past tasks.

    Args:
      space: Space of any size, with discrete, real-valued and conditional choices.
      knowledge: Knowledge of the same space, from `learn`; by default that of no past task.
      target: Data that evaluations read, any pytree.

    Raises:
      NmjaxError: `knowledge` is no knowledge, or belongs to another space.

    Example:
      >>> from nmjax.search import make_space_problem
      >>> from nmjax.spaces import Real, Space
      >>> space = Space(op=["conv", "skip"], rate=Real(1e-4, 1e-1, log=True))
      >>> make_space_problem(space).log_weights.shape
      (2,)
    """
    knowledge = _known(knowledge, space)
    return SpaceProblem(
        knowledge.prior, knowledge.log_weights, knowledge, target, _failures(knowledge, space)
    )


def add_component(
    problem: Problem, model: LearnedModel, inputs: Array, weight: ArrayLike = COMPONENT_WEIGHT
) -> Problem:
    """Add a meta-trained model to the mixture that `BayesianSearch` predicts with.

    The component is weighted by how well it predicts the scores of the new task.

    Args:
      problem: Problem over a pool.
      model: Learner and its parameters, meta-trained on scores that are roughly standard normal
        within a task, such as `knowledge.source_scores`.
      inputs: float[N, D], the learner's input for each architecture, such as `unit_inputs`.
      weight: float[], prior probability of the component, in (0, 1). The processes and the
        components added before share the rest.

    Raises:
      NmjaxError: The inputs do not fit the pool, or the weight is not in (0, 1).

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import LearnedModel, deep_kernel, init_deep_kernel
      >>> from nmjax.search import add_component, make_problem
      >>> from nmjax.spaces import Space
      >>> problem = make_problem(Space(width=[8, 16]), jnp.array([[0], [1]]), None)
      >>> learner = deep_kernel(lambda params, x: x, optax.sgd(0.1))
      >>> model = LearnedModel(learner, init_deep_kernel(None, size=2))
      >>> len(add_component(problem, model, jnp.eye(2)).learned)
      1
    """
    size = len(problem.score)
    if jnp.ndim(inputs) != 2 or len(inputs) != size:
        raise NmjaxError(
            f"Got inputs of shape {jnp.shape(inputs)} for a pool of {size} architectures; give "
            f"float[{size}, D]."
        )
    if not is_traced(weight) and not 0 < np.asarray(weight) < 1:
        raise NmjaxError(f"Got weight={weight}; give a probability in (0, 1).")
    dtype = problem.score.dtype
    share = jnp.asarray(weight, dtype)
    before = tuple(
        component._replace(log_weight=component.log_weight + jnp.log1p(-share))
        for component in problem.learned
    )
    added = LearnedComponent(model, jnp.asarray(inputs, dtype), jnp.log(share))
    return problem._replace(learned=(*before, added))


@partial(jax.jit, static_argnames="space")
def _features(
    knowledge: MetaKnowledge,
    failures: FailureRates,
    pool: Array,
    continuous: Array,
    feasibility: Array | None,
    *,
    space: Space,
) -> tuple[PoolFeatures, Array, Array | None]:
    encoding = encode(space, pool, continuous)
    features, parts = pool_features(knowledge, encoding), encoded_parts(space, encoding)
    portfolio = _portfolio(knowledge, failures, features.pool.features, parts, feasibility)
    return features, parts, portfolio


def _portfolio(
    knowledge: MetaKnowledge,
    failures: FailureRates,
    features: Array,
    parts: Array,
    feasibility: Array | None,
) -> Array | None:
    """Select the rows int32[2] of the first and third evaluation, -1 for a uniform one."""
    sources = len(knowledge.sources.constant)
    if not sources or len(features) < PORTFOLIO:
        return None
    model = initial_failure_model(failures, parts.shape[-1])
    succeeds = jnp.where(failures.informed, log_success_probability(model, parts), 0)
    if feasibility is not None:
        succeeds = succeeds + jnp.log(feasibility)
    predicted = features[:, source_features(sources)]
    rows = select_portfolio(predicted, is_portfolio_source(knowledge), succeeds)
    planned: Array = plan_portfolio(knowledge, rows, jnp.full_like(rows, -1))
    return planned


def _known(knowledge: MetaKnowledge | None, space: Space) -> MetaKnowledge:
    """Return the given knowledge of a space, or that of no past task."""
    if knowledge is None:
        return default_knowledge(space)
    if not isinstance(knowledge, MetaKnowledge):
        raise NmjaxError(
            f"Got a {type(knowledge).__name__} as knowledge; give the result of nmjax.learn, or "
            "None to search without a past."
        )
    require_space(knowledge, space)
    return knowledge


def _failures(knowledge: MetaKnowledge, space: Space) -> FailureRates:
    return flat_failures(space) if knowledge.failures is None else knowledge.failures
