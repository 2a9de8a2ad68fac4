"""Children that train: hundreds of different networks in one compiled call."""

from nmjax.live.cells import CellFamily, CellNetwork
from nmjax.live.data import Dataset, Rows, accuracy, cross_entropy, split_rows
from nmjax.live.evaluation import (
    LiveEvaluation,
    LivePool,
    LiveProblem,
    LiveTarget,
    live_pool,
    live_problem,
    make_target,
)
from nmjax.live.family import Family
from nmjax.live.joint import split_architecture, training_space
from nmjax.live.mlps import MLPFamily, Perceptron
from nmjax.live.modules import train_modules
from nmjax.live.resumable import LiveTraining
from nmjax.live.settings import TrainingConfig, TrainingHyper, batch_order, make_optimizer
from nmjax.live.tasks import CONTEXT, LiveTask, list_tasks, load_task
from nmjax.live.training import TrainingResult, train_child, train_children
from nmjax.live.transformers import TransformerFamily, TransformerNetwork

__all__ = [
    "CONTEXT",
    "CellFamily",
    "CellNetwork",
    "Dataset",
    "Family",
    "LiveEvaluation",
    "LivePool",
    "LiveProblem",
    "LiveTarget",
    "LiveTask",
    "LiveTraining",
    "MLPFamily",
    "Perceptron",
    "Rows",
    "TrainingConfig",
    "TrainingHyper",
    "TrainingResult",
    "TransformerFamily",
    "TransformerNetwork",
    "accuracy",
    "batch_order",
    "cross_entropy",
    "list_tasks",
    "live_pool",
    "live_problem",
    "load_task",
    "make_optimizer",
    "make_target",
    "split_architecture",
    "split_rows",
    "train_child",
    "train_children",
    "train_modules",
    "training_space",
]
