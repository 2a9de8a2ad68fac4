"""A meta-learned start of weights and strengths, on tasks whose classes are new.

    python -m benchmarks.live.oneshot_start [--seeds 3]

Writes benchmarks/results/live/oneshot_start.json. The learners see tasks of three of the digits
0 to 4; searches run on tasks of three of the digits 5 to 9, with few rows.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.live.oneshot_search import inherited, of_seed
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live, meta, oneshot
from nmjax.spaces import sample

WAYS, SHOTS, ROWS = 3, 10, 60
TARGETS = ((5, 6, 7), (7, 8, 9), (5, 7, 9))
UPDATES, TASKS, INNER_STEPS, STEPS = 100, 4, 5, 20
INNER_RATES = oneshot.SupernetParams._make((0.5, 1.0))
CONFIG = live.TrainingConfig(epochs=10, batch_size=16)
NET = oneshot.CellSupernet(WAYS, channels=4)
SEARCH, _HYPER = oneshot.darts(NET, steps=STEPS)
HYPER = _HYPER._replace(weight_rate=0.2)
LEARNERS = {
    "Reptile": (meta.reptile, optax.sgd(0.5)),
    "MAML, first order": (meta.fomaml, optax.adam(0.01)),
}


def learn_start(name: str, key: jax.Array, rows: live.Rows) -> oneshot.SupernetParams:
    """Meta-learn weights and strengths on tasks of the rows, in one scan."""
    make, optimizer = LEARNERS[name]
    learner = make(oneshot.supernet_loss(SEARCH), optimizer, inner_steps=INNER_STEPS)
    init_key, task_key = jax.random.split(key)
    tasks = oneshot.sample_class_tasks(
        task_key, rows, tasks=UPDATES * TASKS, ways=WAYS, support=SHOTS, query=SHOTS
    )
    tasks = jax.tree.map(lambda leaf: leaf.reshape(UPDATES, TASKS, *leaf.shape[1:]), tasks)

    @jax.jit
    def train(tasks: Any) -> Any:
        state = learner.init(jax.random.key(0), SEARCH.init_params(init_key))
        update_key = jax.random.key(1)
        return jax.lax.scan(
            lambda carry, own: learner.update(update_key, carry, own, meta.MAMLHyper(INNER_RATES)),
            state,
            tasks,
        )

    state, info = train(tasks)
    print(name, "loss", float(info.loss[:10].mean()), "to", float(info.loss[-10:].mean()))
    return state.params


def target_data(classes: tuple[int, ...]) -> live.Dataset:
    """The rows of some classes of the digits, renumbered: equally many in each part."""
    parts = []
    for rows in live.load_task("digits", max_train=2000).data:
        kept = np.flatnonzero(np.isin(rows.y, classes))[:ROWS]
        y = np.searchsorted(classes, np.asarray(rows.y)[kept]).astype(np.int32)
        parts.append(live.Rows(rows.x[kept], jnp.asarray(y)))
    return live.Dataset(*parts)


def scores_of(start: oneshot.SupernetParams | None, keys: jax.Array, data: live.Dataset) -> Any:
    """Test accuracies of the supernet and of the inherited child, and what was found."""
    states, _ = oneshot.train_supernets(keys, data, SEARCH, HYPER, steps=STEPS, params=start)
    found = SEARCH.discretize(states)

    @jax.jit
    def soft(params: oneshot.SupernetParams) -> jax.Array:
        choices = SEARCH.mean_choices(params.strengths)
        return live.accuracy(NET.apply(params.weights, choices, data.test.x), data.test.y)

    supernet = np.array([soft(of_seed(states.params, n)) for n in range(len(keys))])
    child = inherited(NET, states.params.weights, found[:, None], data.test)[:, 0]
    return supernet, child, np.asarray(found)


def measure(asked: argparse.Namespace) -> Findings:
    """Learn the starts, search from each, and retrain what was found."""
    learn_key, search_key, train_key, draw_key = jax.random.split(jax.random.key(0), 4)
    rows = live.load_task("digits-0-4").data.train
    starts: dict[str, Any] = {"random": None}
    for name in LEARNERS:
        starts[name] = learn_start(name, jax.random.clone(learn_key), rows)
    strengths = starts["Reptile"].strengths
    fresh = SEARCH.init_params(jax.random.fold_in(learn_key, 1))
    starts["Reptile, strengths only"] = fresh._replace(strengths=strengths)
    keys = jax.random.split(search_key, asked.seeds)
    measured: dict[str, list[Any]] = {name: [] for name in (*starts, "a random child")}
    for number, classes in enumerate(TARGETS):
        data = target_data(classes)
        searched = {name: scores_of(s, jax.random.clone(keys), data) for name, s in starts.items()}
        children = [found for *_, found in searched.values()]
        children.append(
            np.asarray(sample(jax.random.fold_in(draw_key, number), NET.space, (asked.seeds,)))
        )
        trained = live.train_children(
            jax.random.fold_in(train_key, number),
            NET.family,
            NET.child(np.concatenate(children)),
            data,
            config=CONFIG,
        ).test_score.reshape(-1, asked.seeds)
        for name, retrained in zip(measured, trained, strict=True):
            supernet, child, _ = searched.get(name, (None, None, None))
            measured[name].append((supernet, child, np.asarray(retrained)))
    return Findings(
        split="3-way tasks of the digits 0 to 4, then of the digits 5 to 9",
        seeds=tuple(range(asked.seeds)),
        config={
            "targets": TARGETS,
            "rows": ROWS,
            "updates": UPDATES,
            "tasks": TASKS,
            "inner_steps": INNER_STEPS,
            "inner_rates": tuple(INNER_RATES),
            "steps": STEPS,
            "weight_rate": HYPER.weight_rate,
            "epochs": CONFIG.epochs,
        },
        rows=[summary(name, found) for name, found in measured.items()],
    )


def summary(start: str, found: list[Any]) -> dict[str, Any]:
    """Means over tasks and seeds, and the standard deviation of seeds' means over tasks."""
    row: dict[str, Any] = {"start": start}
    for column, parts in zip(
        ("supernet_test_score", "inherited_test_score", "retrained_test_score"),
        zip(*found, strict=True),
        strict=True,
    ):
        if parts[0] is not None:
            of_seeds = np.mean(parts, axis=0)
            row |= {column: float(of_seeds.mean()), f"{column}_std": float(of_seeds.std(ddof=1))}
    return row


def main() -> None:
    """Measure and write the result file."""
    run_benchmark("live/oneshot_start", measure, make_parser(__doc__, seeds=3))


if __name__ == "__main__":
    main()
