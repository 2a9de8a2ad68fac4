"""`nmjax advise`: predict whether past searches will help with a new task."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import arg

from nmjax.cli.console import make_console
from nmjax.cli.past_options import PastConfig, draw_past
from nmjax.compilation_cache import enable_compilation_cache
from nmjax.errors import NmjaxError, unknown_name

if TYPE_CHECKING:
    from nmjax.search import NewTask
    from nmjax.tasks.past_searches import PastSearches


@dataclass(frozen=True)
class AdviseConfig(PastConfig):
    """Predict whether past searches will help with a new task, from at most 10 evaluations of it.

    Prints an estimate of the probability that a search with transfer needs fewer evaluations than
    one without, and the similarity of each past task, with intervals. The probability is not
    calibrated. The evaluations should be random.

    Attributes:
      target: Past task to treat as new, with its first random evaluations.
      first: Number of evaluations of the target to use, 0 to 10.
      new: File with the evaluations of one new task, ending in .csv, .parquet or .jsonl, instead of
        a target. Its columns are the choices, the metric, and "task".
      evaluations: Maximum number of evaluations of each past task, drawn at random.
      budget: Number of evaluations of the search without transfer.
      replays: Number of times that each past task is replayed as if it were new.
    """

    target: Annotated[str | None, arg(metavar="TASK", help_behavior_hint="")] = None
    first: int = 10
    new: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    evaluations: int = 300
    budget: Annotated[
        int | None, arg(metavar="INT", help_behavior_hint="(default: 20, or what the past allows)")
    ] = None
    replays: int = 8


def run(config: AdviseConfig) -> None:
    """Print the advice.

    Raises:
      NmjaxError: a name is unknown, a number is out of range, a file cannot be read, data are not
        installed, or the past is too small to learn from.
    """
    from nmjax.cli.reports.advice import advice_report
    from nmjax.search import advise_from_past

    if (config.target is None) == (config.new is None):
        raise NmjaxError("Got neither or both of --target and --new; give one of them.")
    if config.replays < 1:
        raise NmjaxError(f"Got --replays {config.replays}; give at least 1.")
    if config.budget is not None and config.budget < 1:
        raise NmjaxError(f"Got --budget {config.budget}; give at least 1.")
    enable_compilation_cache()
    past, key = draw_past(config)
    if config.new is not None:
        past, new = _read_new_task(config.new, past)
    else:
        past, new = _hold_out(past, config.target or "", config.first)
    found = advise_from_past(key, past, new, budget=config.budget, replays=config.replays)
    make_console().print(advice_report(past, new, found))


def _hold_out(past: "PastSearches", target: str, number: int) -> "tuple[PastSearches, NewTask]":
    """Split the past into all tasks but one, and the first evaluations of that one.

    Raises:
      NmjaxError: there is no such task, or the number is outside 0..10.
    """
    import numpy as np

    from nmjax.search import NewTask
    from nmjax.search.transfer import MOST_EVALUATIONS
    from nmjax.tasks import encode_history, history_scores

    if target not in past.tasks:
        raise unknown_name("task", target, past.tasks)
    if not 0 <= number <= MOST_EVALUATIONS:
        raise NmjaxError(f"Got --first {number}; give 0 to {MOST_EVALUATIONS} evaluations.")
    place = past.tasks.index(target)
    rows = np.flatnonzero(np.asarray(past.history.mask[place]))[:number]
    score = history_scores(past.history, past.required_metric)[place, rows]
    new = NewTask(target, encode_history(past.space, past.history)[place, rows], score)
    return _without(past, target), new


def _read_new_task(path: Path, past: "PastSearches") -> "tuple[PastSearches, NewTask]":
    """Read the one task of a file, and drop a past task of the same name.

    Raises:
      NmjaxError: the file cannot be read, or does not hold one task of at most 10 evaluations.
    """
    from nmjax.search import NewTask
    from nmjax.search.transfer import MOST_EVALUATIONS
    from nmjax.tasks import encode_history, history_scores, read_history

    read = read_history(path, past.space, metrics=(past.required_metric.name,))
    history, names = read.history, read.tasks
    if len(names) != 1 or history.mask.shape[1] > MOST_EVALUATIONS:
        raise NmjaxError(
            f"Got {history.mask.shape[1]} evaluations of {len(names)} tasks in {path}; give one "
            f"task, and at most {MOST_EVALUATIONS} evaluations of it."
        )
    score = history_scores(history, past.required_metric)[0]
    encoding = encode_history(past.space, history)[0]
    return _without(past, names[0]), NewTask(names[0], encoding, score)


def _without(past: "PastSearches", name: str) -> "PastSearches":
    kept = [task for task in past.tasks if task != name]
    if not kept:
        raise NmjaxError("Got 0 past tasks besides the new one; advice needs at least two.")
    return past.select(kept)
