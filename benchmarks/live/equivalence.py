"""Children that train together against the same networks trained alone in plain Flax and Optax.

    python -m benchmarks.live.equivalence [--children 50]

Writes benchmarks/results/live/equivalence.json: the largest difference of weights and scores.
Training is by gradient descent: Adam makes steps of full size from gradients that are zero but for
rounding, such as those of the biases of attention's keys.
"""

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax import live
from nmjax.experiments import Target
from nmjax.spaces import sample

CONFIG = live.TrainingConfig("sgd", epochs=2, batch_size=32)
RATES = {"mlp": 0.1, "cell": 0.1, "transformer": 0.1, "graph": 0.001}
"""Learning rates. At larger ones, weights of networks that sum over neighbors grow to thousands."""

ROWS = 96


def families(task: live.LiveTask) -> dict[str, live.Family]:
    """The families of the 8 x 8 digits."""
    return {
        "mlp": live.MLPFamily(task.inputs, task.classes),
        "cell": live.CellFamily(task.classes),
        "transformer": live.TransformerFamily(task.inputs, task.classes),
    }


def train_alone(
    module: Any,
    variables: Any,
    data: live.Dataset,
    order: jax.Array,
    hyper: live.TrainingHyper,
    config: live.TrainingConfig,
) -> tuple[Any, list[float]]:
    """Train one network of its own size: its variables, and its score after each epoch."""
    steps = order.shape[0] * order.shape[1]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rate = optax.cosine_decay_schedule(hyper.learning_rate, steps)
        optimizer = optax.sgd(rate, momentum=hyper.momentum)
        if config.optimizer == "adamw":
            optimizer = optax.adamw(rate, b1=hyper.momentum, weight_decay=hyper.weight_decay)
        opt_state = optimizer.init(variables)

        @jax.jit
        def step(variables, opt_state, x, y):
            def loss(variables):
                logits = module.apply(variables, x)
                return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

            updates, opt_state = optimizer.update(jax.grad(loss)(variables), opt_state, variables)
            return optax.apply_updates(variables, updates), opt_state

        predict = jax.jit(module.apply)
        curve = []
        for batches in order:
            for rows in batches:
                x, y = data.train.x[rows], data.train.y[rows]
                variables, opt_state = step(variables, opt_state, x, y)
            right = jnp.argmax(predict(variables, data.selection.x), -1) == data.selection.y
            curve.append(float(right.mean()))
    return variables, curve


def compare(name: str, family: live.Family, data: live.Dataset, size: int) -> dict[str, Any]:
    """The largest differences over random children of a family."""
    draw_key, train_key = jax.random.split(jax.random.key(0))
    children = sample(draw_key, family.space, (size,))
    hyper = live.TrainingHyper(RATES[name])
    together = live.train_children(
        train_key, family, children, data, hyper, config=CONFIG, keep_params=True
    )
    init_key, order_key = jax.random.split(train_key)
    order = live.batch_order(order_key, len(data.train.y), CONFIG)
    first = jax.jit(family.init)
    weights, scores = [], []
    for number, child in enumerate(children):
        before = family.extract(first(jax.random.fold_in(init_key, number), child), child)
        alone, curve = train_alone(family.build(child), before, data, order, hyper, CONFIG)
        after = jax.tree.map(lambda leaf, n=number: leaf[n], together.params)
        gaps = jax.tree.map(
            lambda a, b: float(np.abs(a - b).max()), family.extract(after, child), alone
        )
        weights.append(max(jax.tree.leaves(gaps)))
        scores.append(float(np.abs(together.curve[number] - np.array(curve)).max()))
    return {
        "family": name,
        "children": size,
        "distinct": len(np.unique(children, axis=0)),
        "largest_weight_difference": max(weights),
        "median_weight_difference": float(np.median(weights)),
        "largest_score_difference": max(scores),
        "children_with_other_scores": sum(score > 1e-6 for score in scores),
    }


def measure(asked: argparse.Namespace) -> Findings:
    """Compare children of each family."""
    jax.config.update("jax_disable_most_optimizations", True)  # Each program runs but once.
    task = live.load_task("digits", max_train=ROWS)
    cora = live.load_graph_task("cora")
    pairs = {name: (family, task.data) for name, family in families(task).items()}
    pairs["graph"] = live.GraphFamily(cora.inputs, cora.classes), cora.data
    rows = [compare(name, *pair, asked.children) for name, pair in pairs.items()]
    worst = max(row["largest_weight_difference"] for row in rows)
    return Findings(
        split=f"digits, {ROWS} training rows; graph networks on Cora",
        seeds=(0,),
        config={
            "optimizer": CONFIG.optimizer,
            "epochs": CONFIG.epochs,
            "batch_size": CONFIG.batch_size,
            "learning_rate": RATES,
            "momentum": live.TrainingHyper().momentum,
        },
        rows=rows,
        targets=(
            Target(
                "largest difference of a trained weight from plain Flax",
                worst,
                "",
                "at most",
                1e-3,
                len(rows) * asked.children,
            ),
        ),
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__)
    parser.add_argument("--children", type=int, default=50)
    run_benchmark("live/equivalence", measure, parser)


if __name__ == "__main__":
    main()
