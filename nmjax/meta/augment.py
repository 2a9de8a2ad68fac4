"""Task augmentation against memorization.

Where a task can be recognized from its encodings alone, a learner may memorize the meta-training
tasks instead of adapting, and then fails on new ones (Yin et al., 2020).
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
    """Compose `sample_tasks` with `augmentations`, (key, tasks) -> tasks, in order.

    Example:
      >>> import jax
      >>> from nmjax.meta import augmented
      >>> def sample_tasks(key, sources):
      ...     return sources
      >>> sample = augmented(sample_tasks, lambda key, tasks: tasks + 1)
      >>> sample(jax.random.key(0), 1)
      2
    """

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
    """Apply a random affine map to each task's scores, the same to its support and query.

    Encodings then no longer determine the scores, while the support does: an augmentation that
    raises the conditional entropy of scores (Rajendran, Irpan and Jang, 2020, section 4; of affine
    maps, they use shifts).

    Args:
      key: PRNG key, independent draws along leading axes.
      tasks: leaves [..., S] and [..., Q].
      shift: Standard deviation of the shift.
      log_scale: Standard deviation of the logarithm of the factor, which is applied before the
        shift.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import transform_targets
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((2, 4, 1)), jnp.ones((2, 4)), jnp.ones((2, 4), bool)
      >>> tasks = Episode(x, y, x, y, mask, mask)
      >>> moved = transform_targets(jax.random.key(0), tasks, shift=1.0)
      >>> bool((moved.support_y == moved.query_y).all())
      True
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
    """Interpolate each task with another one, row by row (Yao, Zhang and Finn, 2022).

    Encodings and scores are mixed with the same share, drawn once per task from a symmetric beta
    distribution. A row is valid where it is valid in both tasks.

    Args:
      key: PRNG key of the pairs and the shares.
      tasks: leaves with a leading axis of T tasks.
      concentration: Concentration of the beta distribution, positive; small values stay close to
        one of the two tasks.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import interpolate_tasks
      >>> from nmjax.tasks import Episode
      >>> x, y, mask = jnp.ones((2, 4, 1)), jnp.arange(8.0).reshape(2, 4), jnp.ones((2, 4), bool)
      >>> tasks = Episode(x, y, x, y, mask, mask)
      >>> interpolate_tasks(jax.random.key(0), tasks, concentration=0.5).support_y.shape
      (2, 4)
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
