"""Scores of architectures by the shared weights of a supernet, without training."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from nmjax.live import Rows, accuracy
from nmjax.oneshot.supernet import Supernet
from nmjax.relax import one_hot
from nmjax.spaces import has_flat_index, pool_neighbors
from nmjax.types import Array, PyTree

_CHUNK = 16


@partial(jax.jit, static_argnames="supernet")
def inherited_scores(
    supernet: Supernet, weights: PyTree, architectures: Array, rows: Rows
) -> Array:
    """Accuracies float[N] of architectures int32[N, C] with the weights of a supernet.

    Args:
      supernet: Supernet of the architectures.
      weights: Its weights.
      architectures: int32[N, C].
      rows: Rows to classify, such as the selection rows.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import load_task
      >>> from nmjax.oneshot import MLPSupernet, inherited_scores
      >>> supernet = MLPSupernet(4, 3)
      >>> weights, rows = supernet.init(jax.random.key(0)), load_task("iris").data.selection
      >>> inherited_scores(supernet, weights, jnp.array([[0, 1, 2], [0, 0, 0]]), rows).shape
      (2,)
    """
    score = partial(_inherited_score, supernet, weights, rows)
    scores: Array = jax.lax.map(score, architectures, batch_size=min(_CHUNK, len(architectures)))
    return scores


def _inherited_score(supernet: Supernet, weights: PyTree, rows: Rows, architecture: Array) -> Array:
    choices = one_hot(supernet.space, architecture)
    return accuracy(supernet.apply(weights, choices, rows.x), rows.y)


class SharedWeightsPool(NamedTuple):
    """A pool that a supernet scores, for searches without a model such as `search.RandomSearch`.

    Attributes:
      score: float[N], all NaN; only its size is read.
      neighbors: int32[N, J], rows one choice away, as in `search.ScoreTable`.
      architectures: int32[N, C].
      weights: Weights of the supernet.
      rows: Rows to classify.

    Example:
      >>> from nmjax.oneshot import SharedWeightsPool
      >>> SharedWeightsPool._fields[2:]
      ('architectures', 'weights', 'rows')
    """

    score: Array
    neighbors: Array | None
    architectures: Array
    weights: PyTree
    rows: Rows


def shared_weights_pool(
    supernet: Supernet, architectures: Array, weights: PyTree, rows: Rows
) -> SharedWeightsPool:
    """Return the pool of architectures int32[N, C], to be scored by shared weights.

    Args:
      supernet: Supernet of the architectures.
      architectures: int32[N, C], distinct.
      weights: Weights of the supernet.
      rows: Rows to classify, such as the selection rows.

    Example:
      >>> import jax, jax.numpy as jnp
      >>> from nmjax.live import Rows
      >>> from nmjax.oneshot import MLPSupernet, shared_weights_pool
      >>> supernet = MLPSupernet(4, 3, layers=1, activations=("relu",))
      >>> weights, rows = supernet.init(jax.random.key(0)), Rows(jnp.ones((5, 4)), jnp.zeros(5))
      >>> shared_weights_pool(supernet, jnp.array([[0], [1]]), weights, rows).neighbors.tolist()
      [[1], [0]]
    """
    pool = jnp.asarray(architectures, jnp.int32)
    space = supernet.space
    neighbors = pool_neighbors(space, pool) if has_flat_index(space) else None
    return SharedWeightsPool(jnp.full((len(pool),), jnp.nan), neighbors, pool, weights, rows)


@dataclass(frozen=True)
class InheritedEvaluation:
    """The evaluation of a search that scores architectures by the weights of a supernet.

    Give it to any search as `evaluate=`, with a `SharedWeightsPool` as the problem.

    Attributes:
      supernet: Supernet of the architectures.

    Example:
      >>> from nmjax.oneshot import CellSupernet, InheritedEvaluation
      >>> from nmjax.search import RegularizedEvolution
      >>> evaluate = InheritedEvaluation(CellSupernet(classes=10))
      >>> search = RegularizedEvolution(evaluate=evaluate)
    """

    supernet: Supernet

    def __call__(self, problem: Any, index: Array) -> Array:
        """Accuracy float[] of a row int32[] of the pool, or of an architecture int32[C]."""
        architecture = problem.architectures[index] if index.ndim == 0 else index
        return _inherited_score(self.supernet, problem.weights, problem.rows, architecture)
