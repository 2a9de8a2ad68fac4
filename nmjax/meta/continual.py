"""Continual meta-learning: phases of tasks, forgetting, and a replay memory."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from nmjax.errors import NmjaxError
from nmjax.meta.learners.probabilistic import AnyLearner
from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


class Reservoir(NamedTuple):
    """A uniform sample of all tasks seen so far.

    Attributes:
      tasks: episodes with a leading axis of C slots, filled from the first.
      seen: int32[], number of tasks offered so far.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_reservoir
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> reservoir = init_reservoir(Episode(x, y, x, y, mask, mask), capacity=2)
      >>> int(reservoir.seen)
      0
    """

    tasks: Episode
    seen: Array


class ContinualResult(NamedTuple):
    """Result of learning from a stream.

    Attributes:
      losses: float[P + 1, P]: row i is after i phases, column j the mean query loss after adapting
        to held-out tasks of phase j.
      state: the learner's state.
      memory: the tasks that were kept.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import ContinualResult, forgetting
      >>> result = ContinualResult(jnp.zeros((3, 2)), None, None)
      >>> float(forgetting(result.losses))
      0.0
    """

    losses: Array
    state: PyTree
    memory: Reservoir


def init_reservoir(tasks: Episode, capacity: int) -> Reservoir:
    """Create an empty reservoir of `capacity` slots for tasks like these (with a leading axis).

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import init_reservoir
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> init_reservoir(Episode(x, y, x, y, mask, mask), capacity=2).tasks.support_y.shape
      (2, 4)
    """
    blank = jax.tree.map(lambda leaf: jnp.zeros((capacity, *leaf.shape[1:]), leaf.dtype), tasks)
    return Reservoir(blank, jnp.zeros((), jnp.int32))


def add_to_reservoir(key: Array, reservoir: Reservoir, tasks: Episode) -> Reservoir:
    """Offer more tasks to a reservoir, so that each task seen is kept with equal probability.

    Algorithm R (Vitter, 1985): the n-th task takes a slot drawn uniformly from n, if there is one.

    Args:
      key: PRNG key of the slots.
      reservoir: a reservoir of C slots.
      tasks: episodes with a leading axis, in order of arrival.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import add_to_reservoir, init_reservoir
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((3, 4, 1)), jnp.ones((3, 4)), jnp.ones((3, 4), bool)
      >>> tasks = Episode(x, y, x, y, mask, mask)
      >>> reservoir = add_to_reservoir(jax.random.key(0), init_reservoir(tasks, capacity=2), tasks)
      >>> int(reservoir.seen)
      3
    """
    capacity = reservoir.tasks.support_y.shape[0]

    def offer(reservoir: Reservoir, task: Episode) -> tuple[Reservoir, None]:
        seen = reservoir.seen
        drawn = jax.random.randint(jax.random.fold_in(key, seen), (), 0, seen + 1, jnp.int32)
        slot = jnp.where(seen < capacity, seen, drawn)
        kept = jax.tree.map(
            lambda leaf, new: leaf.at[slot].set(new, mode="drop"), reservoir.tasks, task
        )
        return Reservoir(kept, seen + 1), None

    return jax.lax.scan(offer, reservoir, tasks)[0]


@partial(jax.jit, static_argnames=("learner", "updates", "batch", "replay", "capacity"))
def learn_continually(
    key: Array,
    params: PyTree,
    stream: Episode,
    held_out: Episode,
    hyper: PyTree,
    *,
    learner: AnyLearner,
    updates: int,
    batch: int,
    replay: int = 0,
    capacity: int = 64,
) -> ContinualResult:
    """Meta-train on one phase of tasks after another, and evaluate on all phases after each.

    With replay (Robins, 1995; Chaudhry et al., 2019), some of each update's tasks come from a
    reservoir of earlier phases instead of the present one, so that every update costs the same with
    and without it. In the first phase all come from the present.

    Args:
      key: PRNG key of the tasks that are drawn and kept.
      params: initial parameters of meta-training.
      stream: episodes with leading axes of P phases and N tasks.
      held_out: episodes as in `stream`, of P phases, never trained on.
      hyper: the learner's traced numbers.
      learner: the meta-learner.
      updates: Number of meta-updates in each phase.
      batch: Number of tasks in an update.
      replay: Number of them that come from earlier phases, 0 to `batch`.
      capacity: Number of slots of the reservoir.

    Raises:
      NmjaxError: the phases do not pair up, or a size is out of range.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import MAMLHyper, learn_continually, maml, squared_error
      >>> from nmjax.tasks import Episode
      >>> learner = maml(squared_error(lambda w, x: x @ w), optax.sgd(0.1), inner_steps=1)
      >>> x, y, mask = jnp.ones((2, 3, 4, 1)), jnp.ones((2, 3, 4)), jnp.ones((2, 3, 4), bool)
      >>> stream, hyper = Episode(x, y, x, y, mask, mask), MAMLHyper(jnp.float32(0.1))
      >>> sizes = dict(learner=learner, updates=1, batch=2, replay=1, capacity=2)
      >>> key, params = jax.random.key(0), jnp.zeros(1)
      >>> result = learn_continually(key, params, stream, stream, hyper, **sizes)
      >>> result.losses.shape
      (3, 2)
    """
    phases, num_tasks = stream.support_y.shape[:2]
    if held_out.support_y.shape[0] != phases:
        raise NmjaxError(
            f"Got {phases} phases to learn and {held_out.support_y.shape[0]} held out, expected "
            "held-out tasks of each phase, in the same order."
        )
    if min(updates, batch, capacity) < 1 or not 0 <= replay <= batch:
        raise NmjaxError(
            f"Got updates={updates}, batch={batch}, capacity={capacity}, replay={replay}, expected "
            "positive numbers with replay from 0 to batch."
        )

    def evaluate_phases(params: PyTree) -> Array:
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), held_out)
        return jnp.mean(learner.evaluate(params, flat, hyper).reshape(phases, -1), axis=-1)

    def phase(
        carry: tuple[PyTree, Reservoir], arriving: tuple[Array, Episode]
    ) -> tuple[tuple[PyTree, Reservoir], Array]:
        (state, memory), (index, present) = carry, arriving
        draw_key, learn_key, keep_key = jax.random.split(jax.random.fold_in(key, index), 3)
        known = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), present, memory.tasks)
        filled = jnp.minimum(memory.seen, capacity)
        of_memory = (jnp.arange(batch) < replay) & (filled > 0)
        low = jnp.where(of_memory, num_tasks, 0)
        high = jnp.where(of_memory, num_tasks + filled, num_tasks)

        def learn(state: PyTree, t: Array) -> tuple[PyTree, None]:
            row = jax.random.randint(jax.random.fold_in(draw_key, t), (batch,), low, high)
            tasks = jax.tree.map(lambda leaf: leaf[row], known)
            return learner.update(jax.random.fold_in(learn_key, t), state, tasks, hyper)[0], None

        state, _ = jax.lax.scan(learn, state, jnp.arange(updates))
        memory = add_to_reservoir(keep_key, memory, present)
        return (state, memory), evaluate_phases(state.params)

    init_key, key = jax.random.split(key)
    memory = init_reservoir(jax.tree.map(lambda leaf: leaf[0], stream), capacity)
    start = (learner.init(init_key, params), memory)
    (state, memory), after = jax.lax.scan(phase, start, (jnp.arange(phases), stream))
    return ContinualResult(jnp.concatenate([evaluate_phases(params)[None], after]), state, memory)


def forgetting(losses: Array) -> Array:
    """Mean increase of the loss on earlier phases from its minimum to the end, float[].

    The mean over j < P of R_Pj - min_{1 <= i < P} R_ij (Chaudhry et al., 2018, for losses); phases
    count from 1, and R_i is after i of them.

    Args:
      losses: R, float[P + 1, P], as `ContinualResult.losses`.

    Raises:
      NmjaxError: the shape differs, or there are fewer than two phases.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import forgetting
      >>> float(forgetting(jnp.array([[9.0, 9.0], [1.0, 9.0], [3.0, 1.0]])))
      2.0
    """
    _check_losses(losses)
    return jnp.mean(losses[-1, :-1] - jnp.min(losses[1:-1, :-1], axis=0))


def backward_transfer(losses: Array) -> Array:
    """Mean decrease of the loss on earlier phases by learning later ones, float[].

    Negative values mean forgetting. The mean over j < P of R_jj - R_Pj (Lopez-Paz and Ranzato,
    2017, section 2, for losses). Arguments and errors are those of `forgetting`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import backward_transfer
      >>> float(backward_transfer(jnp.array([[9.0, 9.0], [1.0, 9.0], [3.0, 1.0]])))
      -2.0
    """
    _check_losses(losses)
    return jnp.mean(jnp.diagonal(losses[1:])[:-1] - losses[-1, :-1])


def forward_transfer(losses: Array) -> Array:
    """Mean decrease of the loss on later phases by learning earlier ones, float[].

    The mean over j > 1 of R_0j - R_{j-1,j} (Lopez-Paz and Ranzato, 2017, section 2, for losses).
    Arguments and errors are those of `forgetting`.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import forward_transfer
      >>> float(forward_transfer(jnp.array([[9.0, 9.0], [1.0, 5.0], [3.0, 1.0]])))
      4.0
    """
    _check_losses(losses)
    return jnp.mean(losses[0, 1:] - jnp.diagonal(losses[1:], offset=1))


def _check_losses(losses: Array) -> None:
    shape = jnp.shape(losses)
    if len(shape) != 2 or shape[0] != shape[1] + 1 or shape[1] < 2:
        raise NmjaxError(
            f"Got losses of shape {shape}, expected [P + 1, P] with 2 or more phases: a row before "
            "learning and one after each phase."
        )
