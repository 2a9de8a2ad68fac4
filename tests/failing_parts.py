"""A small space as parts, and what a model of failures learns from some of its outcomes."""

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.predictors import condition_failure_rates, log_success_probability

CHOICES, OPTIONS = 4, 3


def every_architecture():
    """All architectures [81, 4], and their options as parts [81, 12]."""
    rows = np.stack(np.unravel_index(np.arange(OPTIONS**CHOICES), (OPTIONS,) * CHOICES), axis=-1)
    return rows, jnp.asarray(np.eye(OPTIONS, dtype=np.float32)[rows].reshape(len(rows), -1))


@jax.jit
def probability(prior, seen, failed, counted, parts):
    return jnp.exp(
        log_success_probability(condition_failure_rates(prior, seen, failed, counted), parts)
    )


def after(prior, parts, failed, number, seed=0):
    """Probabilities of success float[N] after the outcomes of random rows."""
    rows = np.random.default_rng(seed).permutation(len(parts))[:number]
    seen, outcome = parts[rows], jnp.asarray(failed[rows])
    return np.asarray(probability(prior, seen, outcome, jnp.ones(number, bool), parts))
