"""How well it learns to learn: by shots, in speed, against training from scratch, and elsewhere.

Losses are lower-is-better, for instance from `MetaLearner.evaluate` or an `Adaptation`.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.learner import MetaLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class Gap(NamedTuple):
    """A difference of two means.

    Attributes:
      difference: float[].
      standard_error: float[], over independent tasks.
    """

    difference: Array
    standard_error: Array


@partial(jax.jit, static_argnames="learner")
def few_shot_curve(
    params: PyTree, tasks: Episode, hyper: PyTree, shots: Array, *, learner: MetaLearner
) -> Array:
    """The query loss of each task after adapting to its first k support rows, for several k.

    Rows are hidden by the mask, so any `shots` of one length compile once.

    Args:
      params: meta-learned.
      tasks: episodes with a leading axis of T tasks, whose support rows are in random order.
      hyper: the learner's traced numbers.
      shots: int32[K], how many support rows; those that are padding are passed over, and a task
        that has fewer gives what it has.
      learner: the meta-learner.

    Returns:
      float[K, T].
    """
    position = jnp.cumsum(tasks.support_mask, axis=-1)

    def at(count: Array) -> Array:
        shown = tasks._replace(support_mask=tasks.support_mask & (position <= count))
        return learner.evaluate(params, shown, hyper)

    return jax.lax.map(at, shots)


def adaptation_speed(losses: Array, share: float = 0.9) -> Array:
    """How many steps bring a share of the improvement that adapting ends with, int32[...].

    The first s with L_0 - L_s >= share (L_0 - L_S); S + 1, never, where L_S is no better than L_0.

    Args:
      losses: float[..., S + 1], before the first step and after each, as `Adaptation.losses`.
      share: of the improvement, in (0, 1].

    Raises:
      NmjaxError: `share` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise NmjaxError(f"Got share={share}, expected it in (0, 1]: give for instance 0.9.")
    gained = losses[..., :1] - losses
    final = gained[..., -1:]
    reached = (gained >= share * final) & (final > 0)
    steps = jnp.where(reached.any(-1), jnp.argmax(reached, axis=-1), losses.shape[-1])
    return steps.astype(jnp.int32)


def transfer_efficiency(adapted: Array, scratch: Array) -> Array:
    """Which share of the loss of training from scratch the meta-learned start saves.

    1 - adapted / scratch: 1 is perfect, 0 no help, below 0 negative transfer. For losses that
    cannot be negative, at equal data and equal steps.

    Args:
      adapted: float[...], after adapting from what was meta-learned.
      scratch: float[...], after as much training on the same data from where meta-training began.
    """
    return 1 - adapted / scratch


def sample_efficiency(shots: Array, losses: Array, scratch: Array) -> Array:
    """How many times the data training from scratch needs to be as good, float[K].

    For each k, the smallest k' of `shots` with scratch(k') <= losses(k), over k; infinite where
    none is enough.

    Args:
      shots: int32[K], increasing and positive.
      losses: float[K], of the meta-learned start by shots, for instance a mean of `few_shot_curve`.
      scratch: float[K], of training from scratch by shots.
    """
    counts = shots.astype(losses.dtype)
    enough = scratch[None, :] <= losses[:, None]
    return jnp.min(jnp.where(enough, counts[None, :], jnp.inf), axis=-1) / counts


def meta_generalization(seen: Array, unseen: Array) -> Gap:
    """What is lost on kinds of tasks that meta-training left out: mean unseen less mean seen loss.

    The standard error is that of two independent means, sqrt(s_U^2 / U + s_T^2 / T).

    Args:
      seen: float[T], losses of new tasks of the kinds that were trained on.
      unseen: float[U], losses of tasks of the kinds that were left out.

    Raises:
      NmjaxError: one of them has fewer than two tasks.
    """
    if min(seen.shape[0], unseen.shape[0]) < 2:
        raise NmjaxError(
            f"Got losses of {seen.shape[0]} seen and {unseen.shape[0]} unseen tasks, expected at "
            "least 2 of both: without them there is no standard error."
        )
    variance = sum(jnp.var(losses, ddof=1) / losses.shape[0] for losses in (seen, unseen))
    return Gap(jnp.mean(unseen) - jnp.mean(seen), jnp.sqrt(variance))
