"""What benchmarks that hold out every task of a suite have in common."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax

import nmjax
from nmjax.evaluation.leave_one_out import Prepared, prepare
from nmjax.types import Array

Found = TypeVar("Found")


def parse(description: str, *, lanes: int) -> argparse.Namespace:
    """The suite, how many lanes, how large the past and where the data are."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--suite", default="transnas101")
    parser.add_argument("--lanes", type=int, default=lanes)
    parser.add_argument("--history-size", type=int, default=300)
    parser.add_argument("--data", type=Path, default=None)
    return parser.parse_args()


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Those of learning, for a result file."""
    return {
        "lanes": arguments.lanes,
        "history_size": arguments.history_size,
        "learn": vars(nmjax.LearnConfig()),
    }


def measure_each(
    measure: Callable[[Array, Prepared, int], Found],
    suite: nmjax.Suite,
    *,
    lanes: int,
    history_size: int,
) -> list[Found]:
    """What `measure` finds of each task, held out in turn.

    Args:
      measure: (key, what the past of the other tasks taught, lanes) -> what is found.
      suite: a benchmark.
      lanes: of each task.
      history_size: evaluations of each other task.
    """
    begun, found = time.perf_counter(), []
    for t, task in enumerate(suite.tasks):
        learn_key, key = jax.random.split(jax.random.fold_in(jax.random.key(0), t))
        split = nmjax.leave_one_out(suite, task)
        prepared = prepare(learn_key, suite, split, history_size=history_size)
        found.append(measure(key, prepared, lanes))
        print(f"{task}: {time.perf_counter() - begun:.0f} s", flush=True)
    return found
