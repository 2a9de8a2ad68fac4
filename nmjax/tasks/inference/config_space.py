"""A ConfigurationSpace of ConfigSpace as a `Space`, with its conditions and forbidden clauses."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Space, when
from nmjax.spaces.description.specs import Ordinal
from nmjax.spaces.indexing import to_flat
from nmjax.tasks.inference.conditions import parents_first
from nmjax.tasks.inference.numbers import float_range, integer_range
from nmjax.types import Array

MAX_COMBINATIONS = 2**16
"""Combinations of options up to which a forbidden clause is tabulated."""


class Clause(NamedTuple):
    """A forbidden clause on discrete choices.

    Attributes:
      places: Indices of its choices.
      sizes: Number of options of each.
      forbidden: Forbidden combinations, as flat indices.
      required: (choice, options) pairs under which all its choices are active.
    """

    places: tuple[int, ...]
    sizes: tuple[int, ...]
    forbidden: tuple[int, ...]
    required: tuple[tuple[int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class NotForbidden:
    """Validity of architectures by forbidden clauses, compared by value.

    Attributes:
      clauses: The clauses; an architecture is valid if none holds.
    """

    clauses: tuple[Clause, ...]

    def __call__(self, architecture: Array) -> Array:
        """Whether no clause holds for architecture int32[..., C]: bool[...]."""
        architecture = jnp.asarray(architecture)
        valid = jnp.ones(architecture.shape[:-1], bool)
        for places, sizes, forbidden, required in self.clauses:
            table = np.zeros(math.prod(sizes), bool)
            table[list(forbidden)] = True
            holds = jnp.asarray(table)[to_flat(architecture[..., list(places)], sizes)]
            for place, allowed in required:
                holds &= jnp.isin(architecture[..., place], np.array(allowed))
            valid &= ~holds
        return valid


def is_config_space(source: Any) -> bool:
    """Return whether an object is a ConfigurationSpace, without importing ConfigSpace."""
    return any(
        kind.__name__ == "ConfigurationSpace" and kind.__module__.startswith("ConfigSpace")
        for kind in type(source).__mro__
    )


def read_config_space(source: Any, name: str | None = None) -> Space:
    """Return a ConfigurationSpace as a `Space`.

    Integer ranges of more than 1,000 values become real-valued. Forbidden clauses become the
    `valid` of the space.

    Raises:
      NmjaxError: A condition or clause is not one of discrete choices, or a condition is an "or"
        over several parents.
    """
    parameters = {parameter.name: parameter for parameter in source.values()}
    conditions: dict[str, dict[str, Any]] = {}
    for condition in source.conditions:
        for part in _parts(condition, parameters):
            mine = conditions.setdefault(part.child, {})
            known = mine.get(part.parent, part.options)
            mine[part.parent] = [option for option in part.options if option in known]
    specs: dict[str, Any] = {}
    for parameter in parents_first(parameters, conditions):
        spec = _spec(parameters[parameter])
        parents = conditions.get(parameter)
        specs[parameter] = when(spec, **parents) if parents else spec
    space = Space(name or source.name or "space", **specs)
    clauses = tuple(_clause(clause, space) for clause in source.forbidden_clauses)
    return space.replace(valid=NotForbidden(clauses)) if clauses else space


class _Part(NamedTuple):
    child: str
    parent: str
    options: list[Any]


def _parts(condition: Any, parameters: Mapping[str, Any]) -> Iterator[_Part]:
    """Yield simple conditions that must all hold."""
    if type(condition).__name__ == "AndConjunction":
        for component in condition.components:
            yield from _parts(component, parameters)
        return
    if type(condition).__name__ == "OrConjunction":
        parts = [part for c in condition.components for part in _parts(c, parameters)]
        if len({part.parent for part in parts}) > 1 or len(parts) > len(condition.components):
            raise NmjaxError(
                f"The condition {condition} is an 'or' over several parents, which a choice cannot "
                "have; split the choice in one for each parent."
            )
        joined = dict.fromkeys(option for part in parts for option in part.options)
        yield parts[0]._replace(options=list(joined))
        return
    parent = condition.parent
    options = [o for o in _options(parent) if condition.satisfied_by_value({parent.name: o})]
    yield _Part(condition.child.name, parent.name, options)


def _options(parameter: Any) -> tuple[Any, ...]:
    spec = _spec(parameter)
    if isinstance(spec, list):
        return tuple(spec)
    named = spec.named(parameter.name)
    if isinstance(named, Choice):
        return named.options
    raise NmjaxError(
        f"A condition or clause depends on {parameter.name!r}, which is real-valued; make it "
        "discrete, or remove the condition."
    )


def _spec(parameter: Any) -> Any:
    """Return the specification of a hyperparameter, by the attributes that its class has."""
    if hasattr(parameter, "choices"):
        return list(parameter.choices)
    if hasattr(parameter, "sequence"):
        numbers = [float(v) if isinstance(v, int | float) else math.nan for v in parameter.sequence]
        increasing = all(a < b for a, b in pairwise(numbers))
        return Ordinal(*parameter.sequence) if increasing else list(parameter.sequence)
    if hasattr(parameter, "value"):
        return [parameter.value]
    log = bool(getattr(parameter, "log", False))
    if "Integer" in type(parameter).__name__:
        return integer_range(parameter.lower, parameter.upper, log=log)
    return float_range(parameter.lower, parameter.upper, log=log)


def _clause(clause: Any, space: Space) -> Clause:
    """Return a forbidden clause as the table of its combinations."""
    involved = {p.name: p for p in _hyperparameters(clause)}
    for parameter in involved.values():
        _options(parameter)  # Refuses those that are real-valued.
    names = [choice.name for choice in space.choices]
    places = tuple(sorted(names.index(name) for name in involved))
    choices = [space.choices[place] for place in places]
    sizes = tuple(len(choice.options) for choice in choices)
    if math.prod(sizes) > MAX_COMBINATIONS:
        raise NmjaxError(
            f"The forbidden clause {clause} has {math.prod(sizes):,} combinations of options, more "
            f"than {MAX_COMBINATIONS:,}; remove it and pass valid= to Space.build."
        )
    combinations = product(*(choice.options for choice in choices))
    forbidden = tuple(
        index
        for index, values in enumerate(combinations)
        if clause.is_forbidden_value({c.name: v for c, v in zip(choices, values, strict=True)})
    )
    required: dict[int, tuple[int, ...]] = {}
    for place in places:
        for ancestor, allowed in space.requirements[0][place]:
            both = set(required.get(ancestor, allowed)) & set(allowed)
            required[ancestor] = tuple(sorted(both))
    return Clause(places, sizes, forbidden, tuple(sorted(required.items())))


def _hyperparameters(clause: Any) -> Iterator[Any]:
    if hasattr(clause, "components"):
        for component in clause.components:
            yield from _hyperparameters(component)
    elif hasattr(clause, "hyperparameter"):
        yield clause.hyperparameter
    else:
        yield from (clause.left, clause.right)
