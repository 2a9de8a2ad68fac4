"""Two real processes that share one batch of searches over loopback."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp

import nmjax
from nmjax.experiments import batch_mesh, gather_batch, initialize_distributed, shard_batch

SEARCHES = 5


def search(mesh):
    """Rows int32[S, B] of searches, laid over the mesh unless it is None."""
    space = nmjax.Space(a=["x", "y", "z"], b=nmjax.Ordinal(1, 2, 3, 4))
    pool = nmjax.spaces.enumerate_architectures(space)
    score = jnp.cos(jnp.arange(len(pool), dtype=jnp.float32))
    problem = nmjax.search.ScoreTable(score, jnp.asarray(nmjax.spaces.pool_neighbors(space, pool)))
    keys = jax.random.split(jax.random.key(0), SEARCHES)
    keys = keys if mesh is None else shard_batch(keys, mesh)
    _, trace = nmjax.run_batch(keys, problem, nmjax.search.RegularizedEvolution(), steps=10)
    return gather_batch(trace.row, SEARCHES)


def test_two_processes_choose_the_rows_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, address, str(number)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        outputs = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    expected = search(None).tolist()
    for output in outputs:
        found = json.loads(output.splitlines()[-1])
        assert found == {"devices": 2, "rows": expected}


if __name__ == "__main__":
    jax.config.update("jax_disable_most_optimizations", True)
    initialize_distributed(sys.argv[1], 2, int(sys.argv[2]))
    rows = search(batch_mesh())
    print(json.dumps({"devices": jax.device_count(), "rows": rows.tolist()}))
