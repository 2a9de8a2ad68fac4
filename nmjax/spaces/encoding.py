"""Architectures as vectors that say what the structure says, multilinear in soft choices.

An encoding is, in this order: the one-hot of each choice; each ordinal choice's value and each
real-valued choice on its scale in [-1, 1]; and for cells the counts of `nmjax.spaces.structure`.
For independent soft choices it is the exact expectation over hard ones.
"""

from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces.activity import soft_activity
from nmjax.spaces.cells.structure import count_kinds, count_names, counts
from nmjax.spaces.continuous import to_scale
from nmjax.spaces.space import Space
from nmjax.types import Array


@partial(jax.jit, static_argnames="space")
def encode(space: Space, architecture: Array, continuous: Array | None = None) -> Array:
    """The encoding float32[..., D] of architecture int32[..., C] and continuous float32[..., R].

    Raises:
      NmjaxError: if the space has real-valued choices and `continuous` does not fit.
    """
    probabilities = jax.nn.one_hot(jnp.asarray(architecture), space.max_options, dtype=jnp.float32)
    return encode_soft(space, probabilities, continuous)


@partial(jax.jit, static_argnames="space")
def encode_soft(space: Space, probabilities: Array, continuous: Array | None = None) -> Array:
    """The expected encoding float32[..., D] of independent choices, float[..., C, O].

    Raises:
      NmjaxError: if the probabilities, or the continuous float32[..., R], do not fit the space.
    """
    expected = (space.num_choices, space.max_options)
    if jnp.shape(probabilities)[-2:] != expected:
        raise NmjaxError(
            f"Got probabilities {list(jnp.shape(probabilities))} for space {space.name!r}; "
            f"give them as [..., {expected[0]}, {expected[1]}], zero for options that do not exist."
        )
    probabilities = jnp.asarray(probabilities, jnp.float32)
    choice_of, option_of = _option_positions(space.num_options)
    continuous = _on_scales(space, continuous)
    weights = probabilities
    if space.is_conditional:
        active, active_real = soft_activity(space, probabilities)
        weights = probabilities * active[..., None]
        continuous = continuous * active_real
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
    """What each of the D features is, such as "op1=gat", "count gat" or "gat>output"."""
    return (
        *(f"{choice.name}={option}" for choice in space.choices for option in choice.options),
        *(choice.name for choice in space.choices if choice.kind == "ordinal"),
        *(real.name for real in space.continuous),
        *(count_names(space) if space.cell is not None else ()),
    )


def encoding_groups(space: Space) -> tuple[str, ...]:
    """The group of each of the D features, for models that weigh groups and not single features.

    "options" are the one-hots of all choices; an ordinal or real-valued choice is a group of its
    own name; the counts of a cell are "operations", "depths", "pairs" and "paths".
    """
    return (
        *("options" for choice in space.choices for _ in choice.options),
        *(choice.name for choice in space.choices if choice.kind == "ordinal"),
        *(real.name for real in space.continuous),
        *(count_kinds(space) if space.cell is not None else ()),
    )


def encoding_size(space: Space) -> int:
    """D, the length of an encoding."""
    return len(encoding_names(space))


@partial(jax.jit, static_argnames="space")
def decode(space: Space, encoding: Array) -> Array:
    """The architecture int32[..., C] whose encoding float32[..., D] is; a soft one's likeliest."""
    num_options = np.array(space.num_options, np.int32)[:, None]
    option = np.arange(space.max_options)[None, :]
    first = np.cumsum(num_options, axis=0) - num_options
    padded = jnp.asarray(encoding)[..., first + np.minimum(option, num_options - 1)]
    exists = jnp.broadcast_to(option < num_options, padded.shape)
    return jnp.argmax(jnp.where(exists, padded, -jnp.inf), axis=-1).astype(jnp.int32)


def _on_scales(space: Space, continuous: Array | None) -> Array:
    return to_scale(space, jnp.zeros((0,), jnp.float32) if continuous is None else continuous)


def _option_positions(num_options: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The choice and the option of every one-hot feature: int[sum(O_i)] each."""
    choice_of = np.repeat(np.arange(len(num_options)), num_options)
    first = np.cumsum(num_options) - num_options
    return choice_of, np.arange(len(choice_of)) - first.astype(int)[choice_of]


@lru_cache
def _ordinal_values(space: Space) -> np.ndarray:
    """float32[C, O, V]: the scaled value of each option for each of V ordinal choices."""
    ordinal = [index for index, choice in enumerate(space.choices) if choice.kind == "ordinal"]
    values = np.zeros((space.num_choices, space.max_options, len(ordinal)), np.float32)
    for column, index in enumerate(ordinal):
        values[index, : space.num_options[index], column] = space.choices[index].values
    return values
