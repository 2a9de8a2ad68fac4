"""MAML of jax-meta: `maml_jax_meta` as its users call it, `maml_jax_meta-scan` within a scan."""

from functools import partial
from importlib.metadata import version

import numpy as np

from benchmarks.peers.iterations import Implementation, Setting, Start, sample_sinusoids, serve

REQUIREMENTS = ("jax-meta==1.0.3", "jax==0.12.0.1", "dm-haiku==0.0.17", "optax==0.2.8")
CHUNK = 100


def prepare(variant: str, setting: Setting, start: Start) -> Implementation:
    """Prepare its jitted `step` on tasks from NumPy, or its `train_step` in a scan with tasks."""
    import haiku as hk
    import jax
    import jax.numpy as jnp
    import optax
    from jax_meta.datasets.base import Dataset
    from jax_meta.metalearners import MAML

    class Regression(MAML):
        """MAML of jax-meta with the squared error instead of cross-entropy."""

        def loss(self, params, state, inputs, targets, args):
            outputs, state = self.model.apply(params, state, inputs, *args)
            loss = jnp.mean(jnp.square(outputs[..., 0] - targets))
            return loss, (state, {"loss": loss})

    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh}[setting.activation]
    model = hk.without_apply_rng(
        hk.transform_with_state(lambda x: hk.nets.MLP(setting.sizes[1:], activation=activation)(x))
    )
    generator, key = np.random.default_rng(1), jax.random.key(1)
    learner = Regression(model, num_steps=1, alpha=setting.inner_rate)
    optimizer = optax.adam(setting.outer_rate)
    params, state = learner.init(jax.random.key(0), optimizer, start.tasks[0][0])
    leaves = iter(start.params)
    params = {name: {"w": next(leaves), "b": next(leaves)} for name in params}
    params, pool = jax.tree.map(jnp.asarray, (params, start.pool))

    def halves(tasks) -> tuple[Dataset, Dataset]:
        support_x, support_y, query_x, query_y = tasks
        return Dataset(support_x, support_y, ()), Dataset(query_x, query_y, ())

    def gradient() -> list[np.ndarray]:
        train, test = halves(start.tasks)
        found = jax.grad(learner.batch_outer_loss, has_aux=True)
        layers = jax.jit(lambda p: found(p, state.model, train, test, ())[0])(params).values()
        return [np.asarray(leaf) for layer in layers for leaf in (layer["w"], layer["b"])]

    def called(count: int) -> float:
        nonlocal params, state
        losses = []
        for _ in range(count):
            train, test = halves(sample_sinusoids(generator, setting, start.pool))
            params, state, logs = learner.step(params, state, train, test)
            losses.append(logs["outer/loss"])
        return float(np.mean(jax.device_get(losses)))

    def draw(key, pool):
        s, rows, inputs = setting.support, setting.support + setting.query, setting.sizes[0]
        width = rows * (1 if setting.pool else inputs)
        draws = jax.random.uniform(key, (setting.tasks, 2 + width))
        if setting.pool:
            x = pool[(setting.pool * draws[:, 2:]).astype(jnp.int32)]
        else:
            x = 10 * draws[:, 2:].reshape(setting.tasks, rows, inputs) - 5
        y = (0.1 + 4.9 * draws[:, :1]) * jnp.sin(x.mean(axis=-1) - jnp.pi * draws[:, 1:2])
        return x[:, :s], y[:, :s], x[:, s:], y[:, s:]

    def step(pool, carry, key):
        params, state, logs = learner.train_step(*carry, *halves(draw(key, pool)), ())
        return (params, state), jnp.mean(logs["outer/loss"])

    @jax.jit
    def chunk(params, state, key, pool):
        keys = jax.random.split(key, CHUNK)
        return jax.lax.scan(partial(step, pool), (params, state), keys)

    def scanned(count: int) -> float:
        nonlocal params, state, key
        losses = []
        for _ in range(count // CHUNK):
            key, own = jax.random.split(key)
            (params, state), loss = chunk(params, state, own, pool)
            losses.append(loss)
        return float(np.mean(jax.device_get(losses)))

    iterate, size = {"": (called, 1), "scan": (scanned, CHUNK)}[variant]
    names = ("jax-meta", "jax", "jaxlib", "dm-haiku", "optax")
    return Implementation(iterate, gradient, {name: version(name) for name in names}, size)


if __name__ == "__main__":
    serve(prepare)
