import subprocess
import sys

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import latest_step, run_chunked
from tests.experiments.killed_runs import complete_run

STEPS = 4


def chunk(state, index):
    """A random walk whose noise depends on the step only through the carried key and index."""

    def step(carry, t):
        key, x = carry
        noise = jax.random.normal(jax.random.fold_in(key, index * STEPS + t), x.shape)
        x = x * 0.9 + noise
        return (key, x), {"x": x, "best": x.max()}

    return jax.lax.scan(step, state, jnp.arange(STEPS))


def start(seed=0):
    return jax.random.key(seed), jnp.zeros(3)


def assert_same_run(a, b):
    (state_a, infos_a), (state_b, infos_b) = a, b
    chex.assert_trees_all_equal(jax.random.key_data(state_a[0]), jax.random.key_data(state_b[0]))
    chex.assert_trees_all_equal(state_a[1], state_b[1])
    chex.assert_trees_all_equal(infos_a, infos_b)


class Recorder:
    def __init__(self, break_at=None):
        self.seen = []
        self.break_at = break_at

    def update(self, stage, done, total):
        self.seen.append((stage, done, total))
        if done == self.break_at:
            raise KeyboardInterrupt


def test_chunks_are_one_long_scan():
    def step(carry, t):
        key, x = carry
        x = x * 0.9 + jax.random.normal(jax.random.fold_in(key, t), x.shape)
        return (key, x), {"x": x, "best": x.max()}

    state, infos = run_chunked(jax.jit(chunk), start(), num_chunks=3)
    (_, x), expected = jax.jit(lambda s: jax.lax.scan(step, s, jnp.arange(3 * STEPS)))(start())
    np.testing.assert_allclose(state[1], x, rtol=1e-6)
    chex.assert_trees_all_close(infos, expected, rtol=1e-6)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(infos))


def test_the_step_axis_of_a_vmapped_chunk_is_the_second():
    batch = (jax.random.split(jax.random.key(0), 5), jnp.zeros((5, 3)))
    vmapped = jax.jit(jax.vmap(chunk, in_axes=(0, None)))
    _, infos = run_chunked(vmapped, batch, num_chunks=2, axis=1)
    chex.assert_shape(infos["x"], (5, 2 * STEPS, 3))
    _, alone = run_chunked(jax.jit(chunk), (batch[0][3], batch[1][3]), num_chunks=2)
    np.testing.assert_allclose(infos["x"][3], alone["x"], rtol=1e-6)


@pytest.mark.faults
@pytest.mark.parametrize("breaks_before_save", [False, True])
def test_an_interrupted_run_goes_on_bit_for_bit(tmp_path, breaks_before_save):
    compiled = jax.jit(chunk)
    ran = []

    def breaking(state, index):
        if breaks_before_save and index == 2:
            raise KeyboardInterrupt
        ran.append(index)
        return compiled(state, index)

    whole = run_chunked(compiled, start(), num_chunks=5)
    recorder = Recorder(break_at=None if breaks_before_save else 2)
    with pytest.raises(KeyboardInterrupt):
        run_chunked(breaking, start(), num_chunks=5, folder=tmp_path, progress=recorder)
    assert ran == [0, 1]
    assert latest_step(tmp_path) == 2
    recorder = Recorder()
    resumed = run_chunked(compiled, start(9), num_chunks=5, folder=tmp_path, progress=recorder)
    assert recorder.seen == [("search", done, 5) for done in (2, 3, 4, 5)]
    assert_same_run(whole, resumed)


def test_a_finished_run_is_read_back_and_can_be_extended(tmp_path):
    compiled = jax.jit(chunk)
    ran = []

    def counted(state, index):
        ran.extend([index] if isinstance(index, int) else [])
        return compiled(state, index)

    first = run_chunked(compiled, start(), num_chunks=2, folder=tmp_path)
    again = run_chunked(counted, start(9), num_chunks=2, folder=tmp_path)
    assert ran == []
    assert_same_run(first, again)
    longer = run_chunked(counted, start(9), num_chunks=4, folder=tmp_path)
    assert ran == [2, 3]
    assert_same_run(run_chunked(compiled, start(), num_chunks=4), longer)


def test_batches_resume_along_their_step_axis(tmp_path):
    batch = (jax.random.split(jax.random.key(0), 2), jnp.zeros((2, 3)))
    vmapped = jax.jit(jax.vmap(chunk, in_axes=(0, None)))
    run_chunked(vmapped, batch, num_chunks=2, axis=1, folder=tmp_path)
    resumed = run_chunked(vmapped, batch, num_chunks=3, axis=1, folder=tmp_path)
    assert_same_run(run_chunked(vmapped, batch, num_chunks=3, axis=1), resumed)


def test_a_chunk_is_traced_once_resumed_or_not(tmp_path):
    traced = jax.jit(chex.assert_max_traces(chunk, n=1))
    run_chunked(traced, start(), num_chunks=3, folder=tmp_path)
    run_chunked(traced, start(), num_chunks=5, folder=tmp_path)


@pytest.mark.faults
def test_another_run_is_refused(tmp_path):
    compiled = jax.jit(chunk)
    run_chunked(compiled, start(), num_chunks=2, folder=tmp_path, config={"rate": 1})
    with pytest.raises(NmjaxError, match="another configuration"):
        run_chunked(compiled, start(), num_chunks=3, folder=tmp_path, config={"rate": 2})
    with pytest.raises(NmjaxError, match="holds 2 chunks, more than num_chunks=1"):
        run_chunked(compiled, start(), num_chunks=1, folder=tmp_path, config={"rate": 1})
    with pytest.raises(NmjaxError, match="num_chunks=0; give at least 1"):
        run_chunked(compiled, start(), num_chunks=0)


@pytest.mark.faults
def test_a_folder_that_cannot_be_made_is_refused_before_the_first_chunk(tmp_path):
    (tmp_path / "file").touch()

    def never(state, chunk):
        raise AssertionError("ran before the folder was made")

    with pytest.raises(NmjaxError, match="cannot be made"):
        run_chunked(never, jnp.zeros(()), num_chunks=2, folder=tmp_path / "file" / "x")


def test_checkpoints_keep_their_interval_and_the_last_is_always_saved(tmp_path):
    recorder, saved = Recorder(), []
    recorder.update = lambda *_: saved.append(latest_step(tmp_path))
    run_chunked(
        jax.jit(chunk), start(), num_chunks=3, folder=tmp_path, interval=1e6, progress=recorder
    )
    assert saved == [None, None, None, 3]


@pytest.mark.parametrize(("unsaved", "saved"), [(0.0, None), (2e6, 1)])
def test_the_last_chunk_of_a_short_run_need_not_be_saved(tmp_path, unsaved, saved):
    run_chunked(
        jax.jit(chunk),
        start(),
        num_chunks=3,
        folder=tmp_path,
        interval=1e6,
        unsaved=unsaved,
        save_last=False,
    )
    assert latest_step(tmp_path) == saved


@pytest.mark.faults
@pytest.mark.slow
def test_a_run_that_is_killed_fifty_times_has_the_same_bits(tmp_path):
    folder, chunks = tmp_path / "run", 250
    command = [sys.executable, "-m", "tests.experiments.killed_runs", folder]
    done = subprocess.run(
        [*command, "50", "25", str(chunks)], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10
    expected = complete_run(None, chunks)
    assert np.load(f"{folder}.npz")["trace"].tobytes() == expected.tobytes()
