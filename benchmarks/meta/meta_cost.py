"""Cost of a meta-update of every learner: counted operations, and memory as planned by XLA.

    python -m benchmarks.meta.meta_cost

Writes benchmarks/results/meta/meta_cost.json. All learners adapt to 10 evaluations of each of 25
sinusoids and are evaluated on 10 others, with the networks and inner steps of
`reproductions.sinusoid_methods`. Nothing is run.
"""

import argparse
from functools import partial
from typing import NamedTuple

import jax

from benchmarks.memory import planned_memory
from benchmarks.reproductions.sinusoid_methods import METHODS, Setting
from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.analysis import count_flops
from nmjax.meta import support
from nmjax.tasks import CurveRanges, sample_curves

TASKS, SHOTS = 25, 10
SOLVER_STEPS = 5  # Conjugate gradient, the only while_loop.


class Described(NamedTuple):
    """What a learner learns, what it adapts to a task, and when to choose it."""

    learned: str
    adapted: str
    when: str


DESCRIBED = {
    "maml": Described(
        "an initialization", "all weights", "the default: few inner steps, any smooth loss"
    ),
    "fomaml": Described("an initialization", "all weights", "second derivatives are too expensive"),
    "reptile": Described(
        "an initialization",
        "all weights",
        "tasks have no support and query split; many inner steps",
    ),
    "anil": Described(
        "features and a head", "the head", "tasks share features and adaptation must be cheap"
    ),
    "meta_sgd": Described(
        "an initialization and a step size per weight",
        "all weights",
        "only one inner step is affordable",
    ),
    "maml_plus_plus": Described(
        "an initialization and a step size per layer and step",
        "all weights",
        "MAML is unstable over several inner steps",
    ),
    "cavia": Described(
        "shared weights", "a few inputs", "tasks differ in few ways, or the network is large"
    ),
    "implicit_maml": Described(
        "an initialization", "all weights", "many inner steps must fit in constant memory"
    ),
    "alpaca": Described(
        "features and a prior of the last layer",
        "the last layer's posterior",
        "regression needs uncertainty at the lowest cost",
    ),
    "deep_kernel": Described(
        "features and a kernel",
        "a Gaussian process",
        "few evaluations of a function without a known form",
    ),
    "neural_process": Described(
        "an encoder and a decoder",
        "nothing; one forward pass",
        "there are many tasks and adaptation must be fast",
    ),
    "ensemble": Described(
        "K initializations",
        "all weights of each member",
        "a gradient-based learner needs uncertainty",
    ),
    "es_maml": Described("an initialization", "all weights", "the loss has no useful gradient"),
    "regularized": Described(
        "an initialization and the spread of each weight",
        "as in the wrapped learner",
        "encodings identify the task, so memorizing is a risk",
    ),
}


def row_of(name: str, setting: Setting) -> dict:
    """Row with the cost of a meta-update and of adapting to one task."""
    sample = partial(sample_curves, tasks=TASKS, support=SHOTS, query=SHOTS)
    tasks = jax.eval_shape(sample, jax.random.key(0), CurveRanges())
    params = setting.begin(jax.random.key(0))
    learner = setting.make(setting.inner_steps, 1)
    state = learner.init(jax.random.key(1), params)
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), tasks)
    update = (jax.random.key(2), state, tasks, setting.hyper)
    planned = planned_memory(jax.jit(learner.update).lower(*update).compile())
    adapting = (params, support(one), setting.hyper)
    return {
        "method": name,
        **DESCRIBED[name]._asdict(),
        "inner_steps": setting.inner_steps,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(params)),
        "update_flops": count_flops(learner.update, *update, while_trips=SOLVER_STEPS),
        "update_bytes": planned.temp_size_in_bytes,
        "adapt_flops": count_flops(learner.adapt, *adapting, while_trips=SOLVER_STEPS),
    }


def measure(_: argparse.Namespace) -> Findings:
    """Count operations and planned memory of every learner."""
    return Findings(
        split="generated tasks; nothing is run",
        seeds=(),
        config={"tasks": TASKS, "support": SHOTS, "query": SHOTS, "solver_steps": SOLVER_STEPS},
        rows=[row_of(name, settings[0]) for name, settings in METHODS.items()],
    )


def main() -> None:
    """Count and write the result file."""
    run_benchmark("meta/meta_cost", measure, make_parser(__doc__))


if __name__ == "__main__":
    main()
