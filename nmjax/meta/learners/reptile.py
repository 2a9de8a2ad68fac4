"""Reptile: move toward the result of plain training on each task."""

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.meta.batch import LossFn, support_and_query
from nmjax.meta.learner import MetaLearner
from nmjax.meta.learners.adaptation_gradient import MAMLHyper, MAMLInfo, MetaState
from nmjax.meta.learners.gradient import fomaml
from nmjax.optimize import descend
from nmjax.tasks.episodes import Episode
from nmjax.types import Array


def reptile(
    loss_fn: LossFn,
    optimizer: optax.GradientTransformation,
    *,
    inner_steps: int,
) -> MetaLearner:
    """Learn an initialization close to the result of training on each task (Nichol et al., 2018).

    A meta-update descends the mean over tasks of the initialization minus the parameters after
    training on all of a task's data, support and query; it needs no second derivative and no split.
    With one inner step this is joint training. At test time it adapts as `maml` does.

    Args:
      loss_fn: as for `maml`.
      optimizer: optimizer of the outer loop; the paper's is `optax.sgd`.
      inner_steps: Number of gradient steps on a task's data, at least 2.

    Returns:
      A learner with state `MetaState`, info `MAMLInfo` and hyper `MAMLHyper`. `query_losses` are
      those after adapting to the support, as in `maml`; `support_losses` those of the inner loop on
      all data.

    Raises:
      NmjaxError: there are fewer than two inner steps.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, MAMLHyper, reptile, squared_error
      >>> learner = reptile(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=2)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.adapt(jnp.zeros(1), batch, MAMLHyper(0.25)).losses.shape
      (3,)
    """
    if inner_steps < 2:
        raise NmjaxError(
            f"Got inner_steps={inner_steps}, expected at least 2: with one, Reptile trains on all "
            "tasks jointly and does not learn to adapt."
        )

    base = fomaml(loss_fn, optimizer, inner_steps=inner_steps)

    def update(
        key: Array, state: MetaState, tasks: Episode, hyper: MAMLHyper
    ) -> tuple[MetaState, MAMLInfo]:
        del key
        train = jax.vmap(base.adapt, in_axes=(None, 0, None))
        trained = train(state.params, support_and_query(tasks), hyper)
        toward = jax.tree.map(
            lambda start, end: start - jnp.mean(end, axis=0), state.params, trained.params
        )
        query_losses = base.evaluate(state.params, tasks, hyper)
        params, opt_state, norm = descend(optimizer, toward, state.opt_state, state.params)
        info = MAMLInfo(jnp.mean(query_losses), query_losses, trained.losses, norm)
        return MetaState(params, opt_state, state.step + 1), info

    return base._replace(update=update)
