"""Encodings: architectures as vectors, multilinear in soft choices.

An encoding consists of, in this order: the one-hot of each choice; the value of each ordinal choice
and each real-valued choice on its scale in [-1, 1]; and, for cells, the counts of
`nmjax.spaces.cells.structure`. All features of an inactive choice are zero. For independent soft
choices the encoding is the exact expectation over hard ones.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.activity import soft_activity
from nmjax.spaces.cells.structure import count_kinds, count_names, counts
from nmjax.spaces.continuous import to_scale
from nmjax.spaces.description.options import option_text
from nmjax.spaces.description.space import Space
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def encode(space: Space, architecture: Array, continuous: Array | None = None) -> Array:
    """The encoding float32[..., D] of architecture int32[..., C] and continuous float32[..., R].

    Raises:
      NmjaxError: `continuous` does not have one value for each real-valued choice.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Ordinal, Space, encode
      >>> space = Space(op=["conv", "skip"], width=Ordinal(64, 128, 256, log=True))
      >>> encode(space, np.array([1, 2])).tolist()
      [0.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    """
    probabilities = jax.nn.one_hot(jnp.asarray(architecture), space.max_options, dtype=jnp.float32)
    encoding: Array = encode_soft(space, probabilities, continuous)
    return encoding


@partial(jax.jit, static_argnames="space")
def encode_soft(space: Space, probabilities: Array, continuous: Array | None = None) -> Array:
    """The expected encoding float32[..., D] of independent choices, float[..., C, O].

    Raises:
      NmjaxError: The probabilities, or the continuous float32[..., R], do not fit the space.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, encode_soft
      >>> encode_soft(Space(op=["conv", "skip"]), np.array([[0.25, 0.75]])).tolist()
      [0.25, 0.75]
    """
    expected = (space.num_choices, space.max_options)
    if jnp.shape(probabilities)[-2:] != expected:
        raise NmjaxError(
            f"Got probabilities of shape {list(jnp.shape(probabilities))} for space "
            f"{space.name!r}; expected [..., {expected[0]}, {expected[1]}], with zeros for options "
            "that do not exist."
        )
    probabilities = jnp.asarray(probabilities, jnp.float32)
    choice_of, option_of = _option_positions(space.num_options)
    continuous = _on_scales(space, continuous)
    weights = probabilities
    if space.is_conditional:
        active, active_real = soft_activity(space, probabilities)
        weights = probabilities * active[..., None]
        continuous = continuous * active_real if space.continuous else continuous
    ordinal = jnp.einsum(
        "...co,cov->...v",
        weights,
        _ordinal_values(space),
        precision=jax.lax.Precision.HIGHEST,
    )
    parts = [weights[..., choice_of, option_of], ordinal, continuous]
    if space.cell is not None:
        parts.append(counts(space, probabilities))
    return jnp.concatenate([part for part in parts if part.shape[-1]], axis=-1)


def encoding_names(space: Space) -> tuple[str, ...]:
    """Names of the D features, such as "op1=gat", "count gat" or "gat>output".

    Example:
      >>> from nmjax.spaces import Ordinal, Space, encoding_names
      >>> encoding_names(Space(op=["conv", "skip"], width=Ordinal(64, 128)))
      ('op=conv', 'op=skip', 'width=64', 'width=128', 'width')
    """
    return (
        *(f"{c.name}={option_text(option)}" for c in space.choices for option in c.options),
        *(choice.name for choice in space.choices if choice.kind == "ordinal"),
        *(real.name for real in space.continuous),
        *(count_names(space) if space.cell is not None else ()),
    )


def encoding_groups(space: Space) -> tuple[str, ...]:
    """Group of each of the D features, for models with one weight for each group.

    "options" are the one-hots of all choices; the value of an ordinal or real-valued choice is a
    group with the choice's name; the counts of a cell are "operations", "depths", "pairs" and
    "paths".

    Example:
      >>> from nmjax.spaces import Ordinal, Space, encoding_groups
      >>> encoding_groups(Space(op=["conv", "skip"], width=Ordinal(64, 128)))
      ('options', 'options', 'options', 'options', 'width')
    """
    return (
        *("options" for choice in space.choices for _ in choice.options),
        *(choice.name for choice in space.choices if choice.kind == "ordinal"),
        *(real.name for real in space.continuous),
        *(count_kinds(space) if space.cell is not None else ()),
    )


def encoding_size(space: Space) -> int:
    """Length D of an encoding.

    Example:
      >>> from nmjax.spaces import Ordinal, Space, encoding_size
      >>> encoding_size(Space(op=["conv", "skip"], width=Ordinal(64, 128)))
      5
    """
    return len(encoding_names(space))


@partial(jax.jit, static_argnames="space")
def decode(space: Space, encoding: Array) -> Array:
    """The architecture int32[..., C] of an encoding float32[..., D].

    Of a soft encoding, each choice has its most probable option; inactive choices have their first.

    Example:
      >>> import numpy as np
      >>> from nmjax.spaces import Space, decode
      >>> decode(Space(op=["conv", "skip"], width=[64, 128]), np.array([0.0, 1, 1, 0])).tolist()
      [1, 0]
    """
    num_options = np.array(space.num_options, np.int32)[:, None]
    option = np.arange(space.max_options)[None, :]
    first = np.cumsum(num_options, axis=0) - num_options
    padded = jnp.asarray(encoding)[..., first + np.minimum(option, num_options - 1)]
    exists = jnp.broadcast_to(option < num_options, padded.shape)
    return jnp.argmax(jnp.where(exists, padded, -jnp.inf), axis=-1).astype(jnp.int32)


def _on_scales(space: Space, continuous: Array | None) -> Array:
    given = jnp.zeros((0,), jnp.float32) if continuous is None else continuous
    scaled: Array = to_scale(space, given)
    return scaled


def _option_positions(num_options: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The choice and the option of each one-hot feature: int[sum(O_i)] each."""
    choice_of = np.repeat(np.arange(len(num_options)), num_options)
    first = np.cumsum(num_options) - num_options
    return choice_of, np.arange(len(choice_of)) - first.astype(int)[choice_of]


@lru_cache
def _ordinal_values(space: Space) -> np.ndarray:
    """Scaled value of each option, for each of V ordinal choices: float32[C, O, V]."""
    ordinal = [index for index, choice in enumerate(space.choices) if choice.kind == "ordinal"]
    values = np.zeros((space.num_choices, space.max_options, len(ordinal)), np.float32)
    for column, index in enumerate(ordinal):
        values[index, : space.num_options[index], column] = space.choices[index].values
    return values
