"""Weights and strengths meta-learned on past tasks, as the start of a search on a new one."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.live import Rows, cross_entropy
from nmjax.meta import Batch
from nmjax.meta.batch import LossFn
from nmjax.oneshot.search import SupernetSearch
from nmjax.oneshot.settings import SupernetParams
from nmjax.setting_checks import check_sizes
from nmjax.tasks import Episode
from nmjax.types import Array


def supernet_loss(search: SupernetSearch) -> LossFn:
    """The loss of weights and strengths together, for the learners of `nmjax.meta`.

    With `meta.reptile` the learner is that of MetaNAS (Elsken et al., 2020), with `meta.maml` that
    of T-NAS (Lian et al., 2020). `search.init_params` returns its initial parameters, and the
    learned ones are the start of a search, `train_supernets(..., params=...)`. Weights and
    strengths have inner rates of their own: `MAMLHyper(SupernetParams(0.1, 1.0))`.

    Args:
      search: Search whose supernet, relaxation and edge normalization the loss has. Soft choices
        are not random: they are the relaxation's `weights`.

    Returns:
      (params, batch) -> float[], mean cross-entropy over the rows of a `meta.Batch` whose y are
      classes.

    Example:
      >>> import jax, optax
      >>> from nmjax.meta import reptile
      >>> from nmjax.oneshot import MLPSupernet, darts, supernet_loss
      >>> search, _ = darts(MLPSupernet(4, 3), steps=100)
      >>> learner = reptile(supernet_loss(search), optax.sgd(1.0), inner_steps=5)
      >>> state = learner.init(jax.random.key(0), search.init_params(jax.random.key(1)))
      >>> state.params.strengths.choices.logits.shape
      (3, 4)
    """

    def loss_fn(params: SupernetParams, batch: Batch) -> Array:
        choices = search.mean_choices(params.strengths)
        logits = search.supernet.apply(params.weights, choices, batch.x)
        losses = jax.vmap(lambda row, label: cross_entropy(row[None], label[None]))(
            logits, batch.y.astype(jnp.int32)
        )
        counted = jnp.where(batch.mask, losses, 0.0)
        return jnp.sum(counted) / jnp.maximum(jnp.sum(batch.mask), 1).astype(counted.dtype)

    return loss_fn


def sample_class_tasks(
    key: Array, rows: Rows, *, tasks: int, ways: int, support: int, query: int
) -> Episode:
    """Draw tasks that each classify some of the classes of a data set, renumbered at random.

    Args:
      key: Random key.
      rows: Rows of the data set.
      tasks: Number T of tasks.
      ways: Number of classes of a task.
      support: Number of rows of each class in the support.
      query: Number of rows of each class in the query.

    Returns:
      An `Episode` with leaves [T, ways * support, ...] and [T, ways * query, ...], whose y are
      classes as float32. Support and query are disjoint.

    Raises:
      NmjaxError: A number is not positive, there are fewer classes than `ways`, or a class has too
        few rows. Traced rows are not checked.

    Example:
      >>> import jax
      >>> from nmjax.live import load_task
      >>> from nmjax.oneshot import sample_class_tasks
      >>> rows = load_task("digits").data.train
      >>> tasks = sample_class_tasks(jax.random.key(0), rows, tasks=4, ways=3, support=5, query=2)
      >>> tasks.support_x.shape, tasks.query_y.shape
      ((4, 15, 64), (4, 6))
    """
    check_sizes(tasks=tasks, ways=ways, support=support, query=query)
    classes = _count_classes(rows, ways, support + query)
    draw = partial(_draw_task, rows=rows, classes=classes, ways=ways, each=support + query)
    taken, labels = jax.vmap(draw)(jax.random.split(key, tasks))
    x = rows.x[taken]
    parts = []
    for part in (slice(None, support), slice(support, None)):
        y = labels[:, :, part].reshape(tasks, -1)
        parts.append((x[:, :, part].reshape(*y.shape, -1), y, jnp.ones(y.shape, bool)))
    (support_x, support_y, support_mask), (query_x, query_y, query_mask) = parts
    return Episode(support_x, support_y, query_x, query_y, support_mask, query_mask)


def _draw_task(
    key: Array, *, rows: Rows, classes: int, ways: int, each: int
) -> tuple[Array, Array]:
    """Rows int32[ways, each] of random classes, without replacement, and labels float32 of them."""
    class_key, row_key = jax.random.split(key)
    chosen = jax.random.permutation(class_key, classes)[:ways]
    order = jax.random.uniform(row_key, (ways, len(rows.y)))
    own = rows.y[None, :] == chosen[:, None]
    _, taken = jax.lax.top_k(jnp.where(own, order, -1.0), each)
    labels = jnp.broadcast_to(jnp.arange(ways, dtype=jnp.float32)[:, None], (ways, each))
    return taken, labels


def _count_classes(rows: Rows, ways: int, each: int) -> int:
    """The number of classes, which must be concrete."""
    counts = np.bincount(np.asarray(rows.y))
    if ways > len(counts) or counts.min() < each:
        raise NmjaxError(
            f"Got classes with {counts.tolist()} rows for tasks of {ways} classes with {each} rows "
            "each; give more rows, or smaller tasks."
        )
    return len(counts)
