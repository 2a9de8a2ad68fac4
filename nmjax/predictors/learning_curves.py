"""Prediction of the end of learning curves, fitted on the curves of past tasks in closed form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from nmjax.errors import NmjaxError
from nmjax.stats import positive_root
from nmjax.types import Array, Gaussian

PENALTIES = ((1e-3, 1e-3), (1e-3, 1e-1), (1e-3, 1e5), (1e-1, 1e5), (1e5, 1e5))
"""Ridge penalties of the scores and of the encoding, per task; the largest exclude an input."""


class CurvePredictor(NamedTuple):
    """Ridge regression of the last score of a curve on its beginning and on the architecture.

    The increase from the last known score to the end is linear in the scores so far and in the
    encoding, with weights of their own for each length of the beginning.

    Attributes:
      weights: float[E, 1 + E + D], weights of a constant, of the standardized scores so far and of
        the encoding, after each number of epochs from 1.
      variance: float[E], variance of the error after each number of epochs from 1; 0 after all.
      location: float[], mean of the past scores.
      scale: float[], standard deviation of the past scores.
      penalty: int32[], index in `PENALTIES` of the chosen penalties; -1 if nothing was fitted.

    Example:
      >>> from nmjax.predictors import naive_curves
      >>> naive_curves(8, 5, std=0.1).weights.shape
      (8, 14)
    """

    weights: Array
    variance: Array
    location: Array
    scale: Array
    penalty: Array


def naive_curves(epochs: int, size: int, *, std: ArrayLike) -> CurvePredictor:
    """Return the predictor that expects the last known score, for searches without past curves.

    Args:
      epochs: Number E of epochs of a whole training.
      size: Number D of features of an encoding.
      std: float[], standard deviation of a change from the start to the end; its variance falls
        linearly with the epochs that are left.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import naive_curves, predict_final
      >>> curve = jnp.array([[0.5, jnp.nan]])
      >>> predict_final(naive_curves(2, 3, std=0.1), curve, jnp.array([1]), jnp.zeros((1, 3))).mean
      Array([0.5], dtype=float32)
    """
    left = 1 - jnp.arange(1, epochs + 1, dtype=jnp.float32) / epochs
    nothing = jnp.zeros((epochs, 1 + epochs + size))
    one, zero = jnp.ones(()), jnp.zeros(())
    return CurvePredictor(nothing, jnp.square(std) * left, zero, one, jnp.array(-1, jnp.int32))


def fit_curves(curve: Array, encoding: Array) -> CurvePredictor:
    """Fit a `CurvePredictor` on past tasks.

    Penalties are those with the least squared error when each task is predicted by the others, and
    the variances are these errors. Curves with a failure are left out.

    Args:
      curve: float[T, N, E], scores after each epoch, of two tasks or more; NaN where failed or
        unknown.
      encoding: float[T, N, D], or float[N, D] for the same architectures in all tasks.

    Raises:
      NmjaxError: Shapes do not fit, there are fewer than two tasks, or a task has no whole curve.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import fit_curves, predict_final
      >>> curve = jnp.linspace(0.0, 1.0, 40).reshape(2, 5, 4)
      >>> predictor = fit_curves(curve, jnp.zeros((5, 1)))
      >>> early = curve[0].at[:, 1:].set(jnp.nan)
      >>> predicted = predict_final(predictor, early, jnp.ones(5, jnp.int32), jnp.zeros((5, 1)))
      >>> bool(jnp.allclose(predicted.mean, curve[0, :, -1], atol=1e-3))
      True
    """
    shape = jnp.shape(curve)
    if len(shape) != 3 or shape[0] < 2 or jnp.shape(encoding)[-2:-1] != shape[1:2]:
        raise NmjaxError(
            f"Got curves {list(shape)} and encodings {list(jnp.shape(encoding))}; give curves of "
            "two tasks or more as float[T, N, E], and encodings float[N, D] or float[T, N, D]."
        )
    whole = jnp.all(jnp.isfinite(curve), axis=-1)
    if not bool(jnp.all(jnp.any(whole, axis=1))):
        raise NmjaxError("Got a past task without a whole learning curve; leave it out.")
    encoding = jnp.broadcast_to(encoding, (*shape[:2], encoding.shape[-1]))
    fitted: CurvePredictor = _fit(curve, encoding, whole)
    return fitted


@jax.jit
def _fit(curve: Array, encoding: Array, whole: Array) -> CurvePredictor:
    tasks, _, epochs = curve.shape
    counts = whole.astype(curve.dtype)
    share = counts / jnp.sum(counts, axis=1, keepdims=True)
    known = jnp.where(whole[..., None], curve, 0)
    location = jnp.sum(share[..., None] * known) / (tasks * epochs)
    centered = jnp.square(known - location) * share[..., None]
    scale = jnp.maximum(positive_root(jnp.sum(centered) / (tasks * epochs)), 1e-12)
    unit = jnp.where(whole[..., None], (curve - location) / scale, 0)
    penalties = jnp.asarray(PENALTIES, curve.dtype)

    def after(length: Array) -> tuple[Array, Array]:
        x = jax.vmap(_inputs, in_axes=(0, None, 0))(unit, length, encoding)
        y = unit[..., -1] - jnp.take(unit, length - 1, axis=-1)
        moments = (
            jnp.einsum("tn,tni,tnj->tij", share, x, x),
            jnp.einsum("tn,tni,tn->ti", share, x, y),
            jnp.einsum("tn,tn,tn->t", share, y, y),
        )
        size, given = x.shape[-1], encoding.shape[-1]

        def candidate(penalty: Array) -> tuple[Array, Array]:
            diagonal = jnp.full((size,), penalty[0]).at[-given:].set(penalty[1]).at[0].set(1e-6)
            return _leave_one_out(*moments, diagonal)

        found: tuple[Array, Array] = jax.lax.map(candidate, penalties)
        return found

    errors, weights = jax.lax.map(after, jnp.arange(1, epochs + 1, dtype=jnp.int32))
    chosen = jnp.argmin(jnp.sum(jnp.log(errors[:-1] + 1e-12), axis=0)).astype(jnp.int32)
    before_end = (jnp.arange(epochs, dtype=jnp.int32) < epochs - 1).astype(curve.dtype)
    return CurvePredictor(
        weights[:, chosen] * before_end[:, None],
        errors[:, chosen] * jnp.square(scale) * before_end,
        location,
        scale,
        chosen,
    )


def _leave_one_out(gram: Array, cross: Array, total: Array, penalty: Array) -> tuple[Array, Array]:
    """Mean squared error of each task by the others, and the weights float[F] of all tasks.

    Args:
      gram: float[T, F, F], second moments of the inputs of each task.
      cross: float[T, F], moments of the inputs and the output.
      total: float[T], second moments of the output.
      penalty: float[F], ridge penalty of each input, per task.
    """

    def solve(kept: Array) -> Array:
        matrix = jnp.einsum("t,tij->ij", kept, gram) + jnp.diag(penalty * jnp.sum(kept))
        weights: Array = jnp.linalg.solve(matrix, kept @ cross)
        return weights

    apart = jax.vmap(solve)(1 - jnp.eye(len(gram), dtype=gram.dtype))
    quadratic = jnp.einsum("ti,tij,tj->t", apart, gram, apart)
    error = total - 2 * jnp.sum(apart * cross, axis=1) + quadratic
    return jnp.mean(jnp.maximum(error, 0)), solve(jnp.ones_like(total))


def _inputs(unit: Array, length: Array, encoding: Array) -> Array:
    """Inputs float[N, 1 + E + D] of curves float[N, E] of which `length` scores are known."""
    known = jnp.arange(unit.shape[-1], dtype=jnp.int32) < length
    so_far = jnp.where(known[None, :], unit, 0)
    return jnp.concatenate([jnp.ones_like(unit[:, :1]), so_far, encoding], axis=1)


@jax.jit
def predict_final(
    predictor: CurvePredictor, curve: Array, epochs: Array, encoding: Array
) -> Gaussian:
    """Predict the last score of curves from their beginnings.

    Args:
      predictor: Predictor from `fit_curves` or `naive_curves`.
      curve: float[B, E], scores; those after `epochs` are not read.
      epochs: int32[B], number of known scores.
      encoding: float[B, D], encodings of the architectures.

    Returns:
      The mean float[B], NaN without a score or if the last known one is NaN, and the standard
      deviation float[B], 0 for whole curves.

    Example:
      >>> import jax.numpy as jnp
      >>> from nmjax.predictors import naive_curves, predict_final
      >>> curves = jnp.array([[0.5, 0.6], [0.5, jnp.nan], [jnp.nan, jnp.nan]])
      >>> known, encoding = jnp.array([2, 1, 0]), jnp.zeros((3, 1))
      >>> predict_final(naive_curves(2, 1, std=0.1), curves, known, encoding).mean
      Array([0.6, 0.5, nan], dtype=float32)
    """

    def one(curve: Array, known: Array, encoding: Array) -> tuple[Array, Array]:
        at = jnp.maximum(known - 1, 0)
        last = jnp.where(known > 0, curve[at], jnp.nan)
        unit = (jnp.nan_to_num(curve) - predictor.location) / predictor.scale
        inputs = _inputs(unit[None], known, encoding[None])[0]
        increase = predictor.scale * jnp.dot(inputs, predictor.weights[at])
        return last + increase, jnp.sqrt(predictor.variance[at])

    return Gaussian(*jax.vmap(one)(curve, epochs, encoding))
