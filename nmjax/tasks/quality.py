"""Suspicious rows of a history: find them, and leave them out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError, unknown_name
from nmjax.spaces import Space, canonicalize, is_valid, within_bounds
from nmjax.tasks.metrics import largest_score
from nmjax.types import History

Kind = Literal[
    "outside",
    "duplicate",
    "repeated",
    "failed",
    "infinite",
    "huge",
    "rounded",
    "constant",
    "leaked",
    "few",
]


LARGEST_ROUNDING = 0.05
"""Distance of neighboring float32, relative to a metric's standard deviation, that is "rounded"."""

_Suspects = tuple[Kind, np.ndarray, str]


class _Table(NamedTuple):
    """Arrays [T, M] of one history; `values` is [T, M, metrics], codes are -1 where invalid."""

    metrics: tuple[str, ...]
    values: np.ndarray
    mask: np.ndarray
    inside: np.ndarray
    architectures: np.ndarray
    evaluations: np.ndarray
    succeeded: np.ndarray


@dataclass(frozen=True, eq=False)
class Finding:
    """Suspicious rows of one task.

    Attributes:
      kind: "outside": not a valid architecture of the space; "duplicate": same architecture and
        metrics as an earlier row; "repeated": same architecture as an earlier row, other metrics;
        "failed": a metric is NaN; "infinite": a metric is infinite; "huge": a metric is so large
        that scores by it, unless on a logarithmic scale, are failures; "rounded": float32 rounds
        the differences of a metric; "constant": a metric has one value; "leaked": same evaluations
        as an earlier task; "few": a task with too few evaluations. Isomorphic architectures count
        as the same.
      task: Index of the task.
      rows: Indices of the rows of the task, increasing, int[n].
      text: Message with the number of rows, the task and the reason.

    Raises:
      NmjaxError: The kind is unknown.

    Example:
      >>> import numpy as np
      >>> from nmjax.tasks import Finding
      >>> Finding("failed", 0, np.array([3]), "1 of 9 of 'cora': metric 'loss' is NaN.").kind
      'failed'
    """

    kind: Kind
    task: int
    rows: np.ndarray
    text: str

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise unknown_name("kind of finding", self.kind, get_args(Kind))


def check_quality(
    history: History,
    space: Space,
    *,
    tasks: Sequence[str] | None = None,
    min_evaluations: int = 10,
    leak_share: float = 0.05,
) -> tuple[Finding, ...]:
    """Find suspicious rows, task by task.

    Args:
      history: Evaluations, whose options may be outside the space.
      space: Space of the architectures.
      tasks: T names for the messages, by default indices.
      min_evaluations: Number of successful evaluations of valid architectures below which a task
        is "few".
      leak_share: Share of the architectures that succeeded in both of two tasks, from which on
        those with all metrics equal are "leaked", if there are at least two. Metrics that do not
        depend on the task, such as a number of parameters, are always equal; leave them out.

    Raises:
      NmjaxError: The history has other choices than the space, or there are not T names.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import check_quality, make_history
      >>> history = make_history([[[0], [1], [1]]], {"loss": [[0.3, 0.2, 0.2]]})
      >>> found = check_quality(history, Space(op=["conv", "pool"]), min_evaluations=1)
      >>> [(finding.kind, finding.rows.tolist()) for finding in found]
      [('duplicate', [2])]
    """
    mask, rows = np.asarray(history.mask), np.asarray(history.architecture)
    continuous = np.asarray(history.continuous)
    names = [str(t) for t in range(len(mask))] if tasks is None else list(tasks)
    if rows.shape[-1] != space.num_choices or len(names) != len(mask):
        raise NmjaxError(
            f"Got {rows.shape[-1]} choices and {len(names)} task names, expected "
            f"{space.num_choices} as in space {space.name!r} and {len(mask)}."
        )
    inside, rows = _valid(space, rows)
    inside &= within_bounds(space, continuous).all(-1)
    rows = np.concatenate([rows, _bits(continuous)], axis=-1)
    values = np.stack([np.asarray(column) for column in history.metrics.values()], axis=-1)
    known = mask & inside
    table = _Table(
        metrics=tuple(history.metrics),
        values=values,
        mask=mask,
        inside=inside,
        architectures=_codes(rows, known),
        evaluations=_codes(np.concatenate([rows, _bits(values)], axis=-1), known),
        succeeded=known & np.isfinite(values).all(-1),
    )
    return tuple(
        Finding(kind, task, np.flatnonzero(where), f"{where.sum()} of {total} of {name!r}: {text}")
        for task, (name, total) in enumerate(zip(names, mask.sum(-1), strict=True))
        for kind, where, text in (
            *_of_architectures(table, task, space),
            *_of_metrics(table, task),
            *_of_other_tasks(table, task, names, leak_share),
            *_of_size(table, task, min_evaluations),
        )
        if where.any()
    )


def drop_findings(history: History, findings: Sequence[Finding]) -> History:
    """Mask the rows of findings as padding; shapes and other rows stay.

    Args:
      history: History that the findings are about.
      findings: Findings of `check_quality`, for instance those of some kinds.

    Example:
      >>> from nmjax.spaces import Space
      >>> from nmjax.tasks import check_quality, drop_findings, make_history
      >>> history = make_history([[[0], [1], [1]]], {"loss": [[0.3, 0.2, 0.2]]})
      >>> found = check_quality(history, Space(op=["conv", "pool"]), min_evaluations=1)
      >>> drop_findings(history, [f for f in found if f.kind == "duplicate"]).mask.tolist()
      [[True, True, False]]
    """
    mask = np.array(history.mask)
    for finding in findings:
        mask[finding.task, finding.rows] = False
    return history._replace(mask=jnp.asarray(mask))


def _valid(space: Space, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the valid rows bool[T, M], and the rows int[T, M, C], canonical or 0 if invalid."""
    within = np.asarray(((rows >= 0) & (rows < np.array(space.num_options))).all(-1))
    safe = jnp.asarray(np.where(within[..., None], rows, 0))
    inside = within & np.asarray(is_valid(space, safe))
    return inside, np.where(inside[..., None], np.asarray(canonicalize(space, safe)), 0)


def _bits(values: np.ndarray) -> np.ndarray:
    """Return float32 as int32 such that equal numbers, 0 and -0, and all NaN have equal bits."""
    values = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0))
    return values.view(np.int32)


def _codes(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return a number for each distinct row of [T, M, X], -1 where not `known`: int[T, M]."""
    codes = np.full(known.shape, -1)
    codes[known] = np.unique(rows[known], axis=0, return_inverse=True)[1].reshape(-1)
    return codes


def _seen_before(codes: np.ndarray) -> np.ndarray:
    seen = codes >= 0
    seen[np.unique(codes, return_index=True)[1]] = False
    return seen


def _of_architectures(table: _Table, task: int, space: Space) -> Iterator[_Suspects]:
    duplicate = _seen_before(table.evaluations[task])
    repeated = _seen_before(table.architectures[task]) & ~duplicate
    outside = table.mask[task] & ~table.inside[task]
    yield "outside", outside, f"no architecture of space {space.name!r}."
    yield "duplicate", duplicate, "architecture and metrics of an earlier row."
    yield "repeated", repeated, "the architecture of an earlier row with other metrics."


def _of_metrics(table: _Table, task: int) -> Iterator[_Suspects]:
    mask = table.mask[task]
    for metric, column in zip(table.metrics, table.values[task].T, strict=True):
        finite = mask & np.isfinite(column)
        yield "failed", mask & np.isnan(column), f"metric {metric!r} is NaN."
        yield "infinite", mask & np.isinf(column), f"metric {metric!r} is infinite."
        limit = largest_score(column.dtype)
        huge = finite & (np.abs(column) >= limit)
        yield "huge", huge, f"metric {metric!r} is beyond {limit:.1e}, which counts as failed."
        yield from _of_values(metric, column[finite & ~huge], finite & ~huge)


def _of_values(metric: str, values: np.ndarray, where: np.ndarray) -> Iterator[_Suspects]:
    if len(values) < 2:
        return
    if np.ptp(values) == 0:
        yield "constant", where, f"metric {metric!r} is {values[0]:g} throughout."
        return
    rounding = float(np.spacing(np.abs(values).max()))
    if rounding > LARGEST_ROUNDING * np.std(values, dtype=np.float64):
        yield (
            "rounded",
            where,
            f"metric {metric!r} is stored in steps of {rounding:g}; subtract a constant, such as "
            f"{values.min():g}, before you store it.",
        )


def _of_other_tasks(
    table: _Table, task: int, names: Sequence[str], leak_share: float
) -> Iterator[_Suspects]:
    mine, architectures = table.succeeded[task], table.architectures[task]
    for earlier in range(task):
        theirs = table.succeeded[earlier]
        common = np.intersect1d(architectures[mine], table.architectures[earlier][theirs])
        same = mine & np.isin(table.evaluations[task], table.evaluations[earlier][theirs])
        if len(np.unique(architectures[same])) >= max(2, leak_share * len(common)):
            yield "leaked", same, f"evaluations of {names[earlier]!r} as well."


def _of_size(table: _Table, task: int, min_evaluations: int) -> Iterator[_Suspects]:
    if (enough := table.succeeded[task].sum()) < min_evaluations:
        yield "few", table.mask[task], f"{enough} succeeded, fewer than {min_evaluations}."
