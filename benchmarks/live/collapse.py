"""An attempt to make differentiable search collapse to skip connections, beside its cures.

    python -m benchmarks.live.collapse [--steps 1000] [--seeds 4]

The edges of a cell choose between a skip connection and a 3 x 3 convolution, as in space S2 of Zela
et al. (2020). The search has few training rows, which the weights fit; first-order DARTS on all
training rows is the contrast. All 64 architectures are trained from scratch on both numbers of
rows, so that what was found has a rank, and the cost of skips is known. Writes
benchmarks/results/live/collapse.json. The setting was chosen for its skips in runs of first-order
DARTS with three other seeds; none was chosen by the accuracy of retrained children.
"""

import argparse
import time
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live, oneshot
from nmjax.spaces import enumerate_architectures

TASK = "digits-5-9"
FEW, ALL = 60, 512
SKIP = "skip_connect"
OPERATIONS = (SKIP, "nor_conv_3x3")
CHANNELS, CELLS, BATCH = 4, 2, 16
WEIGHT_RATE, STRENGTH_RATE = 0.2, 0.1
TRAININGS = 2
EPOCHS = {FEW: 40, ALL: 5}
PARTS = 5
METHODS = {
    "DARTS, first order": (oneshot.darts, FEW),
    "beta-DARTS": (oneshot.beta_darts, FEW),
    "SDARTS-RS": (oneshot.smooth_darts, FEW),
    "DrNAS": (oneshot.drnas, FEW),
    "DARTS, all rows": (oneshot.darts, ALL),
}


def make_supernet(task: live.LiveTask) -> oneshot.CellSupernet:
    """Two cells whose edges skip or convolve."""
    return oneshot.CellSupernet(task.classes, CHANNELS, CELLS, operations=OPERATIONS)


def search_by(name: str, keys: jax.Array, steps: int) -> dict[str, Any]:
    """The found architectures, and the shares of skips along a method's search."""
    begun = time.process_time()
    make, size = METHODS[name]
    task = live.load_task(TASK, max_train=size)
    net = make_supernet(task)
    search, hyper = make(net, steps=steps)
    search = replace(search, batch_size=BATCH)
    hyper = hyper._replace(weight_rate=WEIGHT_RATE, strength_rate=STRENGTH_RATE)
    states, infos = oneshot.train_supernets(keys, task.data, search, hyper, steps=steps)
    skips = np.asarray(oneshot.count_option(net.space, infos.options, SKIP)) / net.space.num_choices
    choices = jax.vmap(search.mean_choices)(states.params.strengths)
    at = [0, *(steps * part // PARTS - 1 for part in range(1, PARTS + 1))]
    found = {
        "method": name,
        "training_rows": len(task.data.train.y),
        "skips": skips[:, at].mean(0).tolist(),
        "skips_std": skips[:, at].std(0, ddof=1).tolist(),
        "skip_weight": float(choices[..., OPERATIONS.index(SKIP)].mean()),
        "architectures": np.asarray(search.discretize(states)).tolist(),
        "cpu_seconds": time.process_time() - begun,
    }
    print({key: found[key] for key in ("method", "skips", "cpu_seconds")}, flush=True)
    return found


def train_every(key: jax.Array, size: int) -> np.ndarray:
    """Test accuracies float[64] of all architectures from scratch, means over trainings."""
    task = live.load_task(TASK, max_train=size)
    net = make_supernet(task)
    children = net.child(enumerate_architectures(net.space))
    config = live.TrainingConfig(epochs=EPOCHS[size], batch_size=BATCH, chunk=2)
    results = [
        live.train_children(own, net.family, children, task.data, config=config).test_score
        for own in jax.random.split(key, TRAININGS)
    ]
    return np.mean([np.nan_to_num(score) for score in results], axis=0)


def retrained(row: dict[str, Any], space: Any, tests: dict[str, np.ndarray]) -> dict[str, Any]:
    """The row of a method with the accuracies and ranks of what it found."""
    every = np.asarray(enumerate_architectures(space)).tolist()
    numbers = np.array([every.index(found) for found in row["architectures"]])
    found: dict[str, Any] = {}
    for name, test in tests.items():
        own = test[numbers]
        worse = np.mean(test[None, :] < own[:, None], axis=1)
        found |= {
            f"{name}_test": float(own.mean()),
            f"{name}_test_std": float(own.std(ddof=1)),
            f"{name}_share_worse": float(worse.mean()),
        }
    return row | found


def by_skips(space: Any, tests: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Mean accuracies of all architectures with a number of skips."""
    every = jnp.asarray(enumerate_architectures(space))
    skips = np.asarray(oneshot.count_option(space, every, SKIP))
    rows = []
    for number in range(space.num_choices + 1):
        own = skips == number
        row: dict[str, Any] = {"method": f"all with {number} skips", "children": int(own.sum())}
        rows.append(row | {f"{name}_test": float(test[own].mean()) for name, test in tests.items()})
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Search by every method, and train all architectures."""
    search_key, few_key, all_key = jax.random.split(jax.random.key(1), 3)
    keys = jax.random.split(search_key, asked.seeds)
    rows = [search_by(name, jax.random.clone(keys), asked.steps) for name in METHODS]
    begun = time.process_time()
    tests = {"few": train_every(few_key, FEW), "all": train_every(all_key, ALL)}
    space = make_supernet(live.load_task(TASK)).space
    return Findings(
        split=f"{TASK}, weights from training rows, strengths from selection rows",
        seeds=range(asked.seeds),
        config={
            "steps": asked.steps,
            "channels": CHANNELS,
            "cells": CELLS,
            "operations": OPERATIONS,
            "batch_size": BATCH,
            "weight_rate": WEIGHT_RATE,
            "strength_rate": STRENGTH_RATE,
            "few_rows": FEW,
            "trainings": TRAININGS,
            "epochs": {str(size): epochs for size, epochs in EPOCHS.items()},
        },
        rows=[retrained(row, space, tests) for row in rows] + by_skips(space, tests),
        seconds={"children": time.process_time() - begun},
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=4)
    parser.add_argument("--steps", type=int, default=1000)
    run_benchmark("live/collapse", measure, parser)


if __name__ == "__main__":
    main()
