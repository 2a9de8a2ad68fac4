"""Searches that train a supernet: one mechanism behind DARTS, GDAS, DrNAS, PC-DARTS and others."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.live import Dataset, Rows, cross_entropy
from nmjax.oneshot.bilevel import BilevelGradient, BilevelHyper
from nmjax.oneshot.settings import (
    SupernetHyper,
    SupernetInfo,
    SupernetParams,
    SupernetState,
    SupernetStrengths,
    cosine,
    interpolate,
)
from nmjax.oneshot.supernet import Supernet
from nmjax.optimize import descend
from nmjax.relax import Relaxation, choice_entropy, normalize_edges
from nmjax.relax.strengths import largest_options
from nmjax.setting_checks import check_sizes
from nmjax.spaces import option_mask
from nmjax.types import Array, PyTree

Regularizer: TypeAlias = Callable[[Array, Array], Array]
_MAX_NORM = 5.0


class _Draws(NamedTuple):
    """The minibatches of a step, and noise float[C, O] uniform in [-1, 1]."""

    inner: Rows
    outer: Rows
    train: Rows
    noise: Array


@dataclass(frozen=True)
class SupernetSearch:
    """Differentiable and one-shot search on a supernet, as state transitions.

    A step moves the strengths by Adam down the gradient of the loss on random selection rows, then
    the weights by stochastic gradient descent on random training rows. Methods are combinations of
    a relaxation, a bilevel gradient and a regularizer; `darts`, `gdas`, `drnas`, `pc_darts` and
    `single_path` return the known ones. The search is static; `SupernetHyper` is traced.

    Attributes:
      supernet: Supernet with the weights of all architectures.
      relaxation: Relaxation of the supernet's space.
      gradient: Gradient of the strengths; with None, they are not learned.
      regularizer: (logits float[C, O], mask bool[C, O]) -> float[], penalty of the strengths, such
        as `relax.strength_decay`.
      edge_targets: The node that each choice's edge enters, for edge normalization
        (`relax.normalize_edges`, from PC-DARTS).
      batch_size: Rows of a minibatch, drawn with replacement.

    Raises:
      NmjaxError: The relaxation is of another space, there is not one edge target for each choice,
        or the batch size is not positive.

    Example:
      >>> from nmjax.oneshot import CellSupernet, SupernetSearch, Unrolled
      >>> from nmjax.relax import Sparsemax
      >>> supernet = CellSupernet(classes=3)
      >>> search = SupernetSearch(supernet, Sparsemax(supernet.space), Unrolled(steps=2))
    """

    supernet: Supernet
    relaxation: Relaxation
    gradient: BilevelGradient | None
    regularizer: Regularizer | None = None
    edge_targets: tuple[int, ...] | None = None
    batch_size: int = 32

    def __post_init__(self) -> None:
        space = self.supernet.space
        if self.relaxation.space != space:
            raise NmjaxError(
                f"Got a relaxation of space {self.relaxation.space.name!r} for a supernet of space "
                f"{space.name!r}; give one of the supernet's space."
            )
        if self.edge_targets is not None and len(self.edge_targets) != space.num_choices:
            raise NmjaxError(
                f"Got {len(self.edge_targets)} edge targets for {space.num_choices} choices; give "
                "the node that each choice's edge enters."
            )
        check_sizes(batch_size=self.batch_size)

    def init_params(self, key: Array) -> SupernetParams:
        """Draw weights, and strengths near those of equal options."""
        weight_key, strength_key = jax.random.split(key)
        edges = None if self.edge_targets is None else jnp.zeros((len(self.edge_targets),))
        strengths = SupernetStrengths(self.relaxation.init(strength_key), edges)
        return SupernetParams(_init_weights(self.supernet, weight_key), strengths)

    def init(self, key: Array, params: SupernetParams | None = None) -> SupernetState:
        """Return the state before the first step, with given or random params."""
        params_key, run_key = jax.random.split(key)
        params = self.init_params(params_key) if params is None else params
        zero = jnp.zeros(())
        return SupernetState(
            run_key,
            jnp.zeros((), jnp.int32),
            params,
            _weight_optimizer(zero, zero, zero).init(params.weights),
            _strength_optimizer(zero).init(params.strengths),
        )

    def sample(
        self, key: Array, strengths: SupernetStrengths, temperature: Array, noise: Array | None
    ) -> Array:
        """Draw the factors float[C, O] of the options, after adding noise float[C, O]."""
        choices = self.relaxation.sample(key, strengths.choices, temperature).weights
        if noise is not None:
            noisy = jnp.clip(choices + noise, 0.0, 1.0)
            choices = jnp.where(option_mask(self.supernet.space), noisy, 0.0)
        return self._scale(choices, strengths.edges)

    def mean_choices(self, strengths: SupernetStrengths) -> Array:
        """The factors float[C, O] of the options without random draws, at temperature 1."""
        return self._scale(self.relaxation.weights(strengths.choices), strengths.edges)

    def _scale(self, choices: Array, edges: Array | None) -> Array:
        if self.edge_targets is None or edges is None:
            return choices
        return choices * normalize_edges(edges, self.edge_targets)[:, None]

    def discretize(self, state: SupernetState) -> Array:
        """Return the valid, canonical architecture int32[..., C] of the strengths."""
        return self.relaxation.discretize(state.params.strengths.choices)[0]

    def step(
        self, state: SupernetState, data: Dataset, hyper: SupernetHyper
    ) -> tuple[SupernetState, SupernetInfo]:
        """Move strengths, then weights, on minibatches of the selection and the training rows."""
        key = jax.random.fold_in(state.key, state.step)
        random_key, strength_key, weight_key = jax.random.split(key, 3)
        random = self._draw(random_key, data)
        progress = jnp.minimum(state.step / jnp.maximum(hyper.steps, 1), 1.0)
        moved, selection_loss = self._move_strengths(strength_key, state, random, hyper, progress)
        moved, train_loss = self._move_weights(weight_key, moved, random, hyper, progress)
        moved = moved._replace(step=state.step + 1)
        runs = state.step < hyper.steps
        kept = jax.tree.map(lambda new, old: jnp.where(runs, new, old), moved[1:], state[1:])
        state = SupernetState(state.key, *kept)
        weights = self.relaxation.weights(state.params.strengths.choices)
        options = largest_options(self.supernet.space, weights)
        return state, SupernetInfo(train_loss, selection_loss, options, choice_entropy(weights))

    def _draw(self, key: Array, data: Dataset) -> _Draws:
        """Everything uniform that a step needs, in one flat draw: XLA compiles each slowly."""
        space, size = self.supernet.space, self.batch_size
        shape = (space.num_choices, space.max_options)
        uniform = jax.random.uniform(key, (3 * size + math.prod(shape),))
        parts = jnp.split(uniform, [size, 2 * size, 3 * size])
        return _Draws(
            inner=_take(data.train, parts[0]),
            outer=_take(data.selection, parts[1]),
            train=_take(data.train, parts[2]),
            noise=2 * parts[3].reshape(shape) - 1,
        )

    def _loss(self, rows: Rows, weights: PyTree, choices: Array) -> Array:
        return cross_entropy(self.supernet.apply(weights, choices, rows.x), rows.y)

    def _move_strengths(
        self,
        key: Array,
        state: SupernetState,
        random: _Draws,
        hyper: SupernetHyper,
        progress: Array,
    ) -> tuple[SupernetState, Array]:
        if self.gradient is None:
            return state, jnp.full((), jnp.nan)
        inner_key, outer_key = jax.random.split(key)
        temperature = interpolate(hyper.temperature, hyper.final_temperature, progress)
        factor = interpolate(hyper.regularization, hyper.final_regularization, progress)
        mask = option_mask(self.supernet.space)

        def inner(weights: PyTree, strengths: SupernetStrengths) -> Array:
            choices = self.sample(jax.random.clone(inner_key), strengths, temperature, None)
            return self._loss(random.inner, weights, choices)

        def outer(weights: PyTree, strengths: SupernetStrengths) -> Array:
            choices = self.sample(jax.random.clone(outer_key), strengths, temperature, None)
            loss = self._loss(random.outer, weights, choices)
            if self.regularizer is None:
                return loss
            return loss + factor * self.regularizer(strengths.choices.logits, mask)

        weights, strengths = state.params
        numbers = BilevelHyper(cosine(hyper.weight_rate, progress), hyper.damping)
        value, slope = self.gradient.value_and_grad(inner, outer, weights, strengths, numbers)
        optimizer = _strength_optimizer(hyper.strength_rate)
        moved, opt_state, _ = descend(optimizer, slope, state.strength_state, strengths)
        learns = progress >= hyper.warmup
        strengths, opt_state = jax.tree.map(
            lambda new, old: jnp.where(learns, new, old),
            (moved, opt_state),
            (strengths, state.strength_state),
        )
        params = SupernetParams(weights, strengths)
        return state._replace(params=params, strength_state=opt_state), value

    def _move_weights(
        self,
        key: Array,
        state: SupernetState,
        random: _Draws,
        hyper: SupernetHyper,
        progress: Array,
    ) -> tuple[SupernetState, Array]:
        weights, strengths = state.params
        temperature = interpolate(hyper.temperature, hyper.final_temperature, progress)
        noise = hyper.perturbation * progress * random.noise
        choices = self.sample(key, strengths, temperature, noise)
        loss, slope = jax.value_and_grad(partial(self._loss, random.train))(weights, choices)
        rate = cosine(hyper.weight_rate, progress)
        optimizer = _weight_optimizer(rate, hyper.weight_decay, hyper.momentum)
        weights, opt_state, _ = descend(optimizer, slope, state.weight_state, weights)
        params = SupernetParams(weights, strengths)
        return state._replace(params=params, weight_state=opt_state), loss


def _take(rows: Rows, uniform: Array) -> Rows:
    """A minibatch at the positions uniform float[B], with replacement."""
    taken = jnp.minimum((uniform * len(rows.y)).astype(jnp.int32), len(rows.y) - 1)
    return Rows(rows.x[taken], rows.y[taken])


@partial(jax.jit, static_argnames="supernet")
def _init_weights(supernet: Supernet, key: Array) -> PyTree:
    return supernet.init(key)


def _weight_optimizer(rate: Array, decay: Array, momentum: Array) -> optax.GradientTransformation:
    return optax.chain(
        optax.clip_by_global_norm(_MAX_NORM),
        optax.add_decayed_weights(decay),
        optax.trace(decay=momentum),
        optax.scale(-rate),
    )


def _strength_optimizer(rate: Array) -> optax.GradientTransformation:
    return optax.adam(rate, b1=0.5, b2=0.999)
