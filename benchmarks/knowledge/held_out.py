"""Loop and settings of the benchmarks that hold out every task of a suite."""

import argparse
import time
from collections.abc import Callable
from typing import Any, TypeVar

import jax

import nmjax
from nmjax.evaluation.leave_one_out import Prepared, prepare
from nmjax.types import Array

Found = TypeVar("Found")


def settings(
    arguments: argparse.Namespace, learn: nmjax.LearnConfig | None = None
) -> dict[str, Any]:
    """Settings of learning, by default those of `LearnConfig`, for a result file."""
    return {
        "searches": arguments.searches,
        "history_size": arguments.history_size,
        "learn": vars(learn or nmjax.LearnConfig()),
    }


def measure_each(
    measure: Callable[[Array, Prepared, int], Found],
    suite: nmjax.Suite,
    asked: argparse.Namespace,
    learn: nmjax.LearnConfig | None = None,
) -> list[Found]:
    """Hold out each task in turn, and collect the results of `measure`.

    Args:
      measure: function of a key, the prepared search of a task, and the number of searches.
      suite: benchmark whose tasks are held out.
      asked: parsed arguments, with `searches` of each task and `history_size` of each source.
      learn: settings of learning; by default those of `config_for`.
    """
    begun, found = time.perf_counter(), []
    for t, task in enumerate(suite.tasks):
        learn_key, key = jax.random.split(jax.random.fold_in(jax.random.key(0), t))
        split = nmjax.leave_one_out(suite, task)
        size = asked.history_size
        prepared = prepare(learn_key, suite, split, history_size=size, config=learn)
        found.append(measure(key, prepared, asked.searches))
        print(f"{task}: {time.perf_counter() - begun:.0f} s", flush=True)
    return found
