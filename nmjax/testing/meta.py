"""Conformance of a `MetaLearner`."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
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
    """Checks a `MetaLearner`.

    Meta-training makes adapting to tasks it has not seen better than adapting from where it began;
    shapes; agreement with `jit`, `vmap` and, where there are several devices, tasks sharded over
    them; one trace; the same from the same key; a run that is saved half-way and resumed is the
    same run.

    Args:
      learner: to check.
      params: what meta-training begins with.
      hyper: the learner's traced numbers.
      sample_tasks: key -> T tasks, T a multiple of the number of devices.
      steps: of meta-training, enough to learn these tasks; even.
      gain: by which share of the untrained loss the trained one must be below it.
      tolerance: absolute and relative, of what should be equal.

    Raises:
      AssertionError: a promise is broken.
    """
    close = partial(assert_close, tolerance=tolerance)

    def meta_step(state: PyTree, t: Array) -> tuple[PyTree, PyTree]:
        task_key, update_key = jax.random.split(jax.random.fold_in(jax.random.key(0), t))
        return learner.update(update_key, state, sample_tasks(task_key), hyper)

    train = Counted(lambda state, times: jax.lax.scan(meta_step, state, times))
    early, late = jnp.split(jnp.arange(steps, dtype=jnp.int32), 2)
    start = learner.init(jax.random.key(1), params)
    halfway, first = train(start, early)
    end, second = train(halfway, late)
    assert_shape("losses", first.loss, (steps // 2,))
    assert_finite("losses", (first.loss, second.loss))
    assert_same_shapes("state after updates", end, start)
    assert_same_shapes("parameters after updates", end.params, params)
    assert_equal("run of the same keys", train(start, early)[0], halfway)
    assert_equal("run that was saved and resumed", train(through_host(halfway), late)[0], end)
    train.check_once("meta-training")

    tasks = sample_tasks(jax.random.key(2))
    evaluate = jax.jit(learner.evaluate)
    untrained, trained = evaluate(params, tasks, hyper), evaluate(end.params, tasks, hyper)
    assert_shape("losses of tasks", trained, tasks.support_y.shape[:1])
    allowed = jnp.mean(untrained) - gain * jnp.abs(jnp.mean(untrained))
    assert jnp.mean(trained) < allowed, (
        f"Adapting after {steps} meta-updates has the loss {jnp.mean(trained)}, before them "
        f"{jnp.mean(untrained)}: expected less than {allowed}."
    )
    close("evaluate with and without jit", learner.evaluate(end.params, tasks, hyper), trained)
    first_task = jax.tree.map(lambda leaf: leaf[0], tasks)
    adaptation = learner.adapt(end.params, support(first_task), hyper)
    assert_finite("adaptation", adaptation)
    assert adaptation.losses.ndim == 1, "Expected the losses along one task's adaptation."

    _check_forms(learner, hyper, tasks, start, end, close)


def _check_forms(
    learner: MetaLearner,
    hyper: PyTree,
    tasks: Episode,
    start: PyTree,
    end: PyTree,
    close: Callable[[str, PyTree, PyTree], None],
) -> None:
    update = jax.jit(learner.update)
    alone = update(jax.random.key(3), end, tasks, hyper)
    plain = learner.update(jax.random.key(3), end, tasks, hyper)
    close("update with and without jit", plain, alone)
    lanes = jax.tree.map(lambda a, b: jnp.stack([a, b]), start, end)
    in_lanes = jax.jit(jax.vmap(learner.update, in_axes=(None, 0, None, None)))
    both = in_lanes(jax.random.key(3), lanes, tasks, hyper)
    close("update in lanes and alone", jax.tree.map(lambda leaf: leaf[1], both), alone)
    devices = len(jax.devices())
    if devices > 1:
        mesh = jax.make_mesh((devices,), ("tasks",), axis_types=(AxisType.Auto,))
        everywhere, split = (
            NamedSharding(mesh, spec) for spec in (PartitionSpec(), PartitionSpec("tasks"))
        )
        key, state, hyper = jax.device_put((jax.random.key(3), end, hyper), everywhere)
        sharded = update(key, state, jax.device_put(tasks, split), hyper)
        close("update with tasks sharded and on one device", sharded, alone)
