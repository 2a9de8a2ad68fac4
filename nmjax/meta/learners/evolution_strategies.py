"""Meta-learning without gradients of the outer objective and, optionally, of the inner one."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.adapt import Adaptation, adapt
from nmjax.meta.batch import Batch, LossFn
from nmjax.meta.learner import AdaptFn, MetaLearner
from nmjax.meta.learners.adaptation_gradient import MetaState, through_adaptation
from nmjax.optimize import descend
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class ESHyper(NamedTuple):
    """The traced numbers of `es_maml`.

    Attributes:
      inner_rate: step size of the inner loop, float[] or a prefix of the parameters' pytree.
      width: float[], standard deviation of the perturbations of the meta-learned parameters.
      inner_width: float[], standard deviation of the perturbations within a task; only read by
        `smoothed_steps`.

    Example:
      >>> from nmjax.meta import ESHyper
      >>> ESHyper(inner_rate=0.1, width=0.05, inner_width=0.05).width
      0.05
    """

    inner_rate: PyTree
    width: Array
    inner_width: Array


class ESInfo(NamedTuple):
    """Quantities of one meta-update of `es_maml`, before its step.

    Attributes:
      loss: float[], mean query loss over tasks and perturbed parameters: the smoothed objective.
      query_losses: float[T], mean over perturbed parameters of the query loss of each task.
      gradient_norm: float[], norm of the estimated meta-gradient.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import ESInfo
      >>> ESInfo(jnp.zeros(()), jnp.zeros(3), jnp.zeros(())).query_losses.shape
      (3,)
    """

    loss: Array
    query_losses: Array
    gradient_norm: Array


def smoothed_gradient(
    key: Array, function: Callable[[PyTree], Array], params: PyTree, width: Array, *, pairs: int
) -> tuple[PyTree, Array]:
    """Estimate the gradient of a smoothed function from its values.

    The gradient of E f(params + width g) with g ~ N(0, I), which exists even where f is
    discontinuous, by antithetic pairs: the mean of [f(params + width g) - f(params - width g)] g /
    (2 width) (Nesterov and Spokoiny, 2017; Salimans et al., 2017, section 2.1). Unbiased; its
    variance is inversely proportional to the number of pairs and grows with the number of
    parameters.

    Args:
      key: PRNG key of the perturbations.
      function: params -> float[...]; f is the mean of its result.
      params: a pytree of float arrays.
      width: float[], positive.
      pairs: P, number of pairs, static, at least 1; the function is called 2 P times, under `vmap`.

    Returns:
      (a pytree like `params`, float[2, P, ...], the function at params + width g and at
      params - width g).

    Raises:
      NmjaxError: `pairs` is not positive.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import smoothed_gradient
      >>> key, square = jax.random.key(0), lambda w: jnp.sum(w**2)
      >>> gradient, values = smoothed_gradient(key, square, jnp.ones(2), 0.1, pairs=8)
      >>> gradient.shape, values.shape
      ((2,), (2, 8))
    """
    if pairs < 1:
        raise NmjaxError(f"Got pairs={pairs}, expected at least 1: give for instance 8.")
    leaves, structure = jax.tree.flatten(params)
    directions = [
        jax.random.normal(jax.random.fold_in(key, i), (pairs, *leaf.shape), leaf.dtype)
        for i, leaf in enumerate(leaves)
    ]

    def at(signed_width: Array) -> Array:
        moved = [leaf[None] + signed_width * d for leaf, d in zip(leaves, directions, strict=True)]
        return jax.vmap(function)(jax.tree.unflatten(structure, moved))

    values = jax.vmap(at)(jnp.array([1.0, -1.0]) * width)
    means = jnp.mean(values.reshape(2, pairs, -1), axis=-1)
    slopes = (means[0] - means[1]) / (2 * pairs * width)
    gradient = [jnp.tensordot(slopes, d, axes=1) for d in directions]
    return jax.tree.unflatten(structure, gradient), values


def gradient_steps(loss_fn: LossFn, inner_steps: int) -> AdaptFn:
    """Create an adaptation by gradient steps on the support, as in `maml`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, ESHyper, gradient_steps, squared_error
      >>> adapt_fn = gradient_steps(squared_error(lambda w, x: x @ w), 2)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> adapt_fn(jnp.zeros(1), batch, ESHyper(0.1, 0.05, 0.05)).losses.shape
      (3,)
    """

    def adapt_to(params: PyTree, batch: Batch, hyper: ESHyper) -> Adaptation:
        return adapt(params, batch, hyper.inner_rate, loss_fn=loss_fn, steps=inner_steps)

    return adapt_to


def smoothed_steps(loss_fn: LossFn, inner_steps: int, *, pairs: int, seed: int = 0) -> AdaptFn:
    """Create an adaptation by estimated gradients of the smoothed loss (Song et al., 2020).

    Args:
      loss_fn: (params, batch) -> float[]; need not have a gradient.
      inner_steps: Number of steps on a task's support.
      pairs: Number of antithetic pairs of perturbations per step.
      seed: Seed of the perturbations, which differ between steps and are the same for every task
        and call, so that adapting is a deterministic function.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import Batch, ESHyper, smoothed_steps, squared_error
      >>> adapt_fn = smoothed_steps(squared_error(lambda w, x: x @ w), 2, pairs=4)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> adapt_fn(jnp.zeros(1), batch, ESHyper(0.1, 0.05, jnp.float32(0.05))).losses.shape
      (3,)
    """

    def surrogate(params: PyTree, data: tuple[Array, Batch, Array]) -> Array:
        """Function with the value of the loss and its estimated gradient."""
        key, batch, width = data
        here = jax.lax.stop_gradient(params)
        slope, _ = smoothed_gradient(key, lambda p: loss_fn(p, batch), here, width, pairs=pairs)
        rises = jax.tree.map(lambda s, p, h: jnp.sum(s * (p - h)), slope, params, here)
        return jax.tree.reduce(jnp.add, rises, loss_fn(here, batch))

    def adapt_to(params: PyTree, batch: Batch, hyper: ESHyper) -> Adaptation:
        def step(params: PyTree, key: Array) -> tuple[PyTree, Array]:
            data = (key, batch, hyper.inner_width)
            done = adapt(params, data, hyper.inner_rate, loss_fn=surrogate, steps=1)
            return done.params, done.losses[0]

        keys = jax.random.split(jax.random.key(seed), inner_steps)
        params, losses = jax.lax.scan(step, params, keys)
        return Adaptation(params, jnp.append(losses, loss_fn(params, batch)))

    return adapt_to


def es_maml(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
    pairs: int,
    adaptation: Callable[[LossFn, int], AdaptFn] = gradient_steps,
) -> MetaLearner:
    """Learn an initialization from values of the query loss after adapting, without derivatives.

    Zero-order ES-MAML (Song et al., 2020): the inner loop is not differentiated, so it may
    be of any kind and length. Each perturbation is evaluated on every task of the
    batch, with less noise than the paper's one task each.

    Args:
      loss_fn: as for `maml`; with `smoothed_steps` it needs no gradient.
      optimizer: optimizer of the outer loop.
      inner_steps: Number of adaptation steps on a task's support, at least 1.
      pairs: Number of antithetic pairs of perturbations per meta-update.
      adaptation: (loss_fn, inner_steps) -> (params, batch, hyper) -> Adaptation, for instance
        `functools.partial(smoothed_steps, pairs=8)`.

    Returns:
      A learner with state `MetaState`, info `ESInfo` and hyper `ESHyper`.

    Raises:
      NmjaxError: `inner_steps` or `pairs` is not positive.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import es_maml, squared_error
      >>> loss_fn = squared_error(lambda w, x: x @ w)
      >>> learner = es_maml(loss_fn, optax.sgd(0.1), inner_steps=1, pairs=4)
      >>> learner.init(jax.random.key(0), jnp.zeros(3)).params.shape
      (3,)
    """
    if inner_steps < 1 or pairs < 1:
        raise NmjaxError(
            f"Got inner_steps={inner_steps} and pairs={pairs}, expected at least 1 of each."
        )
    adapt_to = adaptation(loss_fn, inner_steps)

    base = through_adaptation(adapt_to, loss_fn, optimizer)

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: ESHyper
    ) -> tuple[MetaState, ESInfo]:
        gradient, losses = smoothed_gradient(
            key,
            lambda params: base.evaluate(params, tasks, hyper),
            state.params,
            hyper.width,
            pairs=pairs,
        )
        params, opt_state, norm = descend(optimizer, gradient, state.opt_state, state.params)
        query_losses = jnp.mean(losses, axis=(0, 1))
        info = ESInfo(jnp.mean(query_losses), query_losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    return base._replace(update=update)
