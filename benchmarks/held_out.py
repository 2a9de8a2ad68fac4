"""What benchmarks that hold out every task of a suite have in common."""

import argparse
from pathlib import Path
from typing import Any

import nmjax


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
