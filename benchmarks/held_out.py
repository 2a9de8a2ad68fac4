"""What benchmarks that hold out every task of a suite have in common."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax

import nmjax
from nmjax.experiments.leave_one_out import Prepared, prepare
from nmjax.types import Array


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


def hold_out_each(suite: nmjax.Suite, history_size: int) -> Iterator[tuple[Array, Prepared]]:
    """A key, and what the past of the others taught, for each task in turn."""
    for t, task in enumerate(suite.tasks):
        learn_key, key = jax.random.split(jax.random.fold_in(jax.random.key(0), t))
        split = nmjax.leave_one_out(suite, task)
        yield key, prepare(learn_key, suite, split, history_size=history_size)
