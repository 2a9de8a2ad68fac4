"""BANANAS: Bayesian optimization under an ensemble of networks on the path encoding."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.optimize import descend
from nmjax.search.algorithm import SearchHyper, TransformedSearch
from nmjax.search.problem import Problem
from nmjax.search.problem.kinds import known_neighbors, known_paths
from nmjax.search.record import (
    Record,
    SearchInfo,
    can_go_on,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.setting_checks import check_rates, check_sizes
from nmjax.types import Array, PyTree

LAYERS, WIDTH, MINIBATCH = 10, 20, 32
MOST_CHANGES = 4


class BananasState(NamedTuple):
    """State of a `BananasSearch`.

    Attributes:
      key: Random key, folded with the step and never drawn from.
      record: Evaluations so far.
      queue: int32[k], rows to evaluate next, beginning at step % k.
    """

    key: Array
    record: Record
    queue: Array


class DeepParams(NamedTuple):
    """Parameters of a network of L hidden layers of W units.

    Attributes:
      first: float[Q + 1, W], weights of the first layer and, last, its biases.
      hidden: float[L - 1, W + 1, W], weights and biases of the other layers.
      head: float[W + 1, 1], weights and bias of the output.
    """

    first: Array
    hidden: Array
    head: Array


@dataclass(frozen=True, kw_only=True)
class BananasSearch(TransformedSearch[BananasState, Problem]):
    """BANANAS: independent Thompson sampling under an ensemble of networks on path encodings.

    White, Neiswanger and Savani, 2021, "BANANAS: Bayesian optimization with neural architectures
    for neural architecture search". After k random evaluations, and after every k more, an ensemble
    of networks is trained on the path encodings of all evaluations. The next k evaluations are the
    candidates with the highest draws from independent normals with the mean and standard deviation
    of the networks' predictions. Candidates are mutations of the best evaluations.

    The settings are those of the authors' code (naszilla/naszilla): k = 10, 5 networks of 10 layers
    of 20 units, absolute error, Adam at a rate of 0.01 with decay rates of 0.9 and 0.99, 150 epochs
    in batches of 32, paths truncated as in `encode_paths`, and mutations of the best evaluation,
    then of the second to the fifth, until there are 100 candidates.

    The implementation differs from that code as follows:

    - Scores are standardized; there, they are errors in percent.
    - Batches are drawn with replacement; there, an epoch is a permutation.
    - A mutation changes one choice and, with probability 1/2 each time, up to three more; there,
      each choice changes with a probability that depends on the benchmark.
    - If there are fewer than k candidates, the rest of the batch is random. So is the next row if
      all of a batch have been evaluated.
    - The networks are not trained after the last evaluation of the budget.

    Attributes:
      capacity: B, the largest budget.
      evaluate: Traced evaluation, as in `SearchAlgorithm`.
      batch: k, number of evaluations between two trainings, and of random ones at the start.
      members: Number of networks.
      parents: Largest number of evaluations that are mutated.
      candidates: Number of candidates after which no further parent is mutated.
      epochs: Number of epochs of each training.
      rate: Learning rate of Adam.
      outcome_transform: Name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: A size is not positive, or the outcome transform is unknown; during the search,
        the problem has no paths.

    Example:
      >>> from nmjax.search import BananasSearch
      >>> BananasSearch(capacity=40, members=3).batch
      10
    """

    batch: int = 10
    members: int = 5
    parents: int = 5
    candidates: int = 100
    epochs: int = 150
    rate: float = 0.01
    outcome_transform: str = "standardize"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(
            batch=self.batch,
            members=self.members,
            parents=self.parents,
            candidates=self.candidates,
            epochs=self.epochs,
        )
        check_rates(rate=self.rate)

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> BananasState:
        """Return the state before the first evaluation."""
        del hyper
        known_paths(problem)
        rows = jax.random.permutation(
            jax.random.fold_in(key, self.capacity), problem.score.shape[0]
        )
        record = self.empty_record(problem.score)
        return BananasState(key, record, rows[: self.batch].astype(jnp.int32))

    def _train(self, key: Array, x: Array, y: Array, number: Array) -> DeepParams:
        """Train a network on the first `number` rows of x float[B, Q] and y float[B]."""
        optimizer = optax.adam(self.rate, b2=0.99)
        start_key, batch_key = jax.random.split(key)

        def loss(params: DeepParams, rows: Array) -> Array:
            error = jnp.abs(apply_deep(params, x[rows]) - y[rows])
            return jnp.mean(jnp.where(jnp.isnan(y[rows]), 0, error))

        def update(step: Array, carried: tuple[DeepParams, PyTree]) -> tuple[DeepParams, PyTree]:
            params, opt_state = carried
            step_key = jax.random.fold_in(batch_key, step)
            rows = jax.random.randint(step_key, (MINIBATCH,), 0, number)
            return descend(optimizer, jax.grad(loss)(params, rows), opt_state, params)[:2]

        start = init_deep(start_key, x.shape[-1])
        updates = self.epochs * (-(-number // MINIBATCH))
        trained: DeepParams
        trained = jax.lax.fori_loop(0, updates, update, (start, optimizer.init(start)))[0]
        return trained

    def _fill(self, key: Array, record: Record, problem: Problem) -> Array:
        """Return the next rows int32[k]: candidates by their draws, then random rows."""
        train_key, change_key, draw_key, rest_key = jax.random.split(key, 4)
        score = jnp.nan_to_num(record.score, nan=-jnp.inf)
        best, position = jax.lax.top_k(score, min(self.parents, len(score)))
        family = known_neighbors(problem)
        changed = mutations(change_key, record.row[position], family, number=self.candidates)
        wanted = enough(changed, jnp.isfinite(best), record.evaluated, number=self.candidates)

        x, y = known_paths(problem), self.transform(record.score)
        rows = changed.reshape(-1)

        def member(number: Array) -> Array:
            network = self._train(
                jax.random.fold_in(train_key, number), x[record.row], y, record.step
            )
            return apply_deep(network, x[rows])

        # Sequential, because batched products of small matrices are slower on a CPU.
        predicted = jax.lax.map(member, jnp.arange(self.members, dtype=jnp.int32))
        draw = jax.random.normal(draw_key, record.evaluated.shape)[rows]
        draw = jnp.mean(predicted, axis=0) + jnp.std(predicted, axis=0) * draw
        value = jnp.zeros_like(problem.score).at[rows].set(draw)
        rest = -1e30 * (1 + jax.random.uniform(rest_key, value.shape))
        value = jnp.where(record.evaluated, -jnp.inf, jnp.where(wanted, value, rest))
        return jax.lax.top_k(value, min(self.batch, len(value)))[1].astype(jnp.int32)

    def suggest(self, state: BananasState, problem: Problem, hyper: SearchHyper) -> Array:
        """Return the row int32[] to evaluate next."""
        del problem, hyper
        step, evaluated = state.record.step, state.record.evaluated
        size = state.queue.shape[0]
        due = (jnp.arange(size) >= step % size) & ~evaluated[state.queue]
        # Folded with 1, because `update` folds the same key with the turn 0.
        otherwise = sample_unevaluated(
            jax.random.fold_in(jax.random.fold_in(state.key, step), 1), evaluated
        )
        return jnp.where(jnp.any(due), state.queue[jnp.argmax(due)], otherwise)

    def update(
        self, state: BananasState, problem: Problem, hyper: SearchHyper, index: Array, score: Array
    ) -> tuple[BananasState, SearchInfo]:
        """Return the state after an evaluation whose score float[] is finite or NaN."""
        record, info = record_evaluation(state.record, hyper.budget, index, score)
        key = jax.random.fold_in(state.key, record.step)
        due = can_go_on(record, hyper.budget) & (record.step % state.queue.shape[0] == 0)

        def turn(number: Array, _: Array) -> Array:
            # The key depends on the turn; otherwise, XLA moves the training out of the loop.
            return self._fill(jax.random.fold_in(key, number), record, problem)

        # A loop of at most one turn, because `cond` under `vmap` would train at every step.
        queue = jax.lax.fori_loop(0, due.astype(jnp.int32), turn, state.queue)
        return BananasState(state.key, record, queue), info


def init_deep(key: Array, inputs: int) -> DeepParams:
    """Draw uniform weights of variance 2 / (inputs + outputs); zero biases.

    Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward networks".
    """

    def draw(key: Array, *shape: int) -> Array:
        most = (6 / (shape[-2] + shape[-1])) ** 0.5
        weights = jax.random.uniform(key, shape, minval=-most, maxval=most)
        return jnp.pad(weights, [(0, 0)] * (len(shape) - 2) + [(0, 1), (0, 0)])

    first_key, hidden_key, head_key = jax.random.split(key, 3)
    return DeepParams(
        draw(first_key, inputs, WIDTH),
        draw(hidden_key, LAYERS - 1, WIDTH, WIDTH),
        draw(head_key, WIDTH, 1),
    )


def apply_deep(params: DeepParams, x: Array) -> Array:
    """Return the outputs float[M] of the network for inputs float[M, Q]."""

    def affine(x: Array, weights: Array) -> Array:
        return x @ weights[:-1] + weights[-1:]

    def layer(x: Array, weights: Array) -> tuple[Array, None]:
        return jax.nn.relu(affine(x, weights)), None

    # A scan compiles faster than a loop over layers.
    last, _ = jax.lax.scan(layer, jax.nn.relu(affine(x, params.first)), params.hidden)
    return affine(last, params.head)[:, 0]


def mutations(key: Array, parents: Array, neighbors: Array, *, number: int) -> Array:
    """Mutate each parent int32[p] by one to four changes of one choice: rows int32[p, number].

    Args:
      key: Random key.
      parents: int32[p], rows of the parents.
      neighbors: int32[N, J], as in `Problem`.
      number: Number of mutations of each parent.
    """
    which_key, whether_key = jax.random.split(key)
    shape = (MOST_CHANGES, parents.shape[0], number)
    which = jax.random.randint(which_key, shape, 0, neighbors.shape[1])
    goes_on = jax.random.bernoulli(whether_key, 0.5, shape).at[0].set(True)

    def change(row: Array, drawn: tuple[Array, Array]) -> tuple[Array, None]:
        which, goes_on = drawn
        return jnp.where(goes_on, neighbors[row, which], row), None

    start = jnp.broadcast_to(parents[:, None], shape[1:])
    return jax.lax.scan(change, start, (which, jnp.cumprod(goes_on, axis=0) > 0))[0]


def enough(mutated: Array, counts: Array, evaluated: Array, *, number: int) -> Array:
    """Return whether bool[N] each row is a candidate.

    The mutations of the parents are added in turn until there are enough candidates.

    Args:
      mutated: int32[p, m], rows of the mutations of each parent, the best parent first.
      counts: bool[p], whether each parent exists.
      evaluated: bool[N], rows that are not candidates.
      number: Number of distinct candidates after which no further parent is used.
    """

    def add(found: Array, one: tuple[Array, Array]) -> tuple[Array, None]:
        rows, counts = one
        more = counts & (jnp.sum(found) < number)
        return found.at[rows].max(more & ~evaluated[rows]), None

    return jax.lax.scan(add, jnp.zeros_like(evaluated), (mutated, counts))[0]
