"""Parts of supernets: weights of edges, and partial channels (PC-DARTS)."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.types import Array


def normalize_edges(strengths: Array, target: Sequence[int]) -> Array:
    """Softmax of edge strengths float[..., E] over the edges that enter the same node.

    Edge normalization (Xu et al., 2020, "PC-DARTS", equation 3).

    Args:
      strengths: float[..., E], a strength for each edge.
      target: Node that each of the E edges enters.

    Raises:
      NmjaxError: There is not one target for each edge.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import normalize_edges
      >>> normalize_edges(np.zeros(3), [1, 2, 2]).tolist()
      [1.0, 0.5, 0.5]
    """
    strengths = jnp.asarray(strengths)
    if strengths.shape[-1:] != (len(target),):
        raise NmjaxError(
            f"Got strengths of shape {list(strengths.shape)} and {len(target)} targets; give a "
            "strength and a target for each edge."
        )
    nodes, place = np.unique(np.asarray(target), return_inverse=True)
    member = place[:, None] == np.arange(len(nodes))[None, :]
    shape = (*strengths.shape, len(nodes))
    wide = jnp.broadcast_to(strengths[..., None], shape)
    shares = jax.nn.softmax(wide, axis=-2, where=jnp.broadcast_to(jnp.asarray(member), shape))
    return jnp.sum(shares, axis=-1)


def mix_outputs(outputs: Array, weights: Array) -> Array:
    """Weighted sum [...] over the leading axis of the options' outputs [O, ...].

    Options of weight 0 have no influence, even if their output is not finite.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import mix_outputs
      >>> mix_outputs(np.array([[2.0, 4.0], [np.nan, np.nan]]), np.array([0.5, 0.0])).tolist()
      [1.0, 2.0]
    """
    outputs = jnp.asarray(outputs)
    shape = (-1,) + (1,) * (outputs.ndim - 1)
    weights = jnp.broadcast_to(jnp.asarray(weights).reshape(shape), outputs.shape)
    return jnp.sum(weights * jnp.where(weights == 0, 0.0, outputs), axis=0)


def partial_channels(
    operation: Callable[[Array], Array], features: Array, *, parts: int = 4
) -> Array:
    """Apply an operation to the first 1 / parts of the channels, pass the rest, and shuffle.

    Partial channel connections (Xu et al., 2020, "PC-DARTS", equation 2): memory and time of a
    mixed operation fall by the factor `parts`.

    Args:
      operation: Function from [..., channels / parts] to an array of the same shape.
      features: float[..., channels], channels last.
      parts: Number of parts, a divisor of the number of channels.

    Raises:
      NmjaxError: `parts` is not a positive divisor of the number of channels, or the operation
        changes the shape.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import partial_channels
      >>> partial_channels(lambda x: -x, np.arange(1.0, 5.0), parts=2).tolist()
      [-1.0, 3.0, -2.0, 4.0]
    """
    features = jnp.asarray(features)
    channels = features.shape[-1]
    if parts < 1 or channels % parts:
        raise NmjaxError(f"Got parts={parts} for {channels} channels; give a divisor of them.")
    first, rest = jnp.split(features, [channels // parts], axis=-1)
    changed = operation(first)
    if changed.shape != first.shape:
        raise NmjaxError(
            f"The operation maps {list(first.shape)} to {list(changed.shape)}; give one that keeps "
            "the shape."
        )
    joined = jnp.concatenate([changed, rest], axis=-1)
    return shuffle_channels(joined, groups=parts)


def shuffle_channels(features: Array, *, groups: int) -> Array:
    """Interleave groups of channels [..., channels], so that the next part holds some of each.

    Raises:
      NmjaxError: `groups` is not a positive divisor of the number of channels.

    Example:
      >>> import numpy as np
      >>> from nmjax.relax import shuffle_channels
      >>> shuffle_channels(np.array([1, 2, 3, 4]), groups=2).tolist()
      [1, 3, 2, 4]
    """
    features = jnp.asarray(features)
    channels = features.shape[-1]
    if groups < 1 or channels % groups:
        raise NmjaxError(f"Got groups={groups} for {channels} channels; give a divisor of them.")
    grouped = features.reshape(*features.shape[:-1], groups, channels // groups)
    return jnp.swapaxes(grouped, -1, -2).reshape(features.shape)
