"""Meta-iterations per second of nmjax and of peers in their own environments, on one core.

    python -m benchmarks.meta.meta_throughput [--repeats 7] [--seconds 0.5] [--core 0]

Runs are interleaved: nmjax, a peer, nmjax, the next peer. All start from the same parameters, and
their meta-gradients are checked against that of nmjax. Writes
benchmarks/results/meta/meta_throughput.json.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from benchmarks.meta.maml_iterations import PRODUCT, meta_step_flops
from benchmarks.peers.answers import ask, read_answer
from benchmarks.peers.harness import CHECKOUT, ENVIRONMENTS, make_environment, peer_environment
from benchmarks.peers.iterations import Setting
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.errors import NmjaxError
from nmjax.experiments import Target

OURS, CEILING = "maml_iterations", "maml_iterations-product"
SINUSOIDS = Setting("sinusoids", (1, 40, 40, 1), "relu", tasks=25, support=10, query=10)
PREDICTORS = tuple(
    Setting(
        f"predictor, {tasks} tasks", (60, 64, 64, 1), "tanh", tasks, support=20, query=60, pool=4096
    )
    for tasks in (8, 64)
)
PEERS = (
    "maml_jax_meta",
    "maml_jax_meta-scan",
    "maml_torch-bmm",
    "maml_torch-func",
    "maml_torch-higher",
)
FASTEST_PEERS = ("maml_jax_meta", "maml_jax_meta-scan", "maml_torch-bmm")
UNAVAILABLE = {
    "learn2learn": (
        "0.2.0 does not build on Python 3.12 (its C code includes the removed longintrepr.h)"
    )
}
TARGETS = {"maml_jax_meta": 2.0, "maml_torch-bmm": 4.0, "maml_torch-func": 15.0}
ONE_CORE = {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_PLATFORMS": "cpu"}


class Racer(NamedTuple):
    """Implementation in its own process.

    Attributes:
      process: process that reads numbers of meta-iterations and answers in JSON.
      report: versions, chunk size and meta-gradient that it reported.
      compile_seconds: time of its first chunk minus that of its second.
      iterations: number of meta-iterations in a timed run.
    """

    process: subprocess.Popen[str]
    report: dict[str, Any]
    compile_seconds: float
    iterations: int


class Timing(NamedTuple):
    """Seconds per iteration of each run of an implementation, and of the run of nmjax before it.

    Attributes:
      wall: float[repeats], wall-clock seconds.
      cpu: float[repeats], CPU seconds.
      ours: float[repeats], wall-clock seconds of nmjax in the preceding run.
      loss: mean loss over the tasks of the last run.
    """

    wall: np.ndarray
    cpu: np.ndarray
    ours: np.ndarray
    loss: float


def interpreter(module: str) -> Path:
    """Interpreter with the packages of a module, created if it does not exist."""
    if module == OURS:
        return Path(sys.executable)
    python = ENVIRONMENTS / module / "bin" / "python"
    return python if python.exists() else make_environment(module)


@contextlib.contextmanager
def racing(name: str, setting: Setting, *, seconds: float, core: int) -> Iterator[Racer]:
    """Start an implementation, and run it until it is compiled.

    Args:
      name: module of `benchmarks.meta` or `benchmarks.peers.programs`, then "-" and a variant.
      setting: setting to run.
      seconds: approximate duration of a timed run.
      core: CPU core to which the process is pinned.
    """
    module, _, variant = name.partition("-")
    package = "benchmarks.meta" if module == OURS else "benchmarks.peers.programs"
    command = [
        *("taskset", "--cpu-list", str(core), str(interpreter(module)), "-m"),
        *(f"{package}.{module}", f"--variant={variant}", "--setting"),
        json.dumps(setting._asdict()),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
        env={**peer_environment(), **ONE_CORE},
        text=True,
    ) as process:
        report = read_answer(process)
        first, second = (ask(process, report["chunk"])["seconds"] for _ in range(2))
        chunks = max(1, round(seconds / ask(process, report["chunk"])["seconds"]))
        yield Racer(process, report, max(0.0, first - second), chunks * report["chunk"])


def check_gradients(racers: dict[str, Racer]) -> None:
    """Check that all implementations compute the meta-gradient of nmjax at the common start.

    Raises:
      NmjaxError: one of them does not; the message names it.
    """
    expected = [np.asarray(leaf) for leaf in racers[OURS].report["gradient"]]
    scale = max(np.abs(leaf).max() for leaf in expected)
    for name in racers.keys() - {CEILING}:
        for leaf, own in zip(expected, racers[name].report["gradient"], strict=True):
            if np.shape(own) != leaf.shape or np.abs(own - leaf).max() > 1e-4 * scale:
                raise NmjaxError(
                    f"The meta-gradient of {name} differs from that of {OURS}; expected the same."
                )


def race(racers: dict[str, Racer], repeats: int) -> dict[str, Timing]:
    """Time runs of each implementation, each right after a run of nmjax."""
    runs: dict[str, list[tuple[float, float, float]]] = {name: [] for name in racers}
    for _ in range(repeats):
        for name, racer in racers.items():
            ours = ask(racers[OURS].process, racers[OURS].iterations)
            own = ask(racer.process, racer.iterations)
            seconds, cpu_seconds = (
                own[kind] / racer.iterations for kind in ("seconds", "cpu_seconds")
            )
            before = ours["seconds"] / racers[OURS].iterations
            runs[name].append((seconds, cpu_seconds, before))
    losses = {name: ask(racer.process, racer.iterations)["loss"] for name, racer in racers.items()}
    timings = {}
    for name in racers:
        wall, cpu, before = np.array(runs[name]).T
        timings[name] = Timing(wall, cpu, before, losses[name])
    return timings


def between(values: np.ndarray) -> tuple[float, float]:
    """Minimum and maximum of n runs, which contain the median with probability 1 - 2^(1 - n)."""
    return float(values.min()), float(values.max())


def rows_of(setting: Setting, racers: dict[str, Racer], timings: dict[str, Timing]) -> list[dict]:
    """Rows by implementation for a setting."""
    flops = meta_step_flops(setting)
    ceiling = 2 * PRODUCT**3 / timings[CEILING].wall.min()
    rows = []
    for name, timing in timings.items():
        if name == CEILING:
            continue
        ratio = timing.wall / timing.ours
        rows.append(
            {
                "setting": setting.name,
                "implementation": name,
                "iterations_s": 1 / median(timing.wall),
                "iterations_s_ci": between(1 / timing.wall),
                "iterations_cpu_s": 1 / median(timing.cpu),
                "nmjax_times_as_fast": median(ratio),
                "nmjax_times_as_fast_ci": between(ratio),
                "compile_seconds": racers[name].compile_seconds,
                "loss": timing.loss,
                "iterations_per_run": racers[name].iterations,
                "flops": flops,
                "ceiling_flop_s": ceiling,
                "versions": racers[name].report["versions"],
            }
        )
    return rows


def measure_setting(
    setting: Setting, peers: Sequence[str], *, repeats: int, seconds: float, core: int
) -> list[dict]:
    """Rows of nmjax and of peers; for a peer that cannot be run, the reason."""
    with contextlib.ExitStack() as stack:

        def enter(name: str) -> Racer:
            return stack.enter_context(racing(name, setting, seconds=seconds, core=core))

        racers, failed = {name: enter(name) for name in (OURS, CEILING)}, []
        for name in peers:
            try:
                racers[name] = enter(name)
            except NmjaxError as error:
                row = {"setting": setting.name, "implementation": name, "failed": str(error)}
                failed.append(row)
        check_gradients(racers)
        return rows_of(setting, racers, race(racers, repeats)) + failed


def with_shares(rows: Sequence[dict]) -> list[dict]:
    """Add to each row the share of the best rate of matrix products in the whole run."""
    ceiling = max(row["ceiling_flop_s"] for row in rows if "failed" not in row)
    return [
        row
        if "failed" in row
        else row | {"share_of_ceiling": row["flops"] * row["iterations_s"] / ceiling}
        for row in rows
    ]


def targets(rows: Sequence[dict], repeats: int) -> list[Target]:
    """Targets on sinusoids; a peer that failed has no value."""
    found = {row["implementation"]: row for row in rows if row["setting"] == SINUSOIDS.name}
    made = []
    for name, threshold in TARGETS.items():
        value = found[name].get("nmjax_times_as_fast", np.nan)
        ci = found[name].get("nmjax_times_as_fast_ci")
        made.append(
            Target(
                f"meta-iterations per second, relative to {name}",
                value,
                "times",
                "at least",
                threshold,
                repeats,
                ci,
            )
        )
    share = found[OURS]["share_of_ceiling"]
    ceiling = "meta-iterations, share of a core's peak rate of matrix products"
    return [*made, Target(ceiling, share, "share", "at least", 0.3, repeats)]


def measure(asked: argparse.Namespace) -> Findings:
    """Time nmjax and its peers in each setting."""
    load = os.getloadavg()
    how = {"repeats": asked.repeats, "seconds": asked.seconds, "core": asked.core}
    rows = measure_setting(SINUSOIDS, PEERS, **how)
    rows += [
        {"setting": SINUSOIDS.name, "implementation": name, "failed": why}
        for name, why in UNAVAILABLE.items()
    ]
    for setting in PREDICTORS:
        rows += measure_setting(setting, FASTEST_PEERS, **how)
    rows = with_shares(rows)
    settings = [setting._asdict() for setting in (SINUSOIDS, *PREDICTORS)]
    return Findings(
        split="new tasks in each iteration",
        seeds=(0,),
        config={**how, "settings": settings, "load_before": load, "load_after": os.getloadavg()},
        rows=rows,
        targets=targets(rows, asked.repeats),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--seconds", type=float, default=0.5, help="approximate duration of a timed run"
    )
    parser.add_argument("--core", type=int, default=0)
    run_benchmark("meta/meta_throughput", measure, parser)


if __name__ == "__main__":
    main()
