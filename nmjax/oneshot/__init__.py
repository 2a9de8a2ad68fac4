"""Differentiable and one-shot architecture search: all architectures in one network."""

from nmjax.oneshot.bilevel import BilevelGradient, BilevelHyper, FirstOrder, Implicit, Unrolled
from nmjax.oneshot.cells import CellSupernet
from nmjax.oneshot.children import count_option, matched_children
from nmjax.oneshot.inheritance import (
    InheritedEvaluation,
    SharedWeightsPool,
    inherited_scores,
    shared_weights_pool,
)
from nmjax.oneshot.meta_start import sample_class_tasks, supernet_loss
from nmjax.oneshot.methods import (
    beta_darts,
    darts,
    drnas,
    gdas,
    pc_darts,
    single_path,
    smooth_darts,
)
from nmjax.oneshot.mlps import MLPSupernet
from nmjax.oneshot.paths import UniformPath
from nmjax.oneshot.search import SupernetSearch
from nmjax.oneshot.settings import (
    SupernetHyper,
    SupernetInfo,
    SupernetParams,
    SupernetState,
    SupernetStrengths,
)
from nmjax.oneshot.supernet import Supernet
from nmjax.oneshot.training import train_supernet, train_supernets

__all__ = [
    "BilevelGradient",
    "BilevelHyper",
    "CellSupernet",
    "FirstOrder",
    "Implicit",
    "InheritedEvaluation",
    "SharedWeightsPool",
    "MLPSupernet",
    "Supernet",
    "SupernetHyper",
    "SupernetInfo",
    "SupernetParams",
    "SupernetSearch",
    "SupernetState",
    "SupernetStrengths",
    "UniformPath",
    "Unrolled",
    "beta_darts",
    "count_option",
    "darts",
    "drnas",
    "gdas",
    "inherited_scores",
    "matched_children",
    "pc_darts",
    "sample_class_tasks",
    "shared_weights_pool",
    "single_path",
    "smooth_darts",
    "supernet_loss",
    "train_supernet",
    "train_supernets",
]
