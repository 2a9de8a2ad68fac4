"""Make the suite `live-mlp`: train every architecture of the space on every live task.

    python -m benchmarks.live.make_table [--folder build/live-mlp]

Each task is a file of its own in the folder, and a task whose file is there is not trained again.
Writes nmjax/tasks/suites/stored/live-mlp.npz, with the settings and versions that made it.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nmjax import live
from nmjax.experiments import collect_provenance
from nmjax.live.tasks import MAX_TRAIN
from nmjax.spaces import Space, enumerate_architectures, get_space
from nmjax.tasks.suites import live_mlp

SPACE = get_space("live-mlp")
SEEDS = 3
EPOCHS = 8
BATCH_SIZE = 32
CHUNK = 60


def family_of(task: live.LiveTask) -> live.MLPFamily:
    """The family of a task, whose choices are the first of the suite's."""
    return live.MLPFamily(task.inputs, task.classes)


def train_task(task: live.LiveTask, space: Space, pool: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a task: rows that are right, after each epoch and on the test rows."""
    family = family_of(task)
    own, hyper = live.split_architecture(space, family, pool)
    curve = np.zeros((len(pool), SEEDS, EPOCHS), np.float32)
    test = np.zeros((len(pool), SEEDS), np.float32)
    column = space.names.index("optimizer")
    optimizers: tuple[Any, ...] = space.choices[column].options
    for option, optimizer in enumerate(optimizers):
        config = live.TrainingConfig(optimizer, EPOCHS, BATCH_SIZE, "cosine", CHUNK)
        rows = np.flatnonzero(pool[:, column] == option)
        numbers = live.TrainingHyper(
            *(jnp.broadcast_to(jnp.asarray(leaf, jnp.float32), len(pool))[rows] for leaf in hyper)
        )
        for seed in range(SEEDS):
            found = live.train_children(
                jax.random.key(seed), family, own[rows], task.data, numbers, config=config
            )
            curve[rows, seed], test[rows, seed] = found.curve, found.test_score
    costs = (jax.jit(jax.vmap(f))(own) for f in (family.num_parameters, family.num_multiplications))
    parameters, multiplications = map(np.asarray, costs)
    sizes = np.array([len(rows.y) for rows in task.data], np.int32)
    return {
        "curve": counted(curve, sizes[1]),
        "test": counted(test, sizes[2]),
        "parameters": parameters.astype(np.int32),
        "multiplications": multiplications.astype(np.int32),
        "sizes": sizes,
        "context": np.asarray(task.context),
    }


def counted(accuracies: np.ndarray, rows: int) -> np.ndarray:
    """Accuracies as numbers of rows that are right; failures as `live_mlp.FAILED`."""
    right = np.round(np.nan_to_num(accuracies) * rows)
    return np.where(np.isnan(accuracies), live_mlp.FAILED, right).astype(np.uint16)


def write(path: Path, columns: Mapping[str, np.ndarray]) -> None:
    """Write columns to a file that appears whole or not at all."""
    partial = path.with_suffix(".partial.npz")
    np.savez_compressed(partial, allow_pickle=False, **columns)
    partial.replace(path)


def main() -> None:
    """Train what is missing, and collect all tasks into the suite's file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("build/live-mlp"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    pool = np.asarray(enumerate_architectures(SPACE), np.int32)
    for name in live_mlp.TASKS:
        path = asked.folder / f"{name}.npz"
        if not path.exists():
            begun = time.perf_counter()
            columns = train_task(live.load_task(name), SPACE, pool)
            seconds = time.perf_counter() - begun
            write(path, columns | {"seconds": np.array(seconds, np.float32)})
            print(f"{name}: {len(pool) * SEEDS} children in {seconds:.0f} s", flush=True)
    parts = [dict(np.load(asked.folder / f"{name}.npz")) for name in live_mlp.TASKS]
    columns = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    provenance = collect_provenance()
    settings = {
        "command": "python -m benchmarks.live.make_table",
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
        "schedule": "cosine",
        "seeds": SEEDS,
        "split_seed": 0,
        "max_train": MAX_TRAIN,
        "context": live.CONTEXT,
        **{name: provenance[name] for name in ("commit", "dirty", "versions", "device")},
    }
    target = Path(live_mlp.__file__).parent / live_mlp.FILE
    target.parent.mkdir(exist_ok=True)
    described = {"pool": pool.astype(np.int8), "settings": np.array(json.dumps(settings))}
    write(target, columns | described)
    print(f"{target.name}: {target.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
