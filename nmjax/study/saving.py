"""Studies as JSON-compatible values and arrays."""

from nmjax.errors import NmjaxError
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


def serialize_study(study: Study) -> Serialized:
    """Convert a study to its serialized form: knowledge, settings and trials.

    Raises:
      NmjaxError: The algorithm has other settings than its capacity, or the study has a function of
        feasibility.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.study import Study, serialize_study
      >>> serialize_study(Study(Space(width=[1, 2, 3]), budget=3)).description["budget"]
      3
    """
    default = pool_search(study.space, study.algorithm.capacity)
    if study.algorithm != default:
        raise NmjaxError(
            f"Got a study with the algorithm {study.algorithm}; a file holds studies with "
            f"{default} only. Save study.knowledge, and keep study.trials yourself."
        )
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
        "capacity": study.algorithm.capacity,
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
        algorithm=pool_search(knowledge.space, saved["capacity"]),
    )
    for trial in saved["trials"]:
        architecture, continuous = trial["point"]
        study._add(Point(tuple(architecture), tuple(continuous)))
    for number in saved["finished"]:
        study._log.finish(number, saved["trials"][number]["value"])
    return study


register_serializer("study", Serializer(Study, serialize_study, deserialize_study))
