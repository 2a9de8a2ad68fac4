"""Meta-iterations of nmjax for `benchmarks.meta.meta_throughput`, and their upper bound."""

import itertools
from functools import partial
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.iterations import Implementation, Setting, Start, serve
from nmjax.meta import MAMLHyper, maml, squared_error
from nmjax.tasks import Episode

CHUNK = 100
PRODUCT = 1024


def sample_tasks(key: jax.Array, pool: jax.Array, *, setting: Setting) -> Episode:
    """Sample the tasks that `Setting` describes."""
    rows, inputs = setting.support + setting.query, setting.sizes[0]
    width = rows * (1 if setting.pool else inputs)
    draws = jax.random.uniform(key, (setting.tasks, 2 + width))
    if setting.pool:
        x = pool[(setting.pool * draws[:, 2:]).astype(jnp.int32)]
    else:
        x = 10 * draws[:, 2:].reshape(setting.tasks, rows, inputs) - 5
    y = (0.1 + 4.9 * draws[:, :1]) * jnp.sin(jnp.mean(x, axis=-1) - jnp.pi * draws[:, 1:2])
    return episode(*(half for leaf in (x, y) for half in jnp.split(leaf, [setting.support], 1)))


def episode(support_x, query_x, support_y, query_y) -> Episode:
    """Episodes without padding."""
    masks = (jnp.ones(y.shape, bool) for y in (support_y, query_y))
    return Episode(support_x, support_y, query_x, query_y, *masks)


def apply(params, x: jax.Array, *, activation: str) -> jax.Array:
    """Evaluate a multilayer perceptron at x float[M, D], float[M]."""
    *hidden, (head, offset) = params
    for weight, bias in hidden:
        x = getattr(jax.nn, activation)(x @ weight + bias[None])
    return (x @ head)[:, 0] + offset


def make_learner(setting: Setting):
    """Create the MAML learner of a setting."""
    loss = squared_error(partial(apply, activation=setting.activation))
    return maml(loss, optax.adam(setting.outer_rate), inner_steps=1)


def meta_step_flops(setting: Setting) -> int:
    """Count the operations of a meta-iteration's matrix products; a multiply-add counts as two.

    Let c be the cost of a layer's product for one example, c_1 that of the first layer, and F the
    sum. A gradient takes F forward, F for the weights and F - c_1 for the activations. Its reverse
    pass differentiates each of these products by both factors, except by data: 6 F - 4 c_1.
    """
    sizes = setting.sizes
    costs = [2 * a * b for a, b in itertools.pairwise(sizes)]
    gradient = 3 * sum(costs) - costs[0]
    through = 6 * sum(costs) - 4 * costs[0]
    return setting.tasks * (setting.support * (gradient + through) + setting.query * gradient)


def prepare(variant: str, setting: Setting, start: Start) -> Implementation:
    """Prepare meta-training, or for the variant `product` matrix products of 1024 x 1024."""
    versions = {name: version(name) for name in ("jax", "jaxlib", "optax")}
    if variant == "product":
        square = jnp.ones((PRODUCT, PRODUCT))
        product = jax.jit(jnp.matmul)

        def multiply(count: int) -> float:
            for _ in range(count):
                last = product(square, square)
            return float(last[0, 0])

        return Implementation(multiply, list, versions)

    learner = make_learner(setting)
    leaves = [jnp.asarray(leaf) for leaf in start.params]
    pool = jnp.asarray(start.pool)
    params = list(zip(leaves[::2], leaves[1::2], strict=True))
    hyper = MAMLHyper(jnp.asarray(setting.inner_rate))

    def step(pool, state, keys):
        tasks = sample_tasks(keys[0], pool, setting=setting)
        state, info = learner.update(keys[1], state, tasks, hyper)
        return state, info.loss

    @jax.jit
    def chunk(state, key, pool):
        return jax.lax.scan(partial(step, pool), state, jax.random.split(key, (CHUNK, 2)))

    init_key, key = jax.random.split(jax.random.key(0))
    state = learner.init(init_key, params)

    def iterate(count: int) -> float:
        nonlocal state, key
        losses = []
        for _ in range(count // CHUNK):
            key, own = jax.random.split(key)
            state, loss = chunk(state, own, pool)
            losses.append(loss)
        return float(np.mean(jax.device_get(losses)))

    def gradient() -> list[np.ndarray]:
        support_x, support_y, query_x, query_y = start.tasks
        tasks = episode(support_x, query_x, support_y, query_y)
        objective = jax.jit(jax.grad(lambda p: jnp.mean(learner.evaluate(p, tasks, hyper))))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(objective(params))]

    return Implementation(iterate, gradient, versions, CHUNK)


if __name__ == "__main__":
    serve(prepare)
