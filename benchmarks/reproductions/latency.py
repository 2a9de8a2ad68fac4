"""Latency prediction on unseen devices: NASFLAT's six FBNet sets and HELP's two tables.

    python -m benchmarks.reproductions.latency sources|fbnet|help [--draws 20] [--data FOLDER]

Writes benchmarks/results/reproductions/latency_{sources,fbnet,help}.json. "sources" holds out each
source device, given all other devices or only those of other kinds. All settings were chosen on it.
"""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.reproductions.latency_protocols import (
    CHOSEN,
    OURS,
    SETTINGS,
    SHOTS,
    SOURCE_ROWS,
    TRIVIAL,
    Episodes,
    fbnet_draw,
    help_draw,
    source_draw,
)
from benchmarks.reproductions.latency_tables import HELP_SETS, NASFLAT_SETS, read_table
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.errors import NmjaxError
from nmjax.experiments import Target
from nmjax.stats import mean_interval, paired_bootstrap

# Spearman's correlation by set, in the order of NASFLAT_SETS (NASFLAT, 2024).
PUBLISHED_FBNET = {
    "HELP": (0.910, 0.793, 0.543, 0.413, 0.799, 0.370),
    "MultiPredict": (0.960, 0.756, 0.567, 0.434, 0.763, 0.450),
    "NASFLAT": (0.961, 0.809, 0.871, 0.814, 0.734, 0.577),
}
# Lee et al., 2021.
PUBLISHED_HELP = {
    "fbnet": {"MAML": 0.736, "Meta-SGD": 0.806, "HELP": 0.910},
    "nas-bench-201": {"HELP": 0.932},
}

Found = Mapping[tuple[str, str], np.ndarray]


def collect(draws: Sequence[Episodes]) -> Found:
    """Collect correlations by method and set, float[draws, targets], from one iterator per draw."""
    found: dict[tuple[str, str], list[list[float]]] = {}
    for number, draw in enumerate(draws):
        begun = time.perf_counter()
        for name, _, scores in draw:
            for method, score in scores.items():
                rows = found.setdefault((name, method), [])
                rows.extend([] for _ in range(number + 1 - len(rows)))
                rows[number].append(score)
        print(f"draw {number}: {time.perf_counter() - begun:.0f} s", flush=True)
    return {key: np.array(rows) for key, rows in found.items()}


def over_draws(scores: np.ndarray) -> jax.Array:
    """Means over targets of float[draws, targets], with draws as the seeds of one task."""
    return jnp.asarray(scores.mean(axis=1))[None, :]


def average(found: Mapping[tuple[str, str], np.ndarray], names: Sequence[str]) -> Found:
    """Add the mean over sets, with equal weights of the sets."""
    methods = dict.fromkeys(method for _, method in found)
    means = {
        ("mean", method): np.mean([found[name, method].mean(1) for name in names], axis=0)[:, None]
        for method in methods
    }
    return {**found, **means}


def summary_rows(found: Found, targets: Mapping[str, Sequence[str]]) -> list[dict]:
    """One row a set and method: mean, its interval over draws, and each target's mean."""
    rows = []
    for (name, method), scores in found.items():
        interval = mean_interval(jax.random.key(0), over_draws(scores))
        rows.append(
            {
                "set": name,
                "method": method,
                "spearman": float(interval.estimate),
                "ci": [float(interval.low), float(interval.high)],
                "std_of_draws": float(scores.mean(axis=1).std(ddof=1)),
                "n": len(scores),
                "targets": dict(zip(targets.get(name, ()), scores.mean(axis=0), strict=False)),
            }
        )
    return rows


def difference_target(found: Found, name: str, threshold: float) -> Target:
    """Target for the lower end of ours minus the better trivial baseline, over the same draws."""
    better = max(TRIVIAL, key=lambda method: found[name, method].mean())
    pair = over_draws(found[name, OURS]), over_draws(found[name, better])
    interval = paired_bootstrap(jax.random.key(0), *pair, jnp.mean)
    return Target(
        f"latency, {name}: ours minus {better}, lower end",
        float(interval.low),
        "Spearman",
        "at least",
        threshold,
        len(found[name, OURS]),
        (float(interval.low), float(interval.high)),
    )


def mean_target(found: Found, method: str, threshold: float) -> Target:
    """Target for the mean over the six sets."""
    interval = mean_interval(jax.random.key(0), over_draws(found["mean", method]))
    return Target(
        f"latency, six FBNet sets: {method}, {SHOTS} labels",
        float(interval.estimate),
        "Spearman",
        "at least",
        threshold,
        len(found["mean", method]),
        (float(interval.low), float(interval.high)),
    )


class Outcome(NamedTuple):
    """Content of a result file without its provenance."""

    split: str
    rows: list[dict]
    targets: list[Target]


def run_sources(folder: Path, draws: int) -> Outcome:
    """Hold out each source; settings were chosen on this."""
    table = read_table("fbnet", folder)
    found = collect([source_draw(table, NASFLAT_SETS, draw) for draw in range(draws)])
    targets = {
        f"{name} {distance}": devices.sources
        for name, devices in NASFLAT_SETS.items()
        for distance in ("near", "far")
    }
    return Outcome("leave one source, or its kind, out", summary_rows(found, targets), [])


def run_fbnet(folder: Path, draws: int) -> Outcome:
    """Predict the targets of NASFLAT's six sets."""
    table = read_table("fbnet", folder)
    found = collect([fbnet_draw(table, NASFLAT_SETS, draw) for draw in range(draws)])
    found = average(found, tuple(NASFLAT_SETS))
    published = [
        {"set": name, "method": f"{method}, published", "spearman": value}
        for method, values in PUBLISHED_FBNET.items()
        for name, value in [*zip(NASFLAT_SETS, values, strict=True), ("mean", np.mean(values))]
    ]
    devices = {name: of_set.targets for name, of_set in NASFLAT_SETS.items()}
    targets = [mean_target(found, OURS, 0.84), mean_target(found, CHOSEN, 0.86)]
    targets += [difference_target(found, name, -0.01) for name in NASFLAT_SETS]
    split = "NASFLAT's six sets of source and target devices"
    return Outcome(split, [*published, *summary_rows(found, devices)], targets)


def run_help(folder: Path, draws: int) -> Outcome:
    """Predict the targets of HELP's two tables."""
    tables = {name: read_table(name, folder) for name in HELP_SETS}
    found = collect([help_draw(tables, HELP_SETS, draw) for draw in range(draws)])
    published = [
        {"set": f"{space} 10 + 10", "method": f"{method}, published", "spearman": value}
        for space, values in PUBLISHED_HELP.items()
        for method, value in values.items()
    ]
    devices = {name: HELP_SETS[name.split()[0]].targets for name, _ in found}
    targets = [difference_target(found, f"{space} 10 + 10", 0.0) for space in HELP_SETS]
    split = "HELP's meta-training and meta-test devices"
    return Outcome(split, [*published, *summary_rows(found, devices)], targets)


TABLES = {"sources": run_sources, "fbnet": run_fbnet, "help": run_help}


def measure(asked: argparse.Namespace) -> Findings:
    """Predict the latencies of a table."""
    outcome = TABLES[asked.table](asked.data, asked.draws)
    return Findings(
        split=outcome.split,
        seeds=range(asked.draws),
        config={
            "source_labels": SOURCE_ROWS,
            "target_labels": SHOTS,
            "settings": SETTINGS._asdict(),
            "trivial": TRIVIAL,
        },
        rows=outcome.rows,
        targets=outcome.targets,
        variant=asked.table,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--data", type=Path, default=os.environ.get("NMJAX_DATA"))
    if parser.parse_args().data is None:
        parser.error("name the folder of the data by NMJAX_DATA or --data")
    try:
        run_benchmark("reproductions/latency_", measure, parser)
    except NmjaxError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
