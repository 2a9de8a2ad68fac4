"""How each method is meta-trained on curves, and what its authors report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import optax

from nmjax.meta import (
    Batch,
    MAMLHyper,
    MetaLearner,
    anil,
    cavia,
    contextual,
    fomaml,
    maml,
    meta_sgd,
    reptile,
    squared_error,
    with_context,
    with_rates,
)
from nmjax.predictors import make_network
from nmjax.types import Array, Gaussian, PyTree

At = tuple[int, int]  # shots and gradient steps at test time; 0 steps where none are taken


@dataclass(frozen=True)
class Setting:
    """One way to meta-train a method.

    Attributes:
      name: what sets it apart from the method's other settings.
      make: (inner steps, meta-updates) -> the learner; other inner steps serve at test time.
      begin: key -> parameters.
      hyper: the learner's traced numbers.
      shots: S, while meta-training.
      inner_steps: while meta-training; 0 for a method without any.
      updates: meta-updates, of 25 tasks each.
      predict: (params, batch, x float[Q, 1], hyper) -> the observed score at x; None for a learner
        that predicts no spread, and whose `evaluate` is a mean squared error.
      published: mean squared error by source and by shots and steps.
      marks: what it should be at most, likewise.
    """

    name: str
    make: Callable[[int, int], MetaLearner]
    begin: Callable[[Array], PyTree]
    hyper: PyTree
    shots: int = 5
    inner_steps: int = 1
    updates: int = 60_000
    predict: Callable[[PyTree, Batch, Array, PyTree], Gaussian] | None = None
    published: Mapping[str, Mapping[At, float]] = field(default_factory=dict)
    marks: Mapping[At, float] = field(default_factory=dict)


NETWORK = make_network((40, 40), activation="relu")
LOSS = squared_error(NETWORK.apply)
HEAD = {"hidden_0": False, "hidden_1": False, "head": True}
CONTEXT = 5


def adam(updates: int) -> optax.GradientTransformation:
    """Finn et al. (2017): rate .001 throughout."""
    del updates
    return optax.adam(1e-3)


def cooled(updates: int) -> optax.GradientTransformation:
    """Where authors name no schedule: from .003 down to 0 by a cosine."""
    return optax.adam(optax.cosine_decay_schedule(3e-3, updates))


def plain(key: Array) -> PyTree:
    return NETWORK.init(key, 1)


def rated(key: Array) -> PyTree:
    network_key, rate_key = jax.random.split(key)
    return with_rates(rate_key, plain(network_key))


def in_context(key: Array) -> PyTree:
    return with_context(NETWORK.init(key, 1 + CONTEXT), CONTEXT)


def rate(value: float) -> MAMLHyper:
    return MAMLHyper(jnp.asarray(value))


def _maml(schedule):
    return lambda steps, updates: maml(LOSS, schedule(updates), inner_steps=steps)


def _cavia(schedule):
    loss = squared_error(contextual(NETWORK.apply))
    return lambda steps, updates: cavia(loss, schedule(updates), inner_steps=steps)


FINN = {"Finn et al. (2017)": {(5, 1): 0.67, (5, 5): 0.38, (5, 10): 0.35}}
LI_MAML = {"Li et al. (2017)": {(5, 1): 1.13, (10, 1): 0.85, (20, 1): 0.71}}
LI_META_SGD = {"Li et al. (2017)": {(5, 1): 0.90, (10, 1): 0.63, (20, 1): 0.50}}

METHODS: dict[str, tuple[Setting, ...]] = {
    "maml": (
        Setting(
            "rate .01",
            _maml(adam),
            plain,
            rate(0.01),
            published=FINN | LI_MAML,
            marks={(5, 1): 0.69},
        ),
        Setting("rate .001", _maml(adam), plain, rate(0.001), published=FINN),
        Setting(
            "5 steps",
            _maml(cooled),
            plain,
            rate(0.01),
            shots=10,
            inner_steps=5,
            marks={(10, 5): 0.07},
        ),
    ),
    "fomaml": (
        Setting(
            "rate .01",
            lambda steps, updates: fomaml(LOSS, adam(updates), inner_steps=steps),
            plain,
            rate(0.01),
        ),
    ),
    "anil": (
        Setting(
            "rate .1",
            lambda steps, updates: anil(LOSS, cooled(updates), head=HEAD, inner_steps=steps),
            plain,
            rate(0.1),
        ),
    ),
    "meta_sgd": (
        Setting(
            "1 step",
            lambda steps, updates: meta_sgd(LOSS, cooled(updates), inner_steps=steps),
            rated,
            rate(0.0),
            published=LI_META_SGD,
            marks={(5, 1): 0.45},
        ),
    ),
    "cavia": (
        Setting(
            "1 step",
            _cavia(adam),
            in_context,
            rate(1.0),
            shots=10,
            updates=50_000,
            marks={(10, 1): 0.20, (10, 5): 0.03},
        ),
        Setting(
            "5 steps",
            _cavia(cooled),
            in_context,
            rate(1.0),
            shots=10,
            inner_steps=5,
            updates=30_000,
            marks={(10, 5): 0.03},
        ),
    ),
    "reptile": (
        Setting(
            "5 steps",
            lambda steps, updates: reptile(LOSS, cooled(updates), inner_steps=max(steps, 2)),
            plain,
            rate(0.02),
            shots=10,
            inner_steps=5,
            updates=30_000,
        ),
    ),
}
