"""Searches by epochs: children train briefly at first, and the promising ones train on."""

from nmjax.search.multi_fidelity.algorithm import MultiFidelitySearch, run_epochs
from nmjax.search.multi_fidelity.bracket_plan import halving_bracket, hyperband_brackets
from nmjax.search.multi_fidelity.brackets import Hyperband, SuccessiveHalving
from nmjax.search.multi_fidelity.children import (
    ChildRecord,
    ChildTraining,
    CurveTable,
    EpochInfo,
    NextEpoch,
    TableTraining,
    best_final_score,
)
from nmjax.search.multi_fidelity.freeze_thaw import CurveProblem, FreezeThawSearch

__all__ = [
    "ChildRecord",
    "ChildTraining",
    "CurveProblem",
    "CurveTable",
    "EpochInfo",
    "FreezeThawSearch",
    "Hyperband",
    "MultiFidelitySearch",
    "NextEpoch",
    "SuccessiveHalving",
    "TableTraining",
    "best_final_score",
    "halving_bracket",
    "hyperband_brackets",
    "run_epochs",
]
