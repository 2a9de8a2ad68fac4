"""Bias and variance of gradient estimators, against exact gradients by enumeration.

    python -m benchmarks.search.gradient_estimators [--estimates 4000]

The space has 4 choices of 4 options. The objective is the hyperbolic tangent of a quadratic form in
the weights, so it is not multilinear and soft choices are off the architectures' values. Each
estimator spends about 12 evaluations of the objective an estimate, a gradient counted as three.
"Exact" is the gradient of the expectation over architectures whose probabilities are the softmax of
the logits, or the relaxation's own weights. Bias is the distance of the mean estimate from it, as a
share of its norm and less what is expected from so many estimates; spread is the root of the summed
variance, as the same share. Control variates learn during a warm-up of 400 estimates, or of 20,000.
Writes benchmarks/results/search/gradient_estimators.json.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.script import Findings, make_parser, run_benchmark
from nmjax.relax import (
    DirichletRelaxation,
    Entmax,
    Enumeration,
    GradientEstimator,
    GumbelSoftmax,
    Pathwise,
    Rebar,
    Relax,
    Relaxation,
    ScoreFunction,
    SoftChoices,
    Softmax,
    Sparsemax,
    StraightThrough,
    Strengths,
)
from nmjax.spaces import Space
from nmjax.types import Array, PyTree

SPACE = Space("four by four", **{name: ["w", "x", "y", "z"] for name in "abcd"})
SIZE = SPACE.num_choices * SPACE.max_options
TEMPERATURES = (1.0, 0.3, 0.1)
BUDGET = 12
WARM_UP, LONG_WARM_UP = 400, 20000


def make_objective(key: Array) -> tuple[Array, Array]:
    """Draw the coefficients float[16] and float[16, 16] of the objective."""
    linear_key, square_key = jax.random.split(key)
    return jax.random.normal(linear_key, (SIZE,)), jax.random.normal(square_key, (SIZE, SIZE))


def objective(coefficients: tuple[Array, Array], soft: SoftChoices) -> Array:
    """Compute the objective float[] of soft choices."""
    flat = soft.weights.reshape(SIZE)
    linear, square = coefficients
    return jnp.tanh(0.5 * linear @ flat + 0.25 * flat @ square @ flat)


class Method(NamedTuple):
    """A gradient estimator to measure.

    Attributes:
      name: Its name in the table.
      estimator: The estimator.
      temperatures: Its temperatures; none if it has no temperature.
      relaxation: The relaxation of its exact gradient; None for probabilities.
      warm_up: Number of estimates before those that are measured.
    """

    name: str
    estimator: GradientEstimator
    temperatures: tuple[float, ...] = ()
    relaxation: Relaxation | None = None
    warm_up: int = WARM_UP


def methods() -> Iterator[Method]:
    """Yield the estimators."""
    gumbel, paths = GumbelSoftmax(SPACE), BUDGET // 3
    yield Method("softmax", Pathwise(Softmax(SPACE)), TEMPERATURES[:1])
    for name, soft in (("sparsemax", Sparsemax(SPACE)), ("entmax", Entmax(SPACE))):
        yield Method(name, Pathwise(soft), TEMPERATURES[:1], soft)
    dirichlet = DirichletRelaxation(SPACE)
    yield Method("Dirichlet", Pathwise(dirichlet, paths), TEMPERATURES[:1], dirichlet)
    yield Method("Gumbel-softmax", Pathwise(gumbel, paths), TEMPERATURES)
    straight = Pathwise(StraightThrough(gumbel), paths)
    yield Method("straight-through Gumbel", straight, TEMPERATURES)
    yield Method("score function", ScoreFunction(SPACE, BUDGET, "none"))
    yield Method("score function, moving baseline", ScoreFunction(SPACE, BUDGET, "moving"))
    yield Method("score function, leave-one-out", ScoreFunction(SPACE, BUDGET))
    yield Method("REBAR", Rebar(SPACE, draws=2), (0.5,))
    relax = Relax(SPACE, draws=BUDGET)
    yield Method("RELAX", relax, (0.5,))
    yield Method("RELAX, long warm-up", relax, (0.5,), warm_up=LONG_WARM_UP)


class Case(NamedTuple):
    """An objective and strengths; leaves have a leading axis for several.

    Attributes:
      coefficients: float[16] and float[16, 16], of the objective.
      strengths: Where gradients are estimated.
    """

    coefficients: tuple[Array, Array]
    strengths: Strengths


def draw_case(key: Array) -> Case:
    """Draw an objective, and strengths of standard deviation 1."""
    objective_key, strength_key = jax.random.split(key)
    return Case(make_objective(objective_key), Softmax(SPACE).init(strength_key, spread=1.0))


def sample_estimates(
    estimator: GradientEstimator, temperature: float, warm_up: Array, keys: Array, case: Case
) -> Array:
    """Gradients float[estimates, 16] of a case, after estimates by the keys `warm_up`."""
    estimate = partial(
        estimator.value_and_grad,
        objective=partial(objective, case.coefficients),
        temperature=jnp.float32(temperature),
    )

    def step(state: PyTree, key: Array) -> tuple[PyTree, None]:
        return estimate(key, case.strengths, state).state, None

    def gradient(key: Array) -> Array:
        return estimate(key, case.strengths, state).gradient.logits.reshape(SIZE)

    state, _ = jax.lax.scan(step, estimator.init(case.strengths), warm_up)
    return jax.lax.map(gradient, keys, batch_size=256)


def sample_gradients(
    estimator: GradientEstimator, temperature: float, warm_up: Array, keys: Array, cases: Case
) -> np.ndarray:
    """Gradients float[cases, estimates, 16] of several cases, by `sample_estimates`."""
    one = partial(sample_estimates, estimator, temperature)
    found = jax.jit(jax.vmap(one, in_axes=(None, None, 0)))(warm_up, keys, cases)
    return np.asarray(found, np.float64)


def compare(found: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """Bias, spread and cosine of estimates float[estimates, 16]."""
    norm, mean = np.linalg.norm(exact), found.mean(axis=0)
    variance = found.var(axis=0, ddof=1).sum()
    bias = max(np.sum((mean - exact) ** 2) - variance / len(found), 0.0) ** 0.5
    cosine = mean @ exact / (np.linalg.norm(mean) * norm)
    return {"bias": bias / norm, "spread": variance**0.5 / norm, "cosine": cosine}


def measure(asked: argparse.Namespace) -> Findings:
    """Average over strengths and objectives; one row for each estimator and temperature."""
    cases = jax.vmap(draw_case)(jax.random.split(jax.random.key(0), asked.seeds))
    keys = jax.random.split(jax.random.key(2), asked.estimates)
    rows = []
    for name, estimator, temperatures, relaxation, number in methods():
        warm_up = jax.random.split(jax.random.key(3), number)
        exact = sample_gradients(Enumeration(SPACE, relaxation), 1.0, warm_up[:1], keys[:1], cases)
        for temperature in temperatures or (1.0,):
            found = sample_gradients(estimator, temperature, warm_up, keys, cases)
            measured = [compare(*pair) for pair in zip(found, exact[:, 0], strict=True)]
            row = {"estimator": name, "temperature": temperature if temperatures else None}
            row |= {kind: float(np.mean([m[kind] for m in measured])) for kind in measured[0]}
            rows.append(row)
            print(row, flush=True)
    return Findings(
        split="generated objectives",
        seeds=range(asked.seeds),
        config={"estimates": asked.estimates, "evaluations": BUDGET, "choices": 4, "options": 4},
        rows=rows,
    )


def main() -> None:
    """Measure and write the result file."""
    parser = make_parser(__doc__, seeds=4)
    parser.add_argument("--estimates", type=int, default=4000)
    run_benchmark("search/gradient_estimators", measure, parser)


if __name__ == "__main__":
    main()
