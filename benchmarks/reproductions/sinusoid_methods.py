"""Settings of each method for meta-training on curves, and published errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp

from benchmarks.reproductions.sinusoid_learners import (
    in_context,
    inputs,
    kernel,
    last_layer,
    learned_rates,
    make_alpaca,
    make_anil,
    make_cavia,
    make_constant,
    make_deep_kernel,
    make_ensemble,
    make_es_maml,
    make_fomaml,
    make_implicit,
    make_maml,
    make_maml_plus_plus,
    make_meta_sgd,
    make_neural_process,
    make_process,
    make_regularized,
    make_reptile,
    make_scratch,
    members,
    plain,
    process,
    rate,
    spread,
    uncertain,
    with_layer_rates,
)
from nmjax.meta import (
    ESHyper,
    ImplicitHyper,
    MetaLearner,
    MultiStepHyper,
    ProbabilisticLearner,
    RegularizedHyper,
)
from nmjax.types import Array, PyTree

At = tuple[int, int]  # Shots and gradient steps at test time.


@dataclass(frozen=True)
class Setting:
    """Settings of meta-training of a method.

    Attributes:
      name: name among the settings of the method.
      make: (inner steps, meta-updates) -> learner, for meta-training and for test. It is a
        `ProbabilisticLearner`, or its `evaluate` returns mean squared errors.
      begin: key -> parameters.
      hyper: traced numbers of the learner.
      shots: number of support evaluations in meta-training, S.
      queries: number of query evaluations in meta-training, Q; equal to `shots` if None.
      inner_steps: number of inner steps in meta-training; 0 for a method without any.
      test_steps: numbers of inner steps at test time.
      updates: number of meta-updates, with 25 tasks each.
      published: mean squared error by source, and by shots and steps.
      targets: upper bound of the mean squared error, by shots and steps.
    """

    name: str
    make: Callable[[int, int], MetaLearner | ProbabilisticLearner]
    begin: Callable[[Array], PyTree]
    hyper: PyTree = None
    shots: int = 5
    queries: int | None = None
    inner_steps: int = 1
    test_steps: tuple[int, ...] = (1, 5, 10)
    updates: int = 20_000
    published: Mapping[str, Mapping[At, float]] = field(default_factory=dict)
    targets: Mapping[At, float] = field(default_factory=dict)


CLOSED_FORM: dict[str, Any] = {"queries": 20, "inner_steps": 0, "test_steps": (0,)}
FINN = {"Finn et al. (2017)": {(5, 1): 0.67, (5, 5): 0.38, (5, 10): 0.35}}
LI_MAML = {"Li et al. (2017)": {(5, 1): 1.13, (10, 1): 0.85, (20, 1): 0.71}}
LI_META_SGD = {"Li et al. (2017)": {(5, 1): 0.90, (10, 1): 0.63, (20, 1): 0.50}}

# Families of curves other than sinusoids use the first setting of each method.
METHODS: dict[str, tuple[Setting, ...]] = {
    "maml": (
        Setting(
            "rate .01",
            make_maml,
            plain,
            rate(0.01),
            published=FINN | LI_MAML,
            targets={(5, 1): 0.69},
        ),
        Setting("rate .001", make_maml, plain, rate(0.001), published=FINN),
        Setting(
            "5 steps",
            make_maml,
            plain,
            rate(0.01),
            shots=10,
            inner_steps=5,
            updates=40_000,
            targets={(10, 5): 0.07},
        ),
    ),
    "fomaml": (Setting("rate .01", make_fomaml, plain, rate(0.01)),),
    "anil": (Setting("rate .1", make_anil, plain, rate(0.1)),),
    "meta_sgd": (
        Setting(
            "1 step", make_meta_sgd, learned_rates, published=LI_META_SGD, targets={(5, 1): 0.45}
        ),
    ),
    "cavia": (
        Setting(
            "1 step",
            make_cavia,
            in_context,
            rate(1.0),
            shots=10,
            updates=50_000,
            targets={(10, 1): 0.20, (10, 5): 0.03},
        ),
        Setting(
            "5 steps",
            make_cavia,
            in_context,
            rate(1.0),
            shots=10,
            inner_steps=5,
            updates=15_000,
            targets={(10, 5): 0.03},
        ),
    ),
    "reptile": (
        Setting(
            "5 steps", make_reptile, plain, rate(0.02), shots=10, inner_steps=5, test_steps=(5, 10)
        ),
    ),
    "maml_plus_plus": (
        Setting(
            "5 steps",
            make_maml_plus_plus,
            with_layer_rates,
            MultiStepHyper(jnp.asarray(3000.0)),
            shots=10,
            inner_steps=5,
            test_steps=(5,),
            updates=15_000,
        ),
    ),
    "implicit_maml": (
        Setting(
            "16 steps",
            make_implicit,
            plain,
            ImplicitHyper(*map(jnp.asarray, (0.005, 0.5, 10.0))),
            shots=10,
            inner_steps=16,
            test_steps=(16,),
            updates=5_000,
        ),
    ),
    "alpaca": (
        Setting("last layer", make_alpaca, last_layer, **CLOSED_FORM, targets={(5, 0): 0.01}),
    ),
    "deep_kernel": (Setting("Matern-5/2", make_deep_kernel, kernel, **CLOSED_FORM),),
    "neural_process": (Setting("mean", make_neural_process, process, **CLOSED_FORM),),
    "ensemble": (Setting("3 of maml", make_ensemble, members, rate(0.002), updates=5_000),),
    "regularized": (
        Setting(
            "maml",
            make_regularized,
            uncertain,
            RegularizedHyper(rate(0.01), jnp.asarray(1e-5), jnp.asarray(1.0)),
            updates=5_000,
        ),
    ),
    "es_maml": (
        Setting(
            "64 pairs",
            make_es_maml,
            plain,
            ESHyper(*map(jnp.asarray, (0.01, 0.02, 0.02))),
            shots=10,
            updates=5_000,
        ),
    ),
}

# Baselines that learn at most a few hyperparameters from other tasks.
TRIVIAL: dict[str, tuple[Setting, ...]] = {
    "constant": (Setting("mean of the support", make_constant, spread, **CLOSED_FORM),),
    "from_scratch": (
        Setting(
            "rate .01", make_scratch, plain, rate(0.01), test_steps=(10, 100, 1000), updates=20
        ),
    ),
    "gaussian_process": (Setting("Matern-5/2", make_process, inputs, **CLOSED_FORM),),
}
