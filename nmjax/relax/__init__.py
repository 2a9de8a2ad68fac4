"""Differentiable relaxations of a space: strengths, soft choices and back to architectures.

`Relaxation` is the Protocol. Strengths are ordinary pytrees, so any Optax optimizer updates them,
and temperatures are traced, so any Optax schedule anneals them.
"""

from nmjax.relax.discretize import most_probable
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
from nmjax.relax.relaxation import (
    Relaxation,
    SpaceRelaxation,
    discretization_gap,
    harden,
)
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

__all__ = [
    "Relaxation",
    "SoftChoices",
    "SpaceRelaxation",
    "Strengths",
    "DirichletRelaxation",
    "discretization_gap",
    "encode_choices",
    "Entmax",
    "entmax15",
    "GumbelSoftmax",
    "harden",
    "init_strengths",
    "masked_softmax",
    "most_probable",
    "one_hot",
    "sigmoid_gates",
    "SigmoidGates",
    "smooth_topk",
    "SmoothTopK",
    "soft_choices",
    "Softmax",
    "sparsemax",
    "Sparsemax",
    "StraightThrough",
    "strengths_at",
]
