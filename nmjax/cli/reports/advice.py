"""Whether a past will help with one more task, for people."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.cli.console import plain_table
from nmjax.errors import NmjaxError, unknown_name
from nmjax.knowledge import compute_task_similarity, learn_from_history
from nmjax.search import Advice, advise
from nmjax.search.transfer_advice import MOST_EVALUATIONS
from nmjax.stats import Interval
from nmjax.tasks import (
    encode_history,
    history_scores,
    read_history,
    select_tasks,
    split_meta_validation,
)
from nmjax.tasks.past_searches import PastSearches
from nmjax.types import Array

if TYPE_CHECKING:
    from rich.console import Group

_POOL = 200


class NewTask(NamedTuple):
    """At most 10 evaluations of a task that the past knows nothing of.

    Attributes:
      name: of the task.
      encoding: float32[n, D], of its architectures.
      score: float[n], higher is better; NaN where the evaluation failed.
    """

    name: str
    encoding: Array
    score: Array


class TransferAdvice(NamedTuple):
    """What a past says of a new task.

    Attributes:
      advice: whether transfer will help.
      similarity: of each past task, float[S], Kendall's rank correlation of what it predicts.
      budget: of the searches that the advice is about.
    """

    advice: Advice
    similarity: Interval
    budget: int


def hold_out(past: PastSearches, target: str, number: int) -> tuple[PastSearches, NewTask]:
    """The past without one task, and the first so many evaluations of that one.

    Raises:
      NmjaxError: there is no such task, or the number is outside 0..10.
    """
    if target not in past.tasks:
        raise unknown_name("task", target, past.tasks)
    if not 0 <= number <= MOST_EVALUATIONS:
        raise NmjaxError(f"Got --first {number}; give 0 to {MOST_EVALUATIONS} evaluations.")
    place = past.tasks.index(target)
    rows = np.flatnonzero(np.asarray(past.history.mask[place]))[:number]
    score = history_scores(past.history, past.score)[place, rows]
    new = NewTask(target, encode_history(past.space, past.history)[place, rows], score)
    return _without(past, target), new


def read_new_task(path: Path, past: PastSearches) -> tuple[PastSearches, NewTask]:
    """The past without a task of that name, and the one task of a file, as `read_history` reads it.

    Raises:
      NmjaxError: the file cannot be read, or holds other than one task of at most 10 evaluations.
    """
    history, names = read_history(path, past.space, metrics=(past.score.name,))
    if len(names) != 1 or history.mask.shape[1] > MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got {history.mask.shape[1]} evaluations of {len(names)} tasks in {path}; give one "
            f"task, and at most {MOST_EVALUATIONS} evaluations of it."
        )
    score = history_scores(history, past.score)[0]
    encoding = encode_history(past.space, history)[0]
    return _without(past, names[0]), NewTask(names[0], encoding, score)


def advise_transfer(
    key: Array, past: PastSearches, new: NewTask, *, budget: int = 20, replays: int = 8
) -> TransferAdvice:
    """Learns from a past and asks it about a new task.

    Replays search 200 evaluations of each past task, or as many as the least known one has.

    Args:
      key: of everything random.
      past: without the new task.
      new: what is known of it.
      budget: of the searches without transfer.
      replays: of each past task.

    Raises:
      NmjaxError: fewer than two past tasks, or too few evaluations of one to learn from it or to
        search.
    """
    if len(past.tasks) < 2:
        raise NmjaxError(f"Got {len(past.tasks)} past task; advice takes at least two.")
    if budget < 1 or replays < 1:
        raise NmjaxError(f"Got --budget {budget} and --replays {replays}; give at least 1.")
    split_key, learn_key, similarity_key, advice_key = jax.random.split(key, 4)
    validation = split_meta_validation(split_key, past.tasks)
    knowledge, _ = learn_from_history(
        learn_key, past.history, past.score, validation, space=past.space
    )
    missing = MOST_EVALUATIONS - len(new.score)
    encoding = jnp.pad(new.encoding, ((0, missing), (0, 0)))
    score = jnp.pad(new.score, (0, missing), constant_values=jnp.nan)
    past_score = history_scores(past.history, past.score)
    fewest = int(np.sum(~np.isnan(np.asarray(past_score)), axis=-1).min())
    advice = advise(
        advice_key,
        knowledge,
        encoding,
        score,
        encode_history(past.space, past.history),
        past_score,
        replays=replays,
        pool_size=min(_POOL, fewest),
        budget=budget,
    )
    similarity = jax.jit(compute_task_similarity)(similarity_key, knowledge, encoding, score)
    return TransferAdvice(advice, similarity, budget)


def advice_report(past: PastSearches, new: NewTask, found: TransferAdvice) -> "Group":
    """What a person reads: probability, evaluations saved, and how alike each past task is."""
    from rich.console import Group
    from rich.text import Text

    known = int(np.sum(~np.isnan(np.asarray(new.score))))
    failed = f", {len(new.score) - known} of them failed" if known < len(new.score) else ""
    heading = f"\n{past.name}: will {len(past.tasks)} past tasks help with {new.name}?"
    caption = f"From {len(new.score)} evaluations of it{failed}.\n"

    answers = plain_table()
    answers.add_column("", no_wrap=True)
    answers.add_column("", justify="right", no_wrap=True)
    answers.add_column("90% interval", justify="right", no_wrap=True)
    for text, interval, form in (
        ("probability that transfer helps", found.advice.probability, ".2f"),
        (f"evaluations it saves of {found.budget}", found.advice.saved, "+.1f"),
    ):
        middle, low, high = (format(float(end), form) for end in interval)
        answers.add_row(text, middle, f"{low} to {high}")

    alike = plain_table()
    alike.add_column("past task", no_wrap=True)
    alike.add_column("rank correlation", justify="right", no_wrap=True)
    alike.add_column("95% interval", justify="right", no_wrap=True)
    ends = np.stack([np.asarray(end) for end in found.similarity], axis=-1)
    for source in np.argsort(-ends[:, 0], kind="stable"):
        middle, low, high = (f"{end:.2f}" for end in ends[source])
        alike.add_row(past.tasks[source], middle, f"{low} to {high}")
    return Group(
        Text(heading, style="bold"),
        Text(caption, style="dim"),
        answers,
        f"\nIt helps where fewer evaluations give what a search without the past has after "
        f"{found.budget}.\n",
        alike,
        "",
    )


def _without(past: PastSearches, name: str) -> PastSearches:
    kept = [place for place, task in enumerate(past.tasks) if task != name]
    history = select_tasks(past.history, np.array(kept, int))
    return past._replace(tasks=tuple(past.tasks[place] for place in kept), history=history)
