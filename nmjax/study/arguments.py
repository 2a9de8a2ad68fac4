"""Validation of what users pass to a study."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.knowledge import MetaKnowledge, default_knowledge
from nmjax.search import BayesianSearch, RandomSearch, SearchAlgorithm, SpaceSearch
from nmjax.search.choose import ENUMERATED, is_enumerated
from nmjax.spaces import Space
from nmjax.tasks import raw_to_score
from nmjax.types import Metric

OFFSET_FROM = 2.0**16
"""Magnitude of the first value from which on the search uses differences from that value."""

Feasibility = Callable[[Mapping[str, Any]], float]
"""Function from a configuration to the probability that it meets known limits."""

Direction = Literal["maximize", "minimize", "max", "min"]


def resolve_knowledge(
    knowledge_or_space: MetaKnowledge | Space, direction: Direction | None
) -> tuple[MetaKnowledge, Metric]:
    """Return the knowledge of a study, and its metric.

    Raises:
      NmjaxError: The first argument is neither knowledge nor a space, or the direction is unknown
        or contradicts the metric of the knowledge.
    """
    if direction not in (None, *get_args(Direction)):
        raise unknown_name("direction", direction, get_args(Direction))
    if isinstance(knowledge_or_space, Space):
        metric = Metric("value", direction=direction or "max")
        return default_knowledge(knowledge_or_space, metric), metric
    if not isinstance(knowledge_or_space, MetaKnowledge):
        raise NmjaxError(
            "Expected the result of nmjax.learn or a Space, got a "
            f"{type(knowledge_or_space).__name__}."
        )
    metric = knowledge_or_space.metric or Metric("value", direction=direction or "max")
    if direction is not None:
        wanted = Metric(metric.name, direction=direction).direction
        if wanted != metric.direction:
            raise NmjaxError(
                f"Got direction={direction!r} for knowledge of {metric.name!r}, which is to be "
                f"{'maximized' if metric.direction == 'max' else 'minimized'}; leave direction out."
            )
    return knowledge_or_space, metric


def check_algorithm(
    algorithm: Any, space: Space, budget: int, feasibility: Feasibility | None
) -> None:
    """Check that a study can use an algorithm.

    Raises:
      NmjaxError: It is not a search of a pool, needs the whole space as its pool, does not read the
        feasibility, or has a capacity smaller than the budget.
    """
    name = type(algorithm).__name__
    if not isinstance(algorithm, SearchAlgorithm) or isinstance(algorithm, SpaceSearch):
        raise NmjaxError(
            f"Got a {name} as algorithm; give a search of a pool, such as BayesianSearch, "
            "RegularizedEvolution or RandomSearch, or call nmjax.run."
        )
    if not isinstance(algorithm, BayesianSearch | RandomSearch) and not is_enumerated(space):
        raise NmjaxError(
            f"Got a {name} for the space {space.name!r}, whose configurations are not all "
            f"candidates, because there are more than {ENUMERATED:,} or real-valued choices; give "
            "BayesianSearch or RandomSearch."
        )
    if not isinstance(algorithm, BayesianSearch) and feasibility is not None:
        raise NmjaxError(
            f"Got a function of feasibility for a {name}, which ignores it; give BayesianSearch, "
            "or record configurations beyond the limits with `fail`."
        )
    if algorithm.capacity < budget:
        raise NmjaxError(
            f"Got a budget of {budget} for an algorithm of capacity {algorithm.capacity}; give an "
            f"algorithm with capacity={budget} or more."
        )


def finite_value(value: Any, metric: Metric) -> float | None:
    """Return a result as a finite number, or None for a failed evaluation.

    Raises:
      NmjaxError: The value is not a number, or the transform of the metric is not defined there.
    """
    if value is None:
        return None
    array = np.asarray(value)
    if array.shape != () or not (
        np.issubdtype(array.dtype, np.integer) or np.issubdtype(array.dtype, np.floating)
    ):
        raise NmjaxError(
            f"Expected a number as the value of {metric.name!r}, or None for a failed evaluation, "
            f"got {value!r}."
        )
    number = float(array)
    return number if math.isfinite(float(raw_to_score(metric, number))) else None


def value_offset(values: Sequence[float | None]) -> float:
    """First number among values if float32 would round differences from it; otherwise 0."""
    first = next((value for value in values if value is not None), 0.0)
    return first if abs(first) >= OFFSET_FROM else 0.0
