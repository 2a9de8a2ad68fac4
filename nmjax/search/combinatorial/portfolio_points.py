"""Portfolio of a space too large to enumerate."""

from functools import partial

import jax
import jax.numpy as jnp

from nmjax.knowledge import pool_features, portfolio_value, source_features
from nmjax.knowledge.state import is_portfolio_source
from nmjax.knowledge.transfer.portfolio import PORTFOLIO
from nmjax.predictors import FailureModel
from nmjax.search.combinatorial.limits import SpaceFeasibility, log_feasibility
from nmjax.search.combinatorial.slot_failures import encoded_log_success
from nmjax.search.maximizers import Maximizer, optimize_acquisition
from nmjax.search.maximizers.points import encode_points
from nmjax.search.problem import SpaceProblem
from nmjax.spaces import Space
from nmjax.types import Array


def portfolio_points(
    key: Array,
    problem: SpaceProblem,
    starts: Array,
    failures: FailureModel | None,
    feasibility: SpaceFeasibility | None,
    *,
    space: Space,
    maximizer: Maximizer,
) -> Array:
    """Select points [2, C + R] greedily by `portfolio_value`.

    Args:
      key: Random key of the maximizer.
      problem: Problem with knowledge of at least one source.
      starts: Points [A, C + R] where ascents start.
      failures: Failure rates; None if failures are ignored.
      feasibility: Probability of meeting known limits; None without limits.
      space: Space of the architectures.
      maximizer: Maximizer of the value.
    """
    active = is_portfolio_source(problem.knowledge)
    at_sources = source_features(len(active))

    def predict(encoding: Array) -> Array:
        predicted = pool_features(problem.knowledge, encoding).pool.features[:, at_sources]
        return predicted + encoded_log_success(failures, encoding, space=space)[:, None]

    def predict_points(points: Array) -> Array:
        meets = log_feasibility(problem, points, feasibility, space=space)
        return predict(encode_points(space, points)) + meets[:, None]

    def value_of_points(best: Array, points: Array) -> Array:
        predicted = predict_points(points)
        value = portfolio_value(predicted, best, active)
        return jnp.where(jnp.isneginf(predicted[:, 0]), -jnp.inf, value)

    def choose(best: Array, key: Array) -> tuple[Array, Array]:
        point, _ = optimize_acquisition(
            key,
            lambda encoding: portfolio_value(predict(encoding), best, active),
            starts,
            space=space,
            maximizer=maximizer,
            value_of_points=None if feasibility is None else partial(value_of_points, best),
        )
        reached = predict_points(point[None])[0]
        return jnp.maximum(best, reached), point

    dtype = problem.log_weights.dtype
    nothing = jnp.full(len(active), jnp.finfo(dtype).min, dtype)
    return jax.lax.scan(choose, nothing, jax.random.split(key, PORTFOLIO))[1]
