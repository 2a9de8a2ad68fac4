"""Children that train: hundreds of different networks in one compiled call."""

from nmjax.live.data import Dataset, Rows, accuracy, cross_entropy, split_rows
from nmjax.live.family import Family
from nmjax.live.joint import split_architecture, training_space
from nmjax.live.mlps import MLPFamily, Perceptron
from nmjax.live.tasks import CONTEXT, LiveTask, list_tasks, load_task
from nmjax.live.training import (
    TrainingConfig,
    TrainingHyper,
    TrainingResult,
    batch_order,
    make_optimizer,
    train_child,
    train_children,
)

__all__ = [
    "CONTEXT",
    "Dataset",
    "Family",
    "LiveTask",
    "MLPFamily",
    "Perceptron",
    "Rows",
    "TrainingConfig",
    "TrainingHyper",
    "TrainingResult",
    "accuracy",
    "batch_order",
    "cross_entropy",
    "list_tasks",
    "load_task",
    "make_optimizer",
    "split_architecture",
    "split_rows",
    "train_child",
    "train_children",
    "training_space",
]
