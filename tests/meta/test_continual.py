"""Transfer and forgetting on hand-made matrices, replay memory, and reservoir sampling."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from nmjax.errors import NmjaxError
from nmjax.meta import (
    MAMLHyper,
    add_to_reservoir,
    backward_transfer,
    fomaml,
    forgetting,
    forward_transfer,
    init_reservoir,
    learn_continually,
    squared_error,
)
from nmjax.predictors import Network
from nmjax.tasks import Episode

LOSSES = jnp.array(
    [
        [9.0, 8.0, 7.0],
        [1.0, 6.0, 7.5],
        [0.5, 2.0, 5.0],
        [3.0, 4.0, 1.0],
    ]
)


def test_transfer_and_forgetting_by_hand():
    np.testing.assert_allclose(forgetting(LOSSES), ((3 - 0.5) + (4 - 2)) / 2)
    np.testing.assert_allclose(backward_transfer(LOSSES), ((1 - 3) + (2 - 4)) / 2)
    np.testing.assert_allclose(forward_transfer(LOSSES), ((8 - 6) + (7 - 5)) / 2)


@pytest.mark.parametrize("measure", [forgetting, backward_transfer, forward_transfer])
@pytest.mark.parametrize("shape", [(3, 3), (2, 1), (4,)])
def test_wrong_shapes_are_refused(measure, shape):
    with pytest.raises(NmjaxError, match=r"\[P \+ 1, P\]"):
        measure(jnp.zeros(shape))


def numbered(numbers):
    """Tasks that inputs identify."""
    y = jnp.asarray(numbers, jnp.float32)[..., None]
    return Episode(y[..., None], y, y[..., None], y, y > -1, y > -1)


@pytest.mark.slow
def test_a_reservoir_keeps_every_task_with_equal_probability():
    many, capacity, runs = 20, 5, 4000

    @jax.jit
    @jax.vmap
    def kept(key):
        early, late = jax.random.split(key)
        reservoir = init_reservoir(numbered(range(2)), capacity)
        reservoir = add_to_reservoir(early, reservoir, numbered(range(8)))
        return add_to_reservoir(late, reservoir, numbered(range(8, many)))

    reservoir = kept(jax.random.split(jax.random.key(0), runs))
    numbers = np.asarray(reservoir.tasks.support_y[..., 0]).astype(int)
    assert all(len(set(row)) == capacity for row in numbers)
    share = capacity / many
    noise = np.sqrt(share * (1 - share) / runs)
    np.testing.assert_allclose(np.bincount(numbers.ravel()) / runs, share, atol=4 * noise)
    np.testing.assert_array_equal(reservoir.seen, many)


NETWORK = Network((24, 24), activation="tanh")
LEARNER = fomaml(squared_error(NETWORK.apply), optax.adam(1e-2), inner_steps=2)


def drifting(key, tasks):
    """Three phases of sinusoids of any amplitude, each phase shifted against the one before."""
    a, b = jax.random.split(key)
    amplitude = jax.random.uniform(a, (3, tasks, 1), minval=0.5, maxval=2.0)
    x = jax.random.uniform(b, (3, tasks, 20), minval=-3.0, maxval=3.0)
    y = amplitude * jnp.sin(x + jnp.array([0.0, 2.0, 4.0])[:, None, None])
    mask, x = jnp.ones((3, tasks, 10), bool), x[..., None]
    return Episode(x[:, :, :10], y[:, :, :10], x[:, :, 10:], y[:, :, 10:], mask, mask)


def learn(replay):
    return learn_continually(
        jax.random.key(0),
        NETWORK.init(jax.random.key(1), 1),
        drifting(jax.random.key(2), 24),
        drifting(jax.random.key(3), 16),
        MAMLHyper(jnp.asarray(0.05)),
        learner=LEARNER,
        updates=150,
        batch=8,
        replay=replay,
        capacity=24,
    )


@pytest.mark.slow
def test_replay_forgets_less():
    without, with_memory = learn(0), learn(4)
    assert without.losses.shape == (4, 3)
    np.testing.assert_allclose(without.losses[:2], with_memory.losses[:2], rtol=1e-5)
    assert (jnp.diagonal(without.losses[1:]) < 0.12).all()
    assert forgetting(with_memory.losses) < 0.4 * forgetting(without.losses)
    assert with_memory.losses[-1].mean() < 0.6 * without.losses[-1].mean()
    assert with_memory.memory.seen == 72


def test_values_out_of_range_are_refused():
    stream = drifting(jax.random.key(0), 2)
    options = {"learner": LEARNER, "updates": 1, "batch": 2}
    data = (jax.random.key(0), NETWORK.init(jax.random.key(1), 1), stream)
    with pytest.raises(NmjaxError, match="replay=3"):
        learn_continually(*data, stream, MAMLHyper(0.1), replay=3, **options)
    short = jax.tree.map(lambda leaf: leaf[:2], stream)
    with pytest.raises(NmjaxError, match="2 held out"):
        learn_continually(*data, short, MAMLHyper(0.1), **options)
