"""Uniformly random architectures as a relaxation, to train weights without strengths."""

import jax.numpy as jnp

from nmjax.relax import SoftChoices, SpaceRelaxation, Strengths, one_hot, soft_choices
from nmjax.spaces import option_mask, sample
from nmjax.types import Array


class UniformPath(SpaceRelaxation):
    """A random architecture as one-hots, whatever the strengths and the temperature.

    The training of single-path one-shot search (Guo et al., 2020, section 3.1) and of random search
    with weight sharing (Li and Talwalkar, 2019).

    Example:
      >>> import jax
      >>> from nmjax.oneshot import UniformPath
      >>> from nmjax.spaces import Space
      >>> path = UniformPath(Space(op=["conv", "skip"]))
      >>> draw = path.sample(jax.random.key(1), path.init(jax.random.key(0)), 1.0)
      >>> sorted(draw.weights[0].tolist())
      [0.0, 1.0]
    """

    def soften(self, logits: Array, temperature: Array) -> Array:
        """Equal weights float[..., C, O] of the options that exist."""
        del temperature
        exists = option_mask(self.space).astype(logits.dtype)
        equal = exists / jnp.sum(exists, axis=-1, keepdims=True)
        return jnp.broadcast_to(equal, logits.shape)

    def sample(self, key: Array, strengths: Strengths, temperature: Array) -> SoftChoices:
        """Draw an architecture, independently for each of the leading axes."""
        del temperature
        architecture = sample(key, self.space, strengths.logits.shape[:-2])
        hard = one_hot(self.space, architecture).astype(strengths.logits.dtype)
        return soft_choices(self.space, hard, strengths.position)
