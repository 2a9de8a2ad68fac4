"""Studies as JSON-compatible values and arrays."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.search import LocalSearch, RandomSearch, RegularizedEvolution
from nmjax.search.algorithm import AnySearch
from nmjax.search.choose import pool_search
from nmjax.spaces import Space
from nmjax.storage import (
    Serialized,
    Serializer,
    deserialize_knowledge,
    register_serializer,
    serialize_knowledge,
)
from nmjax.study.candidates import Point
from nmjax.study.study import Study

_BASELINES: dict[str, type[Any]] = {
    made.__name__: made for made in (RandomSearch, RegularizedEvolution, LocalSearch)
}
_SHARED = ("capacity", "evaluate")


def serialize_study(study: Study) -> Serialized:
    """Convert a study to its serialized form: knowledge, settings and trials.

    Raises:
      NmjaxError: The algorithm is neither the default nor random search, evolution or local search,
        or the study has a function of feasibility.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.study import Study, serialize_study
      >>> serialize_study(Study(Space(width=[1, 2, 3]), budget=3)).description["budget"]
      3
    """
    algorithm = _describe(study.algorithm, study.space)
    if study.feasibility is not None:
        raise NmjaxError(
            "Got a study with a function of feasibility, which a file cannot hold. Save "
            "study.knowledge, and keep study.trials yourself."
        )
    knowledge = serialize_knowledge(study.knowledge)
    trials = [
        {"point": point, "value": trial.value}
        for point, trial in zip(study._log.points, study._log.trials, strict=True)
    ]
    description = {
        "knowledge": knowledge.description,
        "budget": study.budget,
        "seed": study.seed,
        "direction": study.metric.direction,
        **algorithm,
        "trials": trials,
        "finished": study._log.finished,
    }
    return Serialized(description, knowledge.arrays)


def deserialize_study(serialized: Serialized, space: Space | None) -> Study:
    """Restore a study from its serialized form.

    Args:
      serialized: Result of `serialize_study`.
      space: The space, as for `nmjax.load`; None if the file describes it completely.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.study import Study, deserialize_study, serialize_study
      >>> serialized = serialize_study(Study(Space(width=[1, 2, 3]), budget=3))
      >>> deserialize_study(serialized, None).budget
      3
    """
    saved = serialized.description
    knowledge = deserialize_knowledge(Serialized(saved["knowledge"], serialized.arrays), space)
    study = Study(
        knowledge,
        saved["budget"],
        seed=saved["seed"],
        direction=saved["direction"],
        algorithm=_restore(saved, knowledge.space),
    )
    for trial in saved["trials"]:
        architecture, continuous = trial["point"]
        study._add(Point(tuple(architecture), tuple(continuous)))
    for number in saved["finished"]:
        study._log.finish(number, saved["trials"][number]["value"])
    return study


def _describe(algorithm: AnySearch, space: Space) -> dict[str, Any]:
    """Capacity of the default algorithm of a space; capacity, name and settings of a baseline."""
    default = pool_search(space, algorithm.capacity)
    if algorithm == default:
        return {"capacity": algorithm.capacity}
    names = [field.name for field in fields(algorithm) if field.name not in _SHARED]
    if type(algorithm) in _BASELINES.values() and algorithm.evaluate is default.evaluate:
        settings = {name: int(getattr(algorithm, name)) for name in names}
        named = {"name": type(algorithm).__name__, "settings": settings}
        return {"capacity": algorithm.capacity, "algorithm": named}
    raise NmjaxError(
        f"Got a study with the algorithm {algorithm}; a file holds studies with {default}, "
        f"{', '.join(_BASELINES)}. Save study.knowledge, and keep study.trials yourself."
    )


def _restore(saved: Mapping[str, Any], space: Space) -> AnySearch:
    """Make the algorithm that `_describe` described."""
    if "algorithm" not in saved:
        return pool_search(space, saved["capacity"])
    made = _BASELINES[saved["algorithm"]["name"]]
    algorithm: AnySearch = made(capacity=saved["capacity"], **saved["algorithm"]["settings"])
    return algorithm


register_serializer("study", Serializer(Study, serialize_study, deserialize_study))
