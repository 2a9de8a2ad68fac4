"""The guard: a transferred and a flat prior, weighted by the evidence for each."""

import jax
import jax.numpy as jnp

from nmjax.types import Array


def mixture_log_weights(log_prior: Array, log_evidence: Array, floor: Array) -> Array:
    """Posterior log-weights float[K] of components, none below `floor` times its prior weight.

    Evidence under a wrong model collapses to 0 or 1; the fixed share (Herbster and Warmuth, 1998)
    lets a component come back.

    Args:
      log_prior: float[K], normalised.
      log_evidence: float[K], of the observations so far.
      floor: float[], in [0, 1).
    """
    posterior = jax.nn.log_softmax(log_prior + log_evidence)
    return jnp.logaddexp(jnp.log1p(-floor) + posterior, jnp.log(floor) + log_prior)
