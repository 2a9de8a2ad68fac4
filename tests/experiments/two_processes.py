"""One of two processes of a distributed run on a toy suite: `two_processes.py ADDRESS ID WHAT ...`.

WHAT is `parts`, which prints what the parts of a distributed run return, or the arguments of a
command of nmjax. `NMJAX_STOP_AFTER=N` ends the process after N checkpoints, as a kill would.
"""

import dataclasses
import json
import os
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp

import nmjax.evaluation.leave_one_out
import nmjax.evaluation.method_runs
import nmjax.experiments.runner
import nmjax.tasks
from nmjax.cli.__main__ import main
from nmjax.errors import NmjaxError
from nmjax.evaluation import run_suite
from nmjax.evaluation.method_runs import seed_keys
from nmjax.experiments import (
    batch_mesh,
    gather_batch,
    initialize_distributed,
    run_on_first,
    shard_batch,
)
from nmjax.experiments.processes import is_shared
from nmjax.tasks import scores
from tests.prepared import make_prepared, make_suite

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


def prepare_toy(suite, task, seed):
    """Stand in for `prepare_search`: nothing is learned."""
    number = suite.tasks.index(task)
    prepared = make_prepared(suite)
    problem = prepared.problem._replace(score=scores(suite)[number])
    key = jax.random.fold_in(jax.random.key(seed), number)
    return dataclasses.replace(prepared, problem=problem), seed_keys(key, 1)


def run_toy_suite():
    """Rows int32[T, S, B] of the protocol on the toy suite, three tasks and one seed."""
    settings = {"seeds": 1, "budget": 10, "prepare": prepare_toy}
    return run_suite(make_suite(), methods=["random"], **settings)["random"].rows


def use_toys():
    """Let commands read the toy suite, and learn nothing."""
    suite = make_suite()
    nmjax.tasks.load_suite = lambda name, data: suite
    nmjax.evaluation.run_suite = partial(run_suite, prepare=prepare_toy)
    nmjax.evaluation.leave_one_out.prepare = lambda *_, **__: make_prepared(suite)


def stop_after(checkpoints):
    """End the process after some checkpoints."""
    save, saved = nmjax.experiments.runner.save_checkpoint, []

    def counted(*arguments, **settings):
        save(*arguments, **settings)
        saved.append(arguments)
        if len(saved) == checkpoints:
            os._exit(9)

    nmjax.experiments.runner.save_checkpoint = counted
    nmjax.evaluation.method_runs.CHECKPOINT_SECONDS = 0.0


def fail():
    """Raise an error that only the first process can know."""
    raise NmjaxError(f"seen by {jax.process_index()}")


def parts(number):
    """Return what a process sees of the parts of a distributed run."""
    try:
        message = run_on_first(fail)
    except NmjaxError as error:
        message = str(error)
    folder = Path(run_on_first(lambda: str(Path.cwd() / f"from-{number}")))
    folder.mkdir(exist_ok=True)
    return {
        "devices": jax.device_count(),
        "rows": search(batch_mesh()).tolist(),
        "error": message,
        "folder": folder.name,
        "shared": is_shared(folder),
        "suite": run_toy_suite().tolist(),
    }


if __name__ == "__main__":
    address, number, what = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    jax.config.update("jax_disable_most_optimizations", True)
    if checkpoints := int(os.environ.get("NMJAX_STOP_AFTER", 0)):
        stop_after(checkpoints)
    use_toys()
    if what == ["parts"]:
        initialize_distributed(address, 2, number)
        print(json.dumps(parts(number)))
    else:
        flags = ("--coordinator", address, "--num-processes", "2", "--process-id", str(number))
        sys.exit(main([*what, "--distributed", *flags]))
