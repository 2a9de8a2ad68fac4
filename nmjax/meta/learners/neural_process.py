"""Conditional neural process: a network that adapts in one forward pass."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from nmjax.meta.batch import Batch, valid_rows
from nmjax.meta.learners.probabilistic import ProbabilisticLearner, conditioning
from nmjax.types import ApplyFn, Array, Gaussian, PyTree

_LEAST_STD = 0.01


class ProcessParams(NamedTuple):
    """Parameters of `neural_process`.

    Attributes:
      encoder: encoder of evaluations; inputs are encodings with the score appended, D + 1 numbers.
      decoder: decoder of predictions; inputs are encodings with the summary appended, D + R
        numbers.
      weight: float[F, 2], from the decoder's features to mean and unconstrained spread.
      bias: float[2].
      attention: parameters of the features that attention compares; None for a plain mean.

    Example:
      >>> import jax
      >>> from nmjax.meta import init_process
      >>> init_process(jax.random.key(0), None, None, size=8).weight.shape
      (8, 2)
    """

    encoder: PyTree
    decoder: PyTree
    weight: Array
    bias: Array
    attention: PyTree = None


class TaskEncoding(NamedTuple):
    """A task's evaluations as encoded by `neural_process`.

    Attributes:
      params: the meta-learned parameters.
      x: float[S, D], encodings of the architectures.
      values: float[S, R], output of the encoder for each evaluation.
      counts: bool[S], True for valid evaluations.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.meta import TaskEncoding
      >>> TaskEncoding(None, jnp.zeros((5, 3)), jnp.zeros((5, 8)), jnp.ones(5, bool)).values.shape
      (5, 8)
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
    """Learn to predict from a set of evaluations: the conditional neural process.

    Each evaluation is encoded separately. The prediction at x depends on the mean of the codes
    (Garnelo et al., 2018, section 2.2) or, with attention, on a mean with weights that depend on x,
    by scaled dot products (the deterministic path of Kim et al., 2019, section 3). Standard
    deviations are at least .01. Parameters are initialized by `init_process`.

    Args:
      encode: (encoder, inputs float[S, D + 1]) -> float[S, R].
      decode: (decoder, inputs float[M, D + R]) -> float[M, F].
      optimizer: optimizer of the outer loop.
      attend: (attention, x float[M, D]) -> float[M, A], queries and keys; None for equal weights.

    Returns:
      A learner as from `conditioning`, over `ProcessParams`; it adapts to a `TaskEncoding`.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, init_process, neural_process
      >>> learner = neural_process(lambda _, x: x, lambda _, x: x, optax.sgd(0.1))
      >>> params = init_process(jax.random.key(0), None, None, size=3)
      >>> batch = Batch(jnp.ones((4, 1)), jnp.ones(4), jnp.ones(4, bool))
      >>> learner.predict(learner.adapt(params, batch, None).params, jnp.ones((5, 1))).mean.shape
      (5,)
    """

    def condition(params: ProcessParams, batch: Batch) -> TaskEncoding:
        counts = valid_rows(batch)
        scores = jnp.where(counts, batch.y, 0)
        values = encode(params.encoder, jnp.append(batch.x, scores[:, None], axis=-1))
        return TaskEncoding(params, batch.x, values, counts)

    def summarize(task: TaskEncoding, x: Array) -> Array:
        """float[M, R]; 0 where there is no evaluation."""
        if attend is None:
            affinity = jnp.zeros((x.shape[0], task.x.shape[0]), x.dtype)
        else:
            queries, keys = (attend(task.params.attention, at) for at in (x, task.x))
            affinity = queries @ keys.T / jnp.sqrt(keys.shape[-1])
        counts = task.counts[None, :]
        # Without any evaluation the weights are equal, and all are masked out.
        weights = jax.nn.softmax(jnp.where(counts, affinity, -1e9), axis=-1)
        return jnp.where(counts, weights, 0) @ task.values

    def predict(task: TaskEncoding, x: Array) -> Gaussian:
        params = task.params
        decoded = decode(params.decoder, jnp.append(x, summarize(task, x), axis=-1))
        mean, spread = jnp.moveaxis(decoded @ params.weight + params.bias[None, :], -1, 0)
        return Gaussian(mean, _LEAST_STD + jax.nn.softplus(spread))

    return conditioning(condition, predict, optimizer)


def init_process(
    key: Array, encoder: PyTree, decoder: PyTree, size: int, attention: PyTree = None
) -> ProcessParams:
    """Initialize the parameters of `neural_process`, for a decoder with `size` features F.

    Example:
      >>> import jax
      >>> from nmjax.meta import init_process
      >>> init_process(jax.random.key(0), None, None, size=8).bias
      Array([0., 0.], dtype=float32)
    """
    weight = jax.random.normal(key, (size, 2)) / jnp.sqrt(size)
    return ProcessParams(encoder, decoder, weight, jnp.zeros((2,)), attention)
