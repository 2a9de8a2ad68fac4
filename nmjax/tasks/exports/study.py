"""Studies of other tools, and the table of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmjax.errors import NmjaxError
from nmjax.tasks.tables.table import Direction, Table, table_of_rows

PARAMETER = "params_"
"""Prefix of the columns of parameters."""


@dataclass(frozen=True)
class Study:
    """The trials of one search.

    Attributes:
      name: Name of the study, which becomes the name of its task.
      rows: {column: value} of each trial; those of parameters begin with `PARAMETER`.
      objectives: {column: direction} of what was optimized; the direction is None if unknown.
      directions: Likewise, of all metrics whose direction is known.
      unnamed: Whether the only objective has no name of its own.
      domains: {column: list of options, `Ordinal`, `Integer` or `Real`} of parameters.
      labels: Where each row is, such as "trial_3/trial.json".
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    objectives: Mapping[str, Direction | None] = field(default_factory=dict)
    directions: Mapping[str, Direction | None] = field(default_factory=dict)
    unnamed: bool = False
    domains: Mapping[str, Any] = field(default_factory=dict)
    labels: Sequence[str] = ()


def table_of_studies(source: str, studies: Sequence[Study]) -> Table:
    """Return the table of all trials, with a column "task" if there are several studies.

    Raises:
      NmjaxError: Two studies have different objectives or directions.
    """
    first = studies[0]
    for study in studies:
        if dict(study.objectives) != dict(first.objectives):
            raise NmjaxError(
                f"{source} has studies {first.name!r} and {study.name!r}, which optimize "
                f"{_described(first)} and {_described(study)}. Read them apart, with tasks "
                "(--tasks)."
            )
    several = len({study.name for study in studies}) > 1
    rows = [{**row, "task": s.name} if several else row for s in studies for row in s.rows]
    labels = [label for s in studies for label in (s.labels or _numbered(s, several))]
    return table_of_rows(
        source,
        rows,
        study=None if several else first.name,
        objectives=first.objectives,
        directions={**first.directions, **first.objectives},
        unnamed=first.unnamed,
        domains=_common_domains(studies),
        labels=tuple(labels),
    )


def choose_studies(source: str, studies: Sequence[Study], tasks: Sequence[str]) -> Sequence[Study]:
    """Return the studies that have trials, of the names `tasks` if there are any.

    Raises:
      NmjaxError: There is none.
    """
    chosen = [study for study in studies if study.rows and (not tasks or study.name in tasks)]
    if not chosen:
        known = ", ".join(repr(study.name) for study in studies) or "(none)"
        wanted = f" called {' or '.join(map(repr, tasks))}" if tasks else ""
        raise NmjaxError(f"{source} has no study with trials{wanted}; its studies are {known}.")
    return chosen


def _common_domains(studies: Sequence[Study]) -> dict[str, Any]:
    """Return the domains that no two studies contradict."""
    known: dict[str, list[Any]] = {}
    for study in studies:
        for column, domain in study.domains.items():
            known.setdefault(column, []).append(domain)
    return {
        column: domains[0]
        for column, domains in known.items()
        if all(domain == domains[0] for domain in domains)
    }


def _described(study: Study) -> str:
    return ", ".join(f"{name!r} ({way or 'unknown'})" for name, way in study.objectives.items())


def _numbered(study: Study, several: bool) -> list[str]:
    of_study = f" of study {study.name!r}" if several else ""
    return [f"row {row + 1}{of_study}" for row in range(len(study.rows))]
