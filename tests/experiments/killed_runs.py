"""A run in chunks that is killed again and again: `killed_runs.py FOLDER KILLS DURING_SAVE CHUNKS`.

Each of the KILLS processes, forked before a thread is started, continues the run in FOLDER. The
first DURING_SAVE are killed soon after they begin to write a checkpoint, the others at any moment.
The last process ends the run, writes its trace to `FOLDER.npz`, and prints how many processes were
killed while they wrote.
"""

import os
import random
import signal
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint  # noqa: F401

import nmjax.experiments.runner
from nmjax.experiments import run_chunked

STEPS = 3
SAVE_SECONDS = 0.02
"""Time that a save takes at least, about."""


@jax.jit
def chunk(state, index):
    """A random walk."""

    def step(carry, t):
        key, x = carry
        noise = jax.random.normal(jax.random.fold_in(key, index * STEPS + t), x.shape)
        return (key, x * 0.9 + noise), x

    return jax.lax.scan(step, state, jnp.arange(STEPS))


def complete_run(folder, chunks):
    """Trace of the run, which continues from the folder's checkpoint."""
    state = jax.random.key(0), jnp.zeros(3)
    return run_chunked(chunk, state, num_chunks=chunks, folder=folder, config="walk")[1]


def announce_saves(log):
    """Write a byte to a pipe at the beginning and at the end of each save."""
    save = nmjax.experiments.runner.save_checkpoint

    def announced(*arguments, **settings):
        os.write(log, b"(")
        save(*arguments, **settings)
        os.write(log, b")")

    nmjax.experiments.runner.save_checkpoint = announced


def kill_one(folder, chunks, seconds):
    """Kill a process some seconds after its first save began; return whether it was in a save."""
    read, write = os.pipe()
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        announce_saves(write)
        complete_run(folder, chunks)
        os._exit(1)
    os.close(write)
    log = os.read(read, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL, "The run ended before it was killed."
    log += os.read(read, 1000)
    os.close(read)
    return log.endswith(b"(")


if __name__ == "__main__":
    folder, (kills, during_save, chunks) = sys.argv[1], map(int, sys.argv[2:])
    moments, in_save = random.Random(0), 0
    for number in range(kills):
        longest = SAVE_SECONDS if number < during_save else 4 * SAVE_SECONDS
        in_save += kill_one(folder, chunks, moments.uniform(0, longest))
    print(in_save)
    np.savez(f"{folder}.npz", trace=complete_run(folder, chunks))
