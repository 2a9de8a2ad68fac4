"""Conformance of a `MetaLearner`."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from nmjax.meta import MetaLearner, support
from nmjax.tasks import Episode
from nmjax.testing.compare import (
    Counted,
    assert_close,
    assert_equal,
    assert_finite,
    assert_same_shapes,
    assert_shape,
    through_host,
    to_numpy,
)
from nmjax.types import Array, PyTree


def check_meta_learner(
    learner: MetaLearner,
    params: PyTree,
    hyper: PyTree,
    sample_tasks: Callable[[Array], Episode],
    *,
    steps: int,
    gain: float = 0.2,
    tolerance: float = 1e-3,
) -> None:
    """Check a `MetaLearner`.

    Meta-training lowers the loss after adapting to unseen tasks; shapes; agreement with `jit`,
    `vmap` and, where there are several devices, tasks sharded over them; one trace; equal results
    from equal keys; a run that is saved half-way and resumed equals an uninterrupted one.

    Args:
      learner: the learner to check.
      params: initial parameters of meta-training.
      hyper: the learner's traced numbers.
      sample_tasks: key -> T tasks, T a multiple of the number of devices.
      steps: Number of meta-updates, sufficient to learn these tasks; even.
      gain: Share of the untrained loss by which the trained one must be lower.
      tolerance: Absolute and relative tolerance of equality.

    Raises:
      AssertionError: a property does not hold.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.testing import check_meta_learner
      >>> from nmjax.tasks import Episode
      >>> from nmjax.meta import MAMLHyper, maml, squared_error
      >>> loss_fn = squared_error(lambda w, x: x @ w)
      >>> learner = maml(loss_fn, optax.sgd(0.1), inner_steps=1)
      >>> def sample_tasks(key):
      ...     x = jax.random.normal(key, (2, 4, 1))
      ...     return Episode(x, x[..., 0], x, x[..., 0], x[..., 0] < 9, x[..., 0] < 9)
      >>> hyper = MAMLHyper(jnp.float32(0.1))
      >>> check_meta_learner(learner, jnp.zeros(1), hyper, sample_tasks, steps=8)
    """
    close = partial(assert_close, tolerance=tolerance)

    def meta_step(state: PyTree, t: Array) -> tuple[PyTree, PyTree]:
        task_key, update_key = jax.random.split(jax.random.fold_in(jax.random.key(0), t))
        return learner.update(update_key, state, sample_tasks(task_key), hyper)

    train = Counted(lambda state, times: jax.lax.scan(meta_step, state, times))
    early, late = np.split(np.arange(steps, dtype=np.int32), 2)
    start = learner.init(jax.random.key(1), params)
    halfway, first = train(start, early)
    end, second = train(halfway, late)
    assert_shape("losses", first.loss, (steps // 2,))
    assert_finite("losses", (first.loss, second.loss))
    assert_same_shapes("state after updates", end, start)
    assert_same_shapes("parameters after updates", end.params, params)
    assert_equal("runs of the same keys", train(start, early)[0], halfway)
    assert_equal("saved and resumed run", train(through_host(halfway), late)[0], end)
    train.check_once("meta-training")

    tasks = jax.jit(sample_tasks)(jax.random.key(2))
    evaluate = jax.jit(learner.evaluate)
    untrained, trained = evaluate(params, tasks, hyper), evaluate(end.params, tasks, hyper)
    assert_shape("losses of tasks", trained, tasks.support_y.shape[:1])
    before, after = np.mean(untrained), np.mean(trained)
    allowed = before - gain * np.abs(before)
    assert after < allowed, (
        f"Adapting after {steps} meta-updates has the loss {after}, before them {before}: "
        f"expected less than {allowed}."
    )
    close("evaluate with and without jit", learner.evaluate(end.params, tasks, hyper), trained)
    first_task = jax.tree.map(lambda leaf: leaf[0], tasks)
    adaptation = jax.jit(learner.adapt)(end.params, support(first_task), hyper)
    assert_finite("adaptation", adaptation)
    assert adaptation.losses.ndim == 1, "Expected the losses of one task's inner loop."

    close(
        "update without jit, and with jit, vmap and sharded tasks",
        _update_batched(learner, hyper, tasks, start, end),
        learner.update(jax.random.key(3), end, tasks, hyper),
    )


def _update_batched(
    learner: MetaLearner, hyper: PyTree, tasks: Episode, start: PyTree, end: PyTree
) -> PyTree:
    """The result of updating `end`, compiled under `vmap` beside `start` and over all devices."""
    mesh = jax.make_mesh((len(jax.devices()),), ("tasks",), axis_types=(AxisType.Auto,))
    everywhere, split = (
        NamedSharding(mesh, spec) for spec in (PartitionSpec(), PartitionSpec("tasks"))
    )

    @jax.jit
    def update(key: Array, start: PyTree, end: PyTree, tasks: Episode, hyper: PyTree) -> PyTree:
        both = jax.tree.map(lambda a, b: jnp.stack([a, b]), start, end)
        return jax.vmap(learner.update, in_axes=(None, 0, None, None))(key, both, tasks, hyper)

    key, start, end, hyper = jax.device_put((jax.random.key(3), start, end, hyper), everywhere)
    both = update(key, start, end, jax.device_put(tasks, split), hyper)
    return jax.tree.map(lambda leaf: leaf[1], to_numpy(both))
