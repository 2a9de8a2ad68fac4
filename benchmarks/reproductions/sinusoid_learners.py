"""Learners for few-shot regression on curves, their networks and initial parameters."""

import jax
import jax.numpy as jnp
import optax

from nmjax.meta import (
    Batch,
    MAMLHyper,
    MetaLearner,
    MetaSGDParams,
    ProbabilisticLearner,
    alpaca,
    anil,
    cavia,
    conditioning,
    contextual,
    deep_kernel,
    ensemble,
    es_maml,
    fomaml,
    implicit_maml,
    init_context,
    init_deep_kernel,
    init_last_layer,
    init_learned_rates,
    init_noise,
    init_process,
    init_step_rates,
    init_uncertainty,
    maml,
    maml_plus_plus,
    meta_sgd,
    negative_log_density,
    neural_process,
    noisy,
    regularized,
    reptile,
    squared_error,
)
from nmjax.predictors import Network
from nmjax.types import Array, Gaussian, PyTree

NETWORK = Network((40, 40), activation="relu")
LOSS = squared_error(NETWORK.apply)
SMOOTH = Network((40, 40), activation="tanh")
HEAD = {"hidden_0": False, "hidden_1": False, "head": True}
CONTEXT = 5
MEMBERS = 3


def adam(updates: int) -> optax.GradientTransformation:
    """Adam with a cosine schedule from .003 to 0, for every method.

    Finn et al. (2017) only name Adam; their code uses a rate of .001 for 70,000 meta-updates.
    """
    return optax.adam(optax.cosine_decay_schedule(3e-3, updates))


def plain(key: Array) -> PyTree:
    return NETWORK.init(key, 1)


def learned_rates(key: Array) -> PyTree:
    network_key, rate_key = jax.random.split(key)
    return init_learned_rates(rate_key, plain(network_key))


def in_context(key: Array) -> PyTree:
    return init_context(NETWORK.init(key, 1 + CONTEXT), CONTEXT)


def with_layer_rates(key: Array) -> PyTree:
    return init_step_rates(plain(key), 0.01, inner_steps=5)


def last_layer(key: Array) -> PyTree:
    return init_last_layer(SMOOTH.init(key, 1), 40)


def kernel(key: Array) -> PyTree:
    return init_deep_kernel(SMOOTH.init(key, 1), 40)


def inputs(key: Array) -> PyTree:
    del key
    return init_deep_kernel((), 1)


def spread(key: Array) -> Array:
    del key
    return jnp.zeros(())


def process(key: Array) -> PyTree:
    encoder_key, decoder_key, key = jax.random.split(key, 3)
    encoder, decoder = SMOOTH.init(encoder_key, 1 + 1), SMOOTH.init(decoder_key, 1 + 40)
    return init_process(key, encoder, decoder, 40)


def members(key: Array) -> PyTree:
    return jax.vmap(lambda key: init_noise(plain(key)))(jax.random.split(key, MEMBERS))


def uncertain(key: Array) -> PyTree:
    return init_uncertainty(plain(key))


def rate(value: float) -> MAMLHyper:
    return MAMLHyper(jnp.asarray(value))


def make_maml(steps: int, updates: int) -> MetaLearner:
    return maml(LOSS, adam(updates), inner_steps=steps)


def make_fomaml(steps: int, updates: int) -> MetaLearner:
    return fomaml(LOSS, adam(updates), inner_steps=steps)


def make_anil(steps: int, updates: int) -> MetaLearner:
    return anil(LOSS, adam(updates), head=HEAD, inner_steps=steps)


def make_maml_plus_plus(steps: int, updates: int) -> MetaLearner:
    def tenth(ascent: MetaSGDParams, _: PyTree) -> MetaSGDParams:
        """Of rates of .01 Adam's whole steps of .003 would leave little."""
        return ascent._replace(rate=jax.tree.map(lambda leaf: 0.1 * leaf, ascent.rate))

    optimizer = optax.chain(adam(updates), optax.stateless(tenth))
    return maml_plus_plus(LOSS, optimizer, inner_steps=steps)


def make_implicit(steps: int, updates: int) -> MetaLearner:
    return implicit_maml(LOSS, adam(updates), inner_steps=steps)


def make_alpaca(steps: int, updates: int) -> ProbabilisticLearner:
    del steps
    return alpaca(SMOOTH.features, adam(updates))


def make_deep_kernel(steps: int, updates: int) -> ProbabilisticLearner:
    del steps
    return deep_kernel(SMOOTH.features, adam(updates))


def make_neural_process(steps: int, updates: int) -> ProbabilisticLearner:
    del steps
    return neural_process(SMOOTH.features, SMOOTH.features, adam(updates))


def make_ensemble(steps: int, updates: int) -> ProbabilisticLearner:
    predict = noisy(NETWORK.apply)
    member = maml(negative_log_density(predict), adam(updates), inner_steps=steps)
    return ensemble(ProbabilisticLearner(*member, predict))


def make_es_maml(steps: int, updates: int) -> MetaLearner:
    return es_maml(LOSS, adam(updates), inner_steps=steps, pairs=64)


def make_regularized(steps: int, updates: int) -> MetaLearner:
    return regularized(make_maml(steps, updates), adam(updates))


def make_meta_sgd(steps: int, updates: int) -> MetaLearner:
    return meta_sgd(LOSS, adam(updates), inner_steps=steps)


def make_cavia(steps: int, updates: int) -> MetaLearner:
    return cavia(squared_error(contextual(NETWORK.apply)), adam(updates), inner_steps=steps)


def make_reptile(steps: int, updates: int) -> MetaLearner:
    return reptile(LOSS, adam(updates), inner_steps=steps)


def make_scratch(steps: int, updates: int) -> MetaLearner:
    """Gradient descent from a random initialization, without meta-learning."""
    del updates
    return maml(LOSS, optax.set_to_zero(), inner_steps=steps)


def make_process(steps: int, updates: int) -> ProbabilisticLearner:
    """Gaussian process on the inputs, with five hyperparameters learned over tasks."""
    del steps
    return deep_kernel(lambda _, x: x, adam(updates))


def make_constant(steps: int, updates: int) -> ProbabilisticLearner:
    """Mean of the support, with a standard deviation learned over tasks."""
    del steps

    def condition(log_std: Array, batch: Batch) -> Gaussian:
        known = batch.mask.astype(batch.y.dtype)
        mean = jnp.sum(known * batch.y) / jnp.maximum(jnp.sum(known), 1)
        return Gaussian(mean, jnp.exp(log_std))

    def predict(adapted: Gaussian, x: Array) -> Gaussian:
        return Gaussian(*(jnp.broadcast_to(leaf, x.shape[:1]) for leaf in adapted))

    return conditioning(condition, predict, adam(updates))
