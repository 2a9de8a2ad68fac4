"""Children that train: hundreds of different networks in one compiled call."""

from nmjax.live.cells import CellFamily, CellNetwork
from nmjax.live.children import train_children
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
from nmjax.live.graphs.family import GraphFamily, GraphNetwork
from nmjax.live.graphs.nodes import Graph, Nodes, make_graph, split_nodes
from nmjax.live.graphs.tasks import GraphTask, list_graph_tasks, load_graph_task
from nmjax.live.joint import split_architecture, training_space
from nmjax.live.layerwise import LayerwiseMLPFamily, LayerwisePerceptron
from nmjax.live.mlps import MLPFamily, Perceptron
from nmjax.live.modules import train_modules
from nmjax.live.resumable import LiveTraining
from nmjax.live.settings import TrainingConfig, TrainingHyper, batch_order, make_optimizer
from nmjax.live.tasks import CONTEXT, LiveTask, list_tasks, load_task
from nmjax.live.training import TrainingResult, train_child
from nmjax.live.transformers import TransformerFamily, TransformerNetwork

__all__ = [
    "CONTEXT",
    "CellFamily",
    "CellNetwork",
    "Dataset",
    "Family",
    "Graph",
    "GraphFamily",
    "GraphNetwork",
    "GraphTask",
    "LayerwiseMLPFamily",
    "LayerwisePerceptron",
    "LiveEvaluation",
    "LivePool",
    "LiveProblem",
    "LiveTarget",
    "LiveTask",
    "LiveTraining",
    "MLPFamily",
    "Nodes",
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
    "list_graph_tasks",
    "list_tasks",
    "live_pool",
    "live_problem",
    "load_graph_task",
    "load_task",
    "make_graph",
    "make_optimizer",
    "make_target",
    "split_architecture",
    "split_nodes",
    "split_rows",
    "train_child",
    "train_children",
    "train_modules",
    "training_space",
]
