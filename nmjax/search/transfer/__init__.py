"""Predict whether transfer from past tasks will help with a new one, by replaying past tasks."""

from nmjax.search.transfer.advice import (
    NewTask,
    TransferAdvice,
    advise_from_past,
    advise_transfer,
    replay_sizes,
)
from nmjax.search.transfer.replay import MOST_EVALUATIONS

__all__ = [
    "MOST_EVALUATIONS",
    "NewTask",
    "TransferAdvice",
    "advise_from_past",
    "advise_transfer",
    "replay_sizes",
]
