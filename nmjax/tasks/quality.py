"""What to look at in a history before learning from it, row by row, and keeping it out."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, canonicalize, is_valid, within_bounds
from nmjax.types import History

Kind = Literal[
    "outside", "duplicate", "repeated", "failed", "infinite", "constant", "leaked", "few"
]


_Suspects = tuple[Kind, np.ndarray, str]


class _Table(NamedTuple):
    """[T, M] arrays of one history: `values` [T, M, metrics], codes -1 where not valid."""

    metrics: tuple[str, ...]
    values: np.ndarray
    mask: np.ndarray
    inside: np.ndarray
    architectures: np.ndarray
    evaluations: np.ndarray
    succeeded: np.ndarray


class Finding(NamedTuple):
    """Rows of one task that may not be what they should.

    Attributes:
      kind: "outside", no valid architecture of the space; "duplicate", architecture and metrics
        of an earlier row; "repeated", the architecture of an earlier row with other metrics;
        "failed", a metric is NaN; "infinite", a metric is infinite; "constant", a metric is the
        same throughout; "leaked", evaluations of an earlier task; "few", a task with too few
        evaluations. Isomorphic architectures are one.
      task: its index t.
      rows: int[n], indices m of `history.architecture[t, m]`, increasing.
      text: how many of how many of which task, and what was found.
    """

    kind: Kind
    task: int
    rows: np.ndarray
    text: str


def check_quality(
    history: History,
    space: Space,
    *,
    tasks: Sequence[str] | None = None,
    min_evaluations: int = 10,
    leak_share: float = 0.05,
) -> tuple[Finding, ...]:
    """Everything in `history` to look at, task by task; changes nothing.

    Args:
      history: its choices may lie outside of `space`.
      space: of its architectures.
      tasks: T names, by default their numbers.
      min_evaluations: a task with fewer successful ones of valid architectures is "few".
      leak_share: of the architectures that two tasks share and that succeeded in both, the share
        with all metrics equal from which on these evaluations are "leaked", if there are two. A
        history whose metrics are all the same for every task, such as a number of parameters, is
        so by right.

    Raises:
      NmjaxError: the history has other choices than `space`, or there are not T names.
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
    """`history` with the rows of `findings` masked like padding; shapes and other rows stay.

    Choose by kind: `drop_findings(history, [f for f in found if f.kind in ("outside", "leaked")])`.
    """
    mask = np.array(history.mask)
    for finding in findings:
        mask[finding.task, finding.rows] = False
    return history._replace(mask=jnp.asarray(mask))


def _valid(space: Space, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """bool[T, M] of which are valid, and int[T, M, C]: these canonical, the others 0."""
    within = np.asarray(((rows >= 0) & (rows < np.array(space.num_options))).all(-1))
    safe = jnp.asarray(np.where(within[..., None], rows, 0))
    inside = within & np.asarray(is_valid(space, safe))
    return inside, np.where(inside[..., None], np.asarray(canonicalize(space, safe)), 0)


def _bits(values: np.ndarray) -> np.ndarray:
    """int32 of float32: equal numbers have equal bits, 0 and -0 or two NaN among them."""
    values = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0))
    return values.view(np.int32)


def _codes(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """int[T, M]: a number for each distinct row of [T, M, X], -1 where not `known`."""
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
        if finite.sum() > 1 and np.ptp(column[finite]) == 0:
            yield "constant", finite, f"metric {metric!r} is {column[finite][0]:g} throughout."


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
