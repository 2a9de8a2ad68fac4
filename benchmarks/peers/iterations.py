"""Timed meta-iterations of a peer, for `benchmarks.meta.meta_throughput`.

This module runs in the virtual environment of the peer, without nmjax, and imports only NumPy and
the standard library.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np


class Setting(NamedTuple):
    """Setting of meta-learning: MAML with one second-order inner step, and Adam in the outer loop.

    Tasks are drawn within each iteration: x uniform in [-5, 5], anew or from a pool, and
    y = a sin(mean x - b) with a uniform in [.1, 5] and b in [0, pi]; for one input the sinusoids of
    Finn et al. (2017). The loss is the mean squared error, averaged over tasks.

    Attributes:
      name: name of the setting.
      sizes: sizes of the network's layers, inputs first; the output is one number.
      activation: activation between layers, "relu" or "tanh".
      tasks: number of tasks in a meta-iteration, T.
      support: number of evaluations that a task adapts to, S.
      query: number of evaluations of the query loss, Q.
      pool: number of encodings that x is drawn from, N; 0 if x is continuous.
      inner_rate: step size of the inner step.
      outer_rate: step size of Adam.
    """

    name: str
    sizes: tuple[int, ...]
    activation: str
    tasks: int
    support: int
    query: int
    pool: int = 0
    inner_rate: float = 0.01
    outer_rate: float = 0.001


class Start(NamedTuple):
    """Common start of all implementations, and tasks on which their meta-gradients must agree.

    Attributes:
      params: float32 weights [inputs, outputs] and biases [outputs], layer after layer.
      pool: float32[N, D], encodings.
      tasks: float32 support x [T, S, D] and y [T, S], query x [T, Q, D] and y [T, Q].
    """

    params: tuple[np.ndarray, ...]
    pool: np.ndarray
    tasks: tuple[np.ndarray, ...]


class Implementation(NamedTuple):
    """Implementation of meta-iterations.

    Attributes:
      iterate: function that runs a number of meta-iterations, a multiple of `chunk`, and returns
        their mean loss.
      gradient: meta-gradient at the start, with the shapes of the parameters.
      versions: {package: version}.
      chunk: number of meta-iterations in one call of a compiled program.
    """

    iterate: Callable[[int], float]
    gradient: Callable[[], list[np.ndarray]]
    versions: Mapping[str, str]
    chunk: int = 1


def sample_sinusoids(
    generator: np.random.Generator, setting: Setting, pool: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Tasks as in `Start`."""
    shape = (setting.tasks, setting.support + setting.query)
    if setting.pool:
        x = pool[generator.integers(setting.pool, size=shape)]
    else:
        x = generator.uniform(-5, 5, (*shape, setting.sizes[0])).astype(np.float32)
    amplitude = generator.uniform(0.1, 5, (setting.tasks, 1)).astype(np.float32)
    phase = generator.uniform(0, np.pi, (setting.tasks, 1)).astype(np.float32)
    y = amplitude * np.sin(x.mean(axis=-1) - phase)
    s = setting.support
    return x[:, :s], y[:, :s], x[:, s:], y[:, s:]


def make_start(setting: Setting, seed: int = 0) -> Start:
    """Normal weights of variance 1 / inputs, biases of 0, a pool, and tasks."""
    generator = np.random.default_rng(seed)
    params: list[np.ndarray] = []
    for inputs, outputs in zip(setting.sizes[:-1], setting.sizes[1:], strict=True):
        weight = generator.normal(0, inputs**-0.5, (inputs, outputs))
        params += [weight.astype(np.float32), np.zeros(outputs, np.float32)]
    pool = generator.uniform(-5, 5, (setting.pool, setting.sizes[0])).astype(np.float32)
    return Start(tuple(params), pool, sample_sinusoids(generator, setting, pool))


def serve(prepare: Callable[[str, Setting, Start], Implementation]) -> None:
    """Run the command line of an implementation, which exchanges lines of JSON.

    The first line of output has the versions, the chunk and the meta-gradient. Each line of input
    is a number of meta-iterations, answered by their wall-clock and CPU seconds and mean loss.

    Args:
      prepare: (variant, setting, start) -> Implementation.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", required=True)
    parser.add_argument("--setting", required=True, help="JSON of the fields of Setting")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    fields = json.loads(options.setting)
    setting = Setting(**{**fields, "sizes": tuple(fields["sizes"])})

    def answer(values: Mapping[str, object]) -> None:
        print(json.dumps(values), file=answers, flush=True)

    made = prepare(options.variant, setting, make_start(setting))
    gradient = [leaf.tolist() for leaf in made.gradient()]
    answer({"versions": dict(made.versions), "chunk": made.chunk, "gradient": gradient})
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        loss = made.iterate(int(line))
        seconds = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
        answer({**seconds, "loss": loss})
