"""Metrics of meta-learning: few-shot curves, speed, and gains over training from scratch.

Losses are lower-is-better, for instance from `MetaLearner.evaluate` or an `Adaptation`.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.learners.probabilistic import AnyLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class GeneralizationGap(NamedTuple):
    """Difference of two means.

    Attributes:
      difference: float[].
      standard_error: float[], over independent tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import meta_generalization
      >>> gap = meta_generalization(jnp.array([0.1, 0.3]), jnp.array([0.4, 0.6]))
      >>> round(float(gap.standard_error), 3)
      0.141
    """

    difference: Array
    standard_error: Array


@partial(jax.jit, static_argnames="learner")
def few_shot_curve(
    params: PyTree, tasks: Episode, hyper: PyTree, shots: Array, *, learner: AnyLearner
) -> Array:
    """Query loss of each task after adapting to its first k support rows, for several k.

    Rows are hidden by the mask, so that `shots` of one length compile once.

    Args:
      params: meta-learned parameters.
      tasks: episodes with a leading axis of T tasks, whose support rows are in random order.
      hyper: the learner's traced numbers.
      shots: int32[K], numbers of support rows; padding does not count, and a task with fewer rows
        uses all of them.
      learner: the meta-learner.

    Returns:
      float[K, T].

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import MAMLHyper, few_shot_curve, maml, squared_error
      >>> from nmjax.tasks import Episode
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> tasks, hyper = Episode(x, y, x, y, mask, mask), MAMLHyper(jnp.float32(0.1))
      >>> few_shot_curve(jnp.zeros(1), tasks, hyper, jnp.array([1, 2]), learner=learner).shape
      (2, 3)
    """
    position = jnp.cumsum(tasks.support_mask, axis=-1)

    def at(count: Array) -> Array:
        shown = tasks._replace(support_mask=tasks.support_mask & (position <= count))
        return learner.evaluate(params, shown, hyper)

    losses: Array = jax.lax.map(at, shots)
    return losses


def adaptation_speed(losses: Array, share: float = 0.9) -> Array:
    """Number of steps that achieve a share of the final improvement, int32[...].

    The first s with L_0 - L_s >= share (L_0 - L_S); S + 1, never, where L_S is no better than L_0.

    Args:
      losses: float[..., S + 1], before the first step and after each, as `Adaptation.losses`.
      share: Share of the improvement, in (0, 1].

    Raises:
      NmjaxError: `share` is not in (0, 1].

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import adaptation_speed
      >>> int(adaptation_speed(jnp.array([1.0, 0.5, 0.05, 0.0])))
      2
    """
    if not 0 < share <= 1:
        raise NmjaxError(f"Got share={share}, expected it in (0, 1]: give for instance 0.9.")
    gained = losses[..., :1] - losses
    final = gained[..., -1:]
    reached = (gained >= share * final) & (final > 0)
    steps = jnp.where(reached.any(-1), jnp.argmax(reached, axis=-1), losses.shape[-1])
    return steps.astype(jnp.int32)


def transfer_efficiency(adapted: Array, scratch: Array) -> Array:
    """Relative reduction of the loss by the meta-learned start, against training from scratch.

    1 - adapted / scratch: 1 is perfect, 0 no gain, below 0 negative transfer. For non-negative
    losses at equal data and equal steps.

    Args:
      adapted: float[...], loss after adapting from the meta-learned parameters.
      scratch: float[...], loss after equal training from the initial parameters of meta-training.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import transfer_efficiency
      >>> round(float(transfer_efficiency(jnp.array(0.2), jnp.array(0.8))), 2)
      0.75
    """
    return 1 - adapted / scratch


def sample_efficiency(shots: Array, losses: Array, scratch: Array) -> Array:
    """Ratio of data that training from scratch needs to reach the same loss, float[K].

    For each k, the smallest k' of `shots` with scratch(k') <= losses(k), divided by k; infinite
    where there is none.

    Args:
      shots: int32[K], increasing and positive.
      losses: float[K], loss of the meta-learned start by shots, for instance a mean of
        `few_shot_curve`.
      scratch: float[K], loss of training from scratch by shots.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import sample_efficiency
      >>> shots, scratch = jnp.array([1, 4]), jnp.array([0.9, 0.5])
      >>> sample_efficiency(shots, jnp.array([0.5, 0.1]), scratch)
      Array([ 4., inf], dtype=float32)
    """
    counts = shots.astype(losses.dtype)
    enough = scratch[None, :] <= losses[:, None]
    return jnp.min(jnp.where(enough, counts[None, :], jnp.inf), axis=-1) / counts


def meta_generalization(seen: Array, unseen: Array) -> GeneralizationGap:
    """Increase of the loss on kinds of tasks that meta-training left out: mean unseen - mean seen.

    The standard error is that of two independent means, sqrt(s_U^2 / U + s_T^2 / T).

    Args:
      seen: float[T], losses of new tasks of the kinds that were trained on.
      unseen: float[U], losses of tasks of the kinds that were left out.

    Raises:
      NmjaxError: one of them has fewer than two tasks.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import meta_generalization
      >>> gap = meta_generalization(jnp.array([0.1, 0.3]), jnp.array([0.4, 0.6]))
      >>> round(float(gap.difference), 3)
      0.3
    """
    if min(seen.shape[0], unseen.shape[0]) < 2:
        raise NmjaxError(
            f"Got losses of {seen.shape[0]} seen and {unseen.shape[0]} unseen tasks, expected at "
            "least 2 of both: without them there is no standard error."
        )
    variance = sum(jnp.var(losses, ddof=1) / losses.shape[0] for losses in (seen, unseen))
    return GeneralizationGap(jnp.mean(unseen) - jnp.mean(seen), jnp.sqrt(variance))
