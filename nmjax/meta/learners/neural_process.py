"""A network that adapts in one forward pass: the conditional neural process."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.batch import Batch, counted
from nmjax.meta.learners.probabilistic import ProbabilisticLearner, conditioning
from nmjax.types import ApplyFn, Array, Gaussian, PyTree

_LEAST_STD = 0.01


class ProcessParams(NamedTuple):
    """What `neural_process` learns.

    Attributes:
      encoder: of evaluations; inputs are encodings with a score at their end, of D + 1 numbers.
      decoder: of predictions; inputs are encodings with a summary at their end, of D + R numbers.
      weight: float[F, 2], from the decoder's features to mean and spread.
      bias: float[2].
      attention: of encodings, whose features are compared; None for a mean.
    """

    encoder: PyTree
    decoder: PyTree
    weight: Array
    bias: Array
    attention: PyTree = None


class Encoded(NamedTuple):
    """What `neural_process` knows of a task.

    Attributes:
      params: what was meta-learned.
      x: float[S, D], encodings.
      values: float[S, R], what the encoder says of each evaluation.
      counts: bool[S], which evaluations there are.
    """

    params: ProcessParams
    x: Array
    values: Array
    counts: Array


def neural_process(
    encode: ApplyFn,
    decode: ApplyFn,
    optimizer: optax.GradientTransformation,
    *,
    attend: ApplyFn | None = None,
) -> ProbabilisticLearner:
    """Learns to predict from a set of evaluations: the conditional neural process.

    Each evaluation is encoded alone; what is predicted at x depends on the mean of what the encoder
    says (Garnelo et al., 2018, section 2.2) or, with attention, on a mean with weights that depend
    on x, by scaled dot products (the deterministic path of Kim et al., 2019, section 3). Standard
    deviations are at least .01. Begin from `init_process`.

    Args:
      encode: (encoder, inputs float[S, D + 1]) -> float[S, R].
      decode: (decoder, inputs float[M, D + R]) -> float[M, F].
      optimizer: of the outer loop.
      attend: (attention, x float[M, D]) -> float[M, A], queries and keys; None for equal weights.

    Returns:
      A learner as of `conditioning`, over `ProcessParams`; a task's is `Encoded`.
    """

    def condition(params: ProcessParams, batch: Batch) -> Encoded:
        counts = counted(batch)
        scores = jnp.where(counts, batch.y, 0)
        values = encode(params.encoder, jnp.append(batch.x, scores[:, None], axis=-1))
        return Encoded(params, batch.x, values, counts)

    def summarize(task: Encoded, x: Array) -> Array:
        """float[M, R]; 0 where there is no evaluation."""
        if attend is None:
            affinity = jnp.zeros((x.shape[0], task.x.shape[0]), x.dtype)
        else:
            queries, keys = (attend(task.params.attention, at) for at in (x, task.x))
            affinity = queries @ keys.T / jnp.sqrt(keys.shape[-1])
        counts = task.counts[None, :]
        # A row without any evaluation has equal weights, all of them then left out.
        weights = jax.nn.softmax(jnp.where(counts, affinity, -1e9), axis=-1)
        return jnp.where(counts, weights, 0) @ task.values

    def predict(task: Encoded, x: Array) -> Gaussian:
        params = task.params
        decoded = decode(params.decoder, jnp.append(x, summarize(task, x), axis=-1))
        mean, spread = jnp.moveaxis(decoded @ params.weight + params.bias[None, :], -1, 0)
        return Gaussian(mean, _LEAST_STD + jax.nn.softplus(spread))

    return conditioning(condition, predict, optimizer)


def init_process(
    key: Array, encoder: PyTree, decoder: PyTree, size: int, attention: PyTree = None
) -> ProcessParams:
    """Parameters for `neural_process`, of a decoder with `size` features F."""
    weight = jax.random.normal(key, (size, 2)) / jnp.sqrt(size)
    return ProcessParams(encoder, decoder, weight, jnp.zeros((2,)), attention)
