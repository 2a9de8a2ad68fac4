"""More tasks out of those there are, so that they cannot be learned by heart.

Where a task can be told from its encodings alone, a learner may remember what each meta-training
task is like and never adapt; on new tasks it then fails (Yin et al., 2020).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from nmjax.tasks.episodes import Episode
from nmjax.types import Array, PyTree


def augmented(
    sample_tasks: Callable[[Array, PyTree], Episode],
    *augmentations: Callable[[Array, Episode], Episode],
) -> Callable[[Array, PyTree], Episode]:
    """`sample_tasks` followed by `augmentations`, (key, tasks) -> tasks, in order."""

    def sample(key: Array, sources: PyTree) -> Episode:
        keys = jax.random.split(key, 1 + len(augmentations))
        tasks = sample_tasks(keys[0], sources)
        for augment_key, augment in zip(keys[1:], augmentations, strict=True):
            tasks = augment(augment_key, tasks)
        return tasks

    return sample


def transform_targets(
    key: Array, tasks: Episode, *, shift: Array | float, log_scale: Array | float = 0.0
) -> Episode:
    """A random affine map of each task's scores, the same for its support and query.

    Encodings then no longer tell the scores, while the support does: augmentation that raises the
    conditional entropy of scores (Rajendran, Irpan and Jang, 2020, section 4), which of affine maps
    has the shifts.

    Args:
      key: for the draw, independent along leading axes.
      tasks: leaves [..., S] and [..., Q].
      shift: standard deviation of what is added.
      log_scale: standard deviation of the logarithm of what scores are multiplied by before.
    """
    offset, factor = jax.random.normal(key, (2, *tasks.support_y.shape[:-1], 1))
    offset, factor = shift * offset, jnp.exp(log_scale * factor)

    def transform(y: Array, mask: Array) -> Array:
        return jnp.where(mask, factor * y + offset, 0)

    return tasks._replace(
        support_y=transform(tasks.support_y, tasks.support_mask),
        query_y=transform(tasks.query_y, tasks.query_mask),
    )


def interpolate_tasks(key: Array, tasks: Episode, *, concentration: Array | float) -> Episode:
    """Each task, row by row between itself and another (Yao, Zhang and Finn, 2022).

    Encodings and scores are mixed alike, at the input: the share is one for a task's support and
    query, from a symmetric beta distribution. A row counts where it does in both tasks.

    Args:
      key: for the pairs and the shares.
      tasks: with a leading axis of T tasks.
      concentration: of the beta distribution, positive; small ones stay near to one of the two.
    """
    pair_key, share_key = jax.random.split(key)
    number = tasks.support_y.shape[0]
    partner = jax.random.permutation(pair_key, number)
    share = jax.random.beta(share_key, concentration, concentration, (number,))

    def mix(x: Array, y: Array, mask: Array) -> tuple[Array, Array, Array]:
        both = mask & mask[partner]

        def between(leaf: Array) -> Array:
            own, counts = (jax.lax.expand_dims(v, range(v.ndim, leaf.ndim)) for v in (share, both))
            return jnp.where(counts, own * leaf + (1 - own) * leaf[partner], 0)

        return between(x), between(y), both

    support_x, support_y, support_mask = mix(tasks.support_x, tasks.support_y, tasks.support_mask)
    query_x, query_y, query_mask = mix(tasks.query_x, tasks.query_y, tasks.query_mask)
    return Episode(support_x, support_y, query_x, query_y, support_mask, query_mask)
