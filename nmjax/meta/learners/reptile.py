"""Reptile: follow where plain training on each task leads."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.batch import Batch, everything
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.gradient import MAMLHyper, MAMLInfo, MetaState, fomaml
from nmjax.optimize import descend
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


def reptile(
    loss_fn: Callable[[PyTree, Batch], Array],
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
) -> MetaLearner:
    """Learns an initialization near to what each task is trained to (Nichol et al., 2018).

    A meta-update descends the mean over tasks of the initialization less the parameters after
    training on all of a task's data, support and query; no second derivative and no split is
    needed. With one inner step this is joint training. At test time it adapts as `maml` does.

    Args:
      loss_fn: as for `maml`.
      optimizer: of the outer loop; `optax.sgd(e)` moves by the share e, as in the paper.
      inner_steps: gradient steps on a task's data, at least 2.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo` and hyper `MAMLHyper`. `query_losses` are
      those after adapting to the support, as elsewhere; `support_losses` those along the inner loop
      on all data.

    Raises:
      NmjaxError: fewer than two inner steps.
    """
    if inner_steps < 2:
        raise NmjaxError(
            f"Got inner_steps={inner_steps}, expected at least 2: with one, Reptile trains on all "
            "tasks jointly and learns nothing of adapting."
        )

    base = fomaml(loss_fn, optimizer, inner_steps=inner_steps)

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: MAMLHyper
    ) -> tuple[MetaState, MAMLInfo]:
        del key
        train = jax.vmap(base.adapt, in_axes=(None, 0, None))
        trained = train(state.params, everything(tasks), hyper)
        toward = jax.tree.map(
            lambda start, end: start - jnp.mean(end, axis=0), state.params, trained.params
        )
        query_losses = base.evaluate(state.params, tasks, hyper)
        params, opt_state, norm = descend(optimizer, toward, state.opt_state, state.params)
        info = MAMLInfo(jnp.mean(query_losses), query_losses, trained.losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    return base._replace(update=update)
