"""The interface of a meta-learner."""

from collections.abc import Callable
from typing import NamedTuple

from nmjax.meta.adapt import Adaptation
from nmjax.meta.batch import Batch
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree

InitFn = Callable[[Array, PyTree], PyTree]
UpdateFn = Callable[[Array, PyTree, Episode, PyTree], tuple[PyTree, PyTree]]
AdaptFn = Callable[[PyTree, Batch, PyTree], Adaptation]
EvaluateFn = Callable[[PyTree, Episode, PyTree], Array]


class MetaLearner(NamedTuple):
    """A meta-learner as pure functions; its state has a field `params`.

    `tasks` is a `tasks.Episode` whose leaves have a leading axis of T tasks, `batch` a `Batch` of
    one task, and `hyper` the learner's own NamedTuple of traced numbers.

    Attributes:
      init: (key, params) -> state, before any meta-update.
      update: (key, state, tasks, hyper) -> (state, info), one meta-update; info has a field `loss`,
        float[], the mean loss on query data.
      adapt: (params, batch, hyper) -> `Adaptation` to one task.
      evaluate: (params, tasks, hyper) -> float[T], loss on query data after adapting to support.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import MAMLHyper, MetaLearner, maml, squared_error
      >>> from nmjax.tasks import Episode
      >>> loss_fn = squared_error(lambda w, x: x @ w)
      >>> learner: MetaLearner = maml(loss_fn, optax.sgd(0.1), inner_steps=1)
      >>> x, y, mask = jnp.ones((2, 4, 1)), jnp.ones((2, 4)), jnp.ones((2, 4), bool)
      >>> tasks = Episode(x, y, x, y, mask, mask)
      >>> learner.evaluate(jnp.zeros(1), tasks, MAMLHyper(jnp.float32(0.5)))
      Array([0., 0.], dtype=float32)
    """

    init: InitFn
    update: UpdateFn
    adapt: AdaptFn
    evaluate: EvaluateFn
