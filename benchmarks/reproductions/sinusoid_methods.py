"""How each method is meta-trained on curves, and what its authors report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import optax

from nmjax.meta import (
    ESHyper,
    ImplicitHyper,
    MAMLHyper,
    MetaLearner,
    MultiStepHyper,
    ProbabilisticLearner,
    RegularisedHyper,
    alpaca,
    anil,
    cavia,
    contextual,
    deep_kernel,
    ensemble,
    es_maml,
    fomaml,
    implicit_maml,
    maml,
    maml_plus_plus,
    meta_sgd,
    negative_log_density,
    neural_process,
    noisy,
    regularised,
    reptile,
    squared_error,
    with_context,
    with_kernel,
    with_last_layer,
    with_noise,
    with_process,
    with_rates,
    with_step_rates,
    with_uncertainty,
)
from nmjax.predictors import make_network
from nmjax.types import Array, PyTree

At = tuple[int, int]  # shots and gradient steps at test time


@dataclass(frozen=True)
class Setting:
    """One way to meta-train a method.

    Attributes:
      name: what sets it apart from the method's other settings.
      make: (inner steps, meta-updates) -> the learner; other inner steps serve at test time. It
        is a `ProbabilisticLearner`, or its `evaluate` returns mean squared errors.
      begin: key -> parameters.
      hyper: the learner's traced numbers.
      shots: S, while meta-training.
      queries: Q, while meta-training; as many as shots where None.
      inner_steps: while meta-training; 0 for a method without any.
      test_steps: inner steps at test time.
      updates: meta-updates, of 25 tasks each.
      published: mean squared error by source and by shots and steps.
      marks: what it should be at most, likewise.
    """

    name: str
    make: Callable[[int, int], MetaLearner]
    begin: Callable[[Array], PyTree]
    hyper: PyTree = None
    shots: int = 5
    queries: int | None = None
    inner_steps: int = 1
    test_steps: tuple[int, ...] = (1, 5, 10)
    updates: int = 20_000
    published: Mapping[str, Mapping[At, float]] = field(default_factory=dict)
    marks: Mapping[At, float] = field(default_factory=dict)


NETWORK = make_network((40, 40), activation="relu")
LOSS = squared_error(NETWORK.apply)
SMOOTH = make_network((40, 40), activation="tanh")
HEAD = {"hidden_0": False, "hidden_1": False, "head": True}
CONTEXT = 5
MEMBERS = 3


def adam(updates: int) -> optax.GradientTransformation:
    """From rate .003 down to 0 by a cosine, for every method.

    Finn et al. (2017) name Adam alone; their code keeps rate .001 for 70,000 meta-updates.
    """
    return optax.adam(optax.cosine_decay_schedule(3e-3, updates))


def plain(key: Array) -> PyTree:
    return NETWORK.init(key, 1)


def rated(key: Array) -> PyTree:
    network_key, rate_key = jax.random.split(key)
    return with_rates(rate_key, plain(network_key))


def in_context(key: Array) -> PyTree:
    return with_context(NETWORK.init(key, 1 + CONTEXT), CONTEXT)


def with_layer_rates(key: Array) -> PyTree:
    return with_step_rates(plain(key), 0.01, inner_steps=5)


def last_layer(key: Array) -> PyTree:
    return with_last_layer(SMOOTH.init(key, 1), 40)


def kernel(key: Array) -> PyTree:
    return with_kernel(SMOOTH.init(key, 1), 40)


def process(key: Array) -> PyTree:
    encoder_key, decoder_key, key = jax.random.split(key, 3)
    encoder, decoder = SMOOTH.init(encoder_key, 1 + 1), SMOOTH.init(decoder_key, 1 + 40)
    return with_process(key, encoder, decoder, 40)


def members(key: Array) -> PyTree:
    return jax.vmap(lambda key: with_noise(plain(key)))(jax.random.split(key, MEMBERS))


def uncertain(key: Array) -> PyTree:
    return with_uncertainty(plain(key))


def rate(value: float) -> MAMLHyper:
    return MAMLHyper(jnp.asarray(value))


def _maml(steps: int, updates: int) -> MetaLearner:
    return maml(LOSS, adam(updates), inner_steps=steps)


def _fomaml(steps: int, updates: int) -> MetaLearner:
    return fomaml(LOSS, adam(updates), inner_steps=steps)


def _anil(steps: int, updates: int) -> MetaLearner:
    return anil(LOSS, adam(updates), head=HEAD, inner_steps=steps)


def _maml_plus_plus(steps: int, updates: int) -> MetaLearner:
    return maml_plus_plus(LOSS, adam(updates), inner_steps=steps)


def _implicit(steps: int, updates: int) -> MetaLearner:
    return implicit_maml(LOSS, adam(updates), inner_steps=steps)


def _alpaca(steps: int, updates: int) -> MetaLearner:
    del steps
    return alpaca(SMOOTH.features, adam(updates))


def _deep_kernel(steps: int, updates: int) -> MetaLearner:
    del steps
    return deep_kernel(SMOOTH.features, adam(updates))


def _neural_process(steps: int, updates: int) -> MetaLearner:
    del steps
    return neural_process(SMOOTH.features, SMOOTH.features, adam(updates))


def _ensemble(steps: int, updates: int) -> MetaLearner:
    predict = noisy(NETWORK.apply)
    member = maml(negative_log_density(predict), adam(updates), inner_steps=steps)
    return ensemble(ProbabilisticLearner(*member, predict))


def _es_maml(steps: int, updates: int) -> MetaLearner:
    return es_maml(LOSS, adam(updates), inner_steps=steps, pairs=64)


def _regularised(steps: int, updates: int) -> MetaLearner:
    return regularised(_maml(steps, updates), adam(updates))


def _meta_sgd(steps: int, updates: int) -> MetaLearner:
    return meta_sgd(LOSS, adam(updates), inner_steps=steps)


def _cavia(steps: int, updates: int) -> MetaLearner:
    return cavia(squared_error(contextual(NETWORK.apply)), adam(updates), inner_steps=steps)


def _reptile(steps: int, updates: int) -> MetaLearner:
    return reptile(LOSS, adam(updates), inner_steps=steps)


CLOSED_FORM = {"queries": 20, "inner_steps": 0, "test_steps": (0,)}
FINN = {"Finn et al. (2017)": {(5, 1): 0.67, (5, 5): 0.38, (5, 10): 0.35}}
LI_MAML = {"Li et al. (2017)": {(5, 1): 1.13, (10, 1): 0.85, (20, 1): 0.71}}
LI_META_SGD = {"Li et al. (2017)": {(5, 1): 0.90, (10, 1): 0.63, (20, 1): 0.50}}

# The first setting of each method is the one that other families than sinusoids are met with.
METHODS: dict[str, tuple[Setting, ...]] = {
    "maml": (
        Setting(
            "rate .01",
            _maml,
            plain,
            rate(0.01),
            published=FINN | LI_MAML,
            marks={(5, 1): 0.69},
        ),
        Setting("rate .001", _maml, plain, rate(0.001), published=FINN),
        Setting(
            "5 steps",
            _maml,
            plain,
            rate(0.01),
            shots=10,
            inner_steps=5,
            updates=40_000,
            marks={(10, 5): 0.07},
        ),
    ),
    "fomaml": (Setting("rate .01", _fomaml, plain, rate(0.01)),),
    "anil": (Setting("rate .1", _anil, plain, rate(0.1)),),
    "meta_sgd": (Setting("1 step", _meta_sgd, rated, published=LI_META_SGD, marks={(5, 1): 0.45}),),
    "cavia": (
        Setting(
            "1 step",
            _cavia,
            in_context,
            rate(1.0),
            shots=10,
            updates=50_000,
            marks={(10, 1): 0.20, (10, 5): 0.03},
        ),
        Setting(
            "5 steps",
            _cavia,
            in_context,
            rate(1.0),
            shots=10,
            inner_steps=5,
            updates=15_000,
            marks={(10, 5): 0.03},
        ),
    ),
    "reptile": (
        Setting(
            "5 steps", _reptile, plain, rate(0.02), shots=10, inner_steps=5, test_steps=(5, 10)
        ),
    ),
    "maml_plus_plus": (
        Setting(
            "5 steps",
            _maml_plus_plus,
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
            _implicit,
            plain,
            ImplicitHyper(*map(jnp.asarray, (0.005, 0.5, 10.0))),
            shots=10,
            inner_steps=16,
            test_steps=(16,),
            updates=5_000,
        ),
    ),
    "alpaca": (Setting("last layer", _alpaca, last_layer, **CLOSED_FORM, marks={(5, 0): 0.01}),),
    "deep_kernel": (Setting("Matern-5/2", _deep_kernel, kernel, **CLOSED_FORM),),
    "neural_process": (Setting("mean", _neural_process, process, **CLOSED_FORM),),
    "ensemble": (Setting("3 of maml", _ensemble, members, rate(0.002), updates=5_000),),
    "regularised": (
        Setting(
            "maml",
            _regularised,
            uncertain,
            RegularisedHyper(rate(0.01), jnp.asarray(1e-5), jnp.asarray(1.0)),
            updates=5_000,
        ),
    ),
    "es_maml": (
        Setting(
            "64 pairs",
            _es_maml,
            plain,
            ESHyper(*map(jnp.asarray, (0.01, 0.02, 0.02))),
            shots=10,
            updates=5_000,
        ),
    ),
}
