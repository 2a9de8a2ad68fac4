"""Work, memory and communication of searches laid over 1 to 8 devices, from compiled programs.

    python -m benchmarks.search.scaling [--suite nas-bench-201] [--x64]

Devices are virtual ones of one CPU, so no times are measured. Operations, bytes and collectives are
those of one device in the compiled program of `nmjax search`; operations are of one step, as XLA
counts them. With strong scaling 16 searches are divided among the devices; with weak scaling each
device has two. The searches of strong scaling are also run, and compared with those on one device.
Writes benchmarks/results/search/scaling.json, or scaling_x64.json in double precision.
"""

import argparse
import re

import jax
import numpy as np
from jax.stages import Compiled

from benchmarks.memory import planned_memory
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import load_suite
from nmjax.evaluation.compiled_search import compile_search
from nmjax.evaluation.method_runs import run_methods, seed_keys
from nmjax.evaluation.methods import get_algorithm
from nmjax.evaluation.protocol import BUDGET, prepare_search
from nmjax.experiments import batch_mesh, replicate, shard_batch
from nmjax.search import default_hyper

METHOD, TASK_SEED = "transfer", 0
DEVICES = (1, 2, 4, 8)
STRONG, WEAK = 16, 2
COLLECTIVE = re.compile(r" (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)\(")


def count(program: Compiled) -> dict:
    """Operations and bytes of one device, and the number of collectives."""
    memory = planned_memory(program)
    return {
        "megaflops_per_step": (program.cost_analysis() or {})["flops"] / 1e6,
        "megabytes_of_arguments": memory.argument_size_in_bytes / 1e6,
        "megabytes_of_temporaries": memory.temp_size_in_bytes / 1e6,
        "collectives": len(COLLECTIVE.findall(program.as_text() or "")),
    }


def measure(arguments: argparse.Namespace) -> Findings:
    suite = load_suite(arguments.suite)
    prepared, _ = prepare_search(suite, suite.tasks[0], TASK_SEED)
    rows = []
    chosen = {}
    for devices in DEVICES:
        mesh = batch_mesh(devices)
        for scaling, searches in (("strong", STRONG), ("weak", WEAK * devices)):
            keys = seed_keys(jax.random.key(0), searches)
            problem, hyper = replicate((prepared.problem, default_hyper(BUDGET)), mesh)
            sharded = shard_batch(keys, mesh)
            _, advance = compile_search(get_algorithm(METHOD, BUDGET), sharded, problem, hyper)
            row = {"scaling": scaling, "devices": devices, "searches": searches, **count(advance)}
            if scaling == "strong":
                runs = run_methods(keys, prepared, methods=[METHOD], budget=BUDGET, mesh=mesh)
                chosen[devices] = np.asarray(runs[METHOD].trace.row)
                same = (chosen[devices] == chosen[1]).all(axis=-1)
                row["searches_as_on_one_device"] = int(same.sum())
            rows.append(row)
    return Findings(
        split=f"search: {suite.name}, {suite.tasks[0]} held out",
        seeds=[TASK_SEED],
        config={"method": METHOD, "budget": BUDGET, "x64": arguments.x64},
        rows=rows,
        variant="_x64" if arguments.x64 else "",
    )


if __name__ == "__main__":
    parser = make_parser(__doc__, suite="nas-bench-201")
    parser.add_argument("--x64", action="store_true", help="search in double precision")
    jax.config.update("jax_num_cpu_devices", max(DEVICES))
    jax.config.update("jax_enable_x64", parser.parse_args().x64)
    run_benchmark("search/scaling", measure, parser)
