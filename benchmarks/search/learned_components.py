"""Regret of searches with a meta-trained component beside the processes, on suites of many tasks.

    python -m benchmarks.search.learned_components [--pasts 1 4] [--searches 2]
        [--suites dataset2vec-a dataset2vec-b dataset2vec-c]

"Design" are the training and validation tasks of the authors' first split on Dataset2Vec a and b,
by fivefold cross-validation over tasks: all that was looked at while the neural process of `learn`
was designed. "Frozen" are the test tasks of the three suites, after pasts of all other tasks. A
past has 40 random evaluations of each source; --pasts are their numbers for the two groups.

The neural process is that of `LearnConfig(process=True)`, with 3,000 meta-updates. The other
learners take 1,500, on the same normal scores with random shifts and scales, with a fifth of the
tasks for validation and the parameters that are best there. Each is added to the same problem with
the weight 1/3, and all searches of a target share their keys. A search is measured by its mean
normalized regret over evaluations 3 to 50, and by its regret at 20 and at 100. Differences to the
search without a component are paired. Writes benchmarks/results/search/learned_components.json.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import nmjax
from benchmarks.script import Findings, make_parser, run_benchmark
from benchmarks.search.ablation import FIRST, LAST, regret_by_past
from benchmarks.search.past_sizes import target_suite
from nmjax.evaluation.leave_one_out import past_keys
from nmjax.evaluation.method_runs import seed_keys
from nmjax.evaluation.protocol import BUDGET
from nmjax.knowledge import LearnConfig, MetaKnowledge, learn_from_history, source_scores
from nmjax.knowledge.process_training import draw_episodes
from nmjax.meta import (
    LearnedModel,
    MAMLHyper,
    ProbabilisticLearner,
    alpaca,
    deep_kernel,
    init_deep_kernel,
    init_last_layer,
    init_noise,
    maml,
    negative_log_density,
    noisy,
    train,
)
from nmjax.predictors import Network
from nmjax.search import (
    BayesianSearch,
    Problem,
    add_component,
    default_hyper,
    make_problem,
    run_batch,
    unit_inputs,
)
from nmjax.stats import mean_interval
from nmjax.tasks import Episode, Suite, sample_history, scores
from nmjax.types import Array, PyTree

SUITES = ("dataset2vec-a", "dataset2vec-b", "dataset2vec-c")
IN_DESIGN = ("dataset2vec-a", "dataset2vec-b")
EVALUATIONS = 40
FOLDS = 5
UPDATES, EVALUATE_EVERY = 1500, 150
TASKS, SUPPORT, QUERY = 16, 20, 20
WITHOUT, PROCESS = "none", "neural process"
NETWORK = Network((64, 64))
ALGORITHM = BayesianSearch(capacity=BUDGET)


class Candidate(NamedTuple):
    """A meta-learner to add as a component.

    Attributes:
      learner: the learner.
      init: (key, number of inputs) -> initial parameters.
      hyper: the learner's numbers.
    """

    learner: ProbabilisticLearner
    init: Callable[[Array, int], PyTree]
    hyper: PyTree = None


def _candidates() -> dict[str, Candidate]:
    adam = optax.adam(optax.cosine_decay_schedule(1e-3, UPDATES))
    width, predict = NETWORK.hidden[-1], noisy(NETWORK.apply)
    by_gradient = maml(negative_log_density(predict), adam, inner_steps=5)
    return {
        "deep kernel": Candidate(
            deep_kernel(NETWORK.features, adam),
            lambda key, size: init_deep_kernel(NETWORK.init(key, size), width),
        ),
        "Bayesian last layer": Candidate(
            alpaca(NETWORK.features, adam),
            lambda key, size: init_last_layer(NETWORK.init(key, size), width, 0.1),
        ),
        "MAML, 5 steps": Candidate(
            ProbabilisticLearner(*by_gradient, predict),
            lambda key, size: init_noise(NETWORK.init(key, size), 0.5),
            MAMLHyper(jnp.float32(0.05)),
        ),
    }


CANDIDATES = _candidates()


class Past(NamedTuple):
    """A past, and the targets that are searched after it.

    Attributes:
      key: random key.
      sources: names of the past tasks.
      targets: names of the targets.
    """

    key: Array
    sources: tuple[str, ...]
    targets: tuple[str, ...]


def _draw_tasks(key: Array, past: tuple[Array, Array], *, tasks: int) -> Episode:
    """Draw episodes of some of the tasks of a past."""
    x, y = past
    keys = jax.random.split(key, 4)
    chosen = jax.random.permutation(keys[0], len(y))[:tasks]
    return draw_episodes(keys[1:], x[chosen], y[chosen], support=SUPPORT, query=QUERY)


DRAW = partial(_draw_tasks, tasks=TASKS)


def meta_train(key: Array, problem: Problem, knowledge: MetaKnowledge, name: str) -> LearnedModel:
    """Meta-train a candidate on the sources of knowledge."""
    candidate = CANDIDATES[name]
    x, y = unit_inputs(problem, knowledge.sources.position), source_scores(knowledge)
    init_key, validation_key, train_key = jax.random.split(key, 3)
    held_out = len(y) // FOLDS
    result = train(
        train_key,
        candidate.init(init_key, x.shape[-1]),
        (x[held_out:], y[held_out:]),
        _draw_tasks(validation_key, (x[:held_out], y[:held_out]), tasks=held_out),
        candidate.hyper,
        learner=candidate.learner,
        sample_tasks=DRAW,
        steps=UPDATES,
        evaluate_every=EVALUATE_EVERY,
        patience=UPDATES // EVALUATE_EVERY,
    )
    return LearnedModel(candidate.learner, result.params, candidate.hyper)


def design_pasts(suite: Suite, seed: int) -> Iterator[Past]:
    """Yield pasts whose targets are folds of the training and validation tasks."""
    tasks = [task for task in suite.tasks if task not in suite.splits[0]["test"]]
    order = np.random.default_rng(0).permutation(len(tasks))
    for fold, places in enumerate(np.array_split(order, FOLDS)):
        targets = tuple(tasks[place] for place in sorted(places))
        sources = tuple(task for task in tasks if task not in targets)
        yield Past(jax.random.fold_in(jax.random.key(seed), fold), sources, targets)


def frozen_pasts(suite: Suite, seed: int) -> Iterator[Past]:
    """Yield the past whose targets are the test tasks."""
    targets = tuple(suite.splits[0]["test"])
    sources = tuple(task for task in suite.tasks if task not in targets)
    yield Past(jax.random.key(1000 + seed), sources, targets)


PASTS = {"design": design_pasts, "frozen": frozen_pasts}


def search_all(
    suite: Suite, group: str, pasts: int, searches: int
) -> tuple[Suite, dict[str, np.ndarray], dict[str, float]]:
    """Search the targets of a group after each past with each component.

    Returns:
      The suite of the targets; rows int32[T, P, S, BUDGET] of the searches; and the median seconds
      of training.
    """
    test = suite.splits[0]["test"]
    of_group = tuple(task for task in suite.tasks if (task in test) == (group == "frozen"))
    targets = target_suite(replace(suite, splits=({"test": of_group},)))
    shape = (len(targets.tasks), pasts, searches, BUDGET)
    names = (WITHOUT, PROCESS, *CANDIDATES)
    rows = {name: np.zeros(shape, np.int32) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in CANDIDATES}
    hyper, metric = default_hyper(BUDGET), suite.metric_info[suite.score_metric]
    config = LearnConfig(replay_size=EVALUATIONS, process=True)
    for seed in range(pasts):
        for past in PASTS[group](suite, seed):
            begun, keys = time.perf_counter(), past_keys(past.key)
            history = sample_history(keys.history, suite, past.sources, EVALUATIONS)
            knowledge, _ = learn_from_history(
                keys.learn, history, metric, space=suite.space, config=config
            )
            problems = {
                task: make_problem(
                    suite.space,
                    jnp.asarray(suite.pool),
                    scores(suite)[suite.tasks.index(task)],
                    knowledge,
                )
                for task in past.targets
                if task in targets.tasks
            }
            any_problem = next(iter(problems.values()))
            inputs = unit_inputs(any_problem, any_problem.pool.position)
            models: dict[str, LearnedModel] = {}
            for number, name in enumerate(CANDIDATES):
                started = time.perf_counter()
                train_key = jax.random.fold_in(jax.random.clone(keys.folds), number)
                model = meta_train(train_key, any_problem, knowledge, name)
                models[name] = jax.block_until_ready(model)
                seconds[name].append(time.perf_counter() - started)
            for task, problem in problems.items():
                plain = problem._replace(learned=())
                variants = {WITHOUT: plain, PROCESS: problem} | {
                    name: add_component(plain, model, inputs) for name, model in models.items()
                }
                own = jax.random.fold_in(jax.random.clone(past.key), 1 + suite.tasks.index(task))
                for name, varied in variants.items():
                    found = run_batch(
                        seed_keys(own, searches), varied, ALGORITHM, hyper, steps=BUDGET
                    )[1]
                    rows[name][targets.tasks.index(task), seed] = found.row
            taken = time.perf_counter() - begun
            print(f"{suite.name}, {group}, past {seed}: {taken:.0f} s", flush=True)
    return targets, rows, {name: float(np.median(of)) for name, of in seconds.items()}


def summarize(targets: Suite, rows: np.ndarray) -> np.ndarray:
    """Measure normalized regret float[T, P, 3]: its mean over evaluations, at 20, and the last."""
    regret = regret_by_past(targets, rows)
    mean = regret[..., FIRST - 1 : LAST].mean(-1)
    return np.stack([mean, regret[..., 19], regret[..., -1]], axis=-1)


def make_rows(group: str, suite: str, regret: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Rows of a group: mean regret and its paired difference, from float[T, P, 3] by component."""
    rows = []
    for name, values in regret.items():
        interval = mean_interval(jax.random.key(0), jnp.asarray(values - regret[WITHOUT]))
        rows.append(
            {
                "group": group,
                "suite": suite,
                "component": name,
                "regret": values.mean((0, 1)).tolist(),
                "difference": np.asarray(interval.estimate).tolist(),
                "ci": np.stack([interval.low, interval.high], axis=-1).tolist(),
                "tasks": values.shape[0],
                "pasts": values.shape[1],
            }
        )
    return rows


def measure(asked: argparse.Namespace) -> Findings:
    """Search with every component on the tasks of the design, and on the frozen ones."""
    rows, seconds = [], {}
    for group, pasts in zip(PASTS, asked.pasts, strict=True):
        found: list[dict[str, np.ndarray]] = []
        for name in asked.suites:
            if group == "design" and name not in IN_DESIGN:
                continue
            suite = nmjax.load_suite(name, data=asked.data)
            targets, of_suite, taken = search_all(suite, group, pasts, asked.searches)
            regret = {key: summarize(targets, value) for key, value in of_suite.items()}
            found.append(regret)
            rows += make_rows(group, name, regret)
            seconds[f"{group} {name}"] = taken
        if not found:
            continue
        together = {key: np.concatenate([of[key] for of in found]) for key in found[0]}
        rows += make_rows(group, "all", together)
    return Findings(
        split="fivefold over training and validation tasks; the authors' first split",
        seeds=range(max(asked.pasts)),
        config={
            "suites": asked.suites,
            "pasts": dict(zip(PASTS, asked.pasts, strict=True)),
            "searches": asked.searches,
            "evaluations": EVALUATIONS,
            "updates": UPDATES,
            "budget": BUDGET,
            "averaged": [FIRST, LAST],
            "seconds_to_train": seconds,
        },
        rows=rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, searches=2)
    parser.add_argument("--pasts", nargs=2, type=int, default=(1, 4))
    parser.add_argument("--suites", nargs="+", default=SUITES)
    parser.add_argument("--data", type=Path, default=None, help="folder of the suites' data")
    run_benchmark("search/learned_components", measure, parser, arguments)


if __name__ == "__main__":
    main()
