"""Bayesian optimization by an ensemble of networks on the path encoding: BANANAS."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.errors import NmjaxError
from nmjax.optimize import descend
from nmjax.predictors import get_outcome_transform
from nmjax.search.algorithm import SearchAlgorithm, SearchHyper, check_sizes
from nmjax.search.problem import Problem, known_neighbors
from nmjax.search.record import (
    Record,
    SearchInfo,
    can_go_on,
    record_evaluation,
    sample_unevaluated,
)
from nmjax.types import Array, PyTree

LAYERS, WIDTH, MINIBATCH = 10, 20, 32
MOST_CHANGES = 4


class BananasState(NamedTuple):
    """What BANANAS carries.

    Attributes:
      key: folded with (step, role), never drawn from.
      record: the evaluations so far.
      queue: int32[k], the rows to evaluate next, beginning at step % k.
    """

    key: Array
    record: Record
    queue: Array


class DeepParams(NamedTuple):
    """A network of L layers of W that are alike but for the first.

    Attributes:
      first: float[Q + 1, W], weights of the inputs and, last, biases.
      hidden: float[L - 1, W + 1, W], likewise.
      head: float[W + 1, 1], likewise.
    """

    first: Array
    hidden: Array
    head: Array


@dataclass(frozen=True, kw_only=True)
class BananasSearch(SearchAlgorithm[BananasState, Problem]):
    """Independent Thompson sampling among mutations of the best, under an ensemble of networks.

    White, Neiswanger and Savani, 2021, "BANANAS: Bayesian optimization with neural architectures
    for neural architecture search".

    From the paper: after k random evaluations, and after every k more, networks are trained anew on
    the path encodings of all that was evaluated, each from another start. Evaluated next are the k
    candidates that look best in a draw of independent normals with the mean and spread of the
    networks' predictions. Candidates are mutations of the best evaluations.

    From the authors' code (naszilla/naszilla): k = 10, 5 networks of 10 layers of 20, absolute
    error, Adam at 0.01 with decay rates .9 and .99, 150 epochs in batches of 32, paths cut off as
    in `encode_paths`, and mutations of the best evaluation, then of the second up to the fifth,
    until there are 100.

    Ours: scores are standardized, where theirs are errors in percent; a batch is drawn anew, with
    repetitions, in place of the next of an epoch; a mutation changes one choice and, with
    probability 1/2 each time, up to three more, where theirs changes each with a probability that
    depends on the benchmark; what candidates leave of the k is random, as is what comes next where
    all of the k were evaluated already; and nothing is trained after the last evaluation of the
    budget.

    Attributes:
      capacity: B, the largest budget.
      evaluate: as in `SearchAlgorithm`.
      batch: k, number of evaluations between two trainings, and of random ones at the start.
      members: number of networks.
      parents: largest number of evaluations that candidates are mutations of.
      candidates: number of candidates that is enough.
      epochs: number of epochs of each training.
      rate: learning rate of Adam.
      outcome_transform: name of the transform of the scores so far, as in
        `predictors.get_outcome_transform`.

    Raises:
      NmjaxError: a size is not positive, or no outcome transform has that name; when searching, the
        problem has no paths.
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
        )
        get_outcome_transform(self.outcome_transform)

    def init(self, key: Array, problem: Problem, hyper: SearchHyper) -> BananasState:
        """Return the state before the first evaluation."""
        del hyper
        _paths(problem)
        rows = jax.random.permutation(
            jax.random.fold_in(key, self.capacity), problem.score.shape[0]
        )
        record = self.empty_record(problem.score)
        return BananasState(key, record, rows[: self.batch].astype(jnp.int32))

    def _train(self, key: Array, x: Array, y: Array, number: Array) -> DeepParams:
        """One network after training on the first `number` of x float[B, Q], y float[B]."""
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
        return jax.lax.fori_loop(0, updates, update, (start, optimizer.init(start)))[0]

    def _fill(self, key: Array, record: Record, problem: Problem) -> Array:
        """The next rows int32[k]: the best of a draw among candidates, then random ones."""
        train_key, change_key, draw_key, rest_key = jax.random.split(key, 4)
        score = jnp.nan_to_num(record.score, nan=-jnp.inf)
        best, position = jax.lax.top_k(score, min(self.parents, len(score)))
        family = known_neighbors(problem)
        changed = mutations(change_key, record.row[position], family, number=self.candidates)
        wanted = enough(changed, jnp.isfinite(best), record.evaluated, number=self.candidates)

        transform = get_outcome_transform(self.outcome_transform)
        x, y = _paths(problem), transform(record.score)
        rows = changed.reshape(-1)

        def member(number: Array) -> Array:
            network = self._train(
                jax.random.fold_in(train_key, number), x[record.row], y, record.step
            )
            return apply_deep(network, x[rows])

        # One after the other: on the CPU that is faster than products of batches of small matrices.
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
        # The key's other role is that of the turn in `update`.
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
            # The key depends on the turn, or XLA would train before it asks whether to.
            return self._fill(jax.random.fold_in(key, number), record, problem)

        # A loop of at most one turn, because under `vmap` a `cond` would train at every step.
        queue = jax.lax.fori_loop(0, due.astype(jnp.int32), turn, state.queue)
        return BananasState(state.key, record, queue), info


def init_deep(key: Array, inputs: int) -> DeepParams:
    """Weights uniform with variance 2 / (ins + outs), biases 0 (Glorot and Bengio, 2010)."""

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
    """The network's scores float[M] of inputs float[M, Q]; scanned, as it compiles fast."""

    def affine(x: Array, weights: Array) -> Array:
        return x @ weights[:-1] + weights[-1:]

    def layer(x: Array, weights: Array) -> tuple[Array, None]:
        return jax.nn.relu(affine(x, weights)), None

    last, _ = jax.lax.scan(layer, jax.nn.relu(affine(x, params.first)), params.hidden)
    return affine(last, params.head)[:, 0]


def mutations(key: Array, parents: Array, neighbors: Array, *, number: int) -> Array:
    """Rows int32[p, number] one change or a few away from parents int32[p].

    Args:
      key: of the changes.
      parents: rows.
      neighbors: int32[N, J], as in `Problem`.
      number: of mutations of each.
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
    """Which rows bool[N] are candidates: mutations of one parent after the other, until enough.

    Args:
      mutated: int32[p, m], rows of the mutations of each parent, the best parent first.
      counts: bool[p], which parents there are.
      evaluated: bool[N], which are no candidates.
      number: of distinct candidates that are enough.
    """

    def add(found: Array, one: tuple[Array, Array]) -> tuple[Array, None]:
        rows, counts = one
        more = counts & (jnp.sum(found) < number)
        return found.at[rows].max(more & ~evaluated[rows]), None

    return jax.lax.scan(add, jnp.zeros_like(evaluated), (mutated, counts))[0]


def _paths(problem: Problem) -> Array:
    if problem.paths is None:
        raise NmjaxError(
            "Got a problem without the paths that the networks are trained on; make it by "
            "make_problem, of discrete choices."
        )
    return problem.paths.astype(problem.score.dtype)
