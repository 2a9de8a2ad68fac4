"""Differentiable relaxations of a space: strengths, soft choices and back to architectures.

`Relaxation` is the Protocol. Strengths are ordinary pytrees, so any Optax optimizer updates them,
and temperatures are traced, so any Optax schedule anneals them.
"""

from nmjax.relax.discretize import most_probable
from nmjax.relax.estimators import Enumeration, Estimate, GradientEstimator, Pathwise
from nmjax.relax.learned_control import ControlNetwork, Relax
from nmjax.relax.members import (
    DirichletRelaxation,
    Entmax,
    GumbelSoftmax,
    SigmoidGates,
    SmoothTopK,
    Softmax,
    Sparsemax,
    StraightThrough,
)
from nmjax.relax.rebar import ControlVariate, Rebar
from nmjax.relax.regularizers import (
    choice_entropy,
    dirichlet_distance,
    expected_cost,
    predicted_cost,
    strength_decay,
    zero_one_loss,
)
from nmjax.relax.relaxation import (
    Relaxation,
    SpaceRelaxation,
    discretization_gap,
    harden,
)
from nmjax.relax.score_function import MovingBaseline, ScoreFunction
from nmjax.relax.simplex import (
    entmax15,
    masked_softmax,
    sigmoid_gates,
    smooth_topk,
    sparsemax,
)
from nmjax.relax.strengths import (
    SoftChoices,
    Strengths,
    encode_choices,
    init_strengths,
    one_hot,
    soft_choices,
    strengths_at,
)
from nmjax.relax.supernet import (
    mix_outputs,
    normalize_edges,
    partial_channels,
    shuffle_channels,
)

__all__ = [
    "choice_entropy",
    "ControlNetwork",
    "ControlVariate",
    "dirichlet_distance",
    "DirichletRelaxation",
    "discretization_gap",
    "encode_choices",
    "Entmax",
    "entmax15",
    "Enumeration",
    "Estimate",
    "expected_cost",
    "GradientEstimator",
    "GumbelSoftmax",
    "harden",
    "init_strengths",
    "masked_softmax",
    "mix_outputs",
    "most_probable",
    "MovingBaseline",
    "normalize_edges",
    "one_hot",
    "partial_channels",
    "Pathwise",
    "predicted_cost",
    "Rebar",
    "Relax",
    "Relaxation",
    "ScoreFunction",
    "shuffle_channels",
    "sigmoid_gates",
    "SigmoidGates",
    "smooth_topk",
    "SmoothTopK",
    "soft_choices",
    "SoftChoices",
    "Softmax",
    "SpaceRelaxation",
    "Sparsemax",
    "sparsemax",
    "StraightThrough",
    "strength_decay",
    "Strengths",
    "strengths_at",
    "zero_one_loss",
]
