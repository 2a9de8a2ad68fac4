"""The guard: a transferred and a flat prior, weighted by the evidence for each."""

import jax
import jax.numpy as jnp

from nmjax.types import Array


def mixture_log_weights(log_prior: Array, log_evidence: Array, fixed_share: Array) -> Array:
    """Posterior log-weights float[K] of components, none below `fixed_share` times its prior
    weight.

    Evidence under a wrong model collapses to 0 or 1; the fixed share (Herbster and Warmuth, 1998)
    lets a component come back.

    Args:
      log_prior: float[K], normalized.
      log_evidence: float[K], of the observations so far.
      fixed_share: float[], in [0, 1).
    """
    posterior = jax.nn.log_softmax(log_prior + log_evidence)
    return jnp.logaddexp(jnp.log1p(-fixed_share) + posterior, jnp.log(fixed_share) + log_prior)
