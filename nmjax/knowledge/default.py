"""Knowledge without a past: default kernel and flat priors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nmjax.errors import NmjaxError
from nmjax.knowledge.features import group_index
from nmjax.knowledge.prior_fitting import Layout, default_prior_params, make_prior
from nmjax.knowledge.standardized_past import standardization
from nmjax.knowledge.state import FeatureParams, MetaKnowledge, SourceModels
from nmjax.predictors import PoolPrior, default_kernel
from nmjax.spaces import Space, encode, option_mask, sample, sample_continuous
from nmjax.types import Array, Categorical, Metric

_SAMPLE = 512
_LOG_STRUCTURE = 0.0
_NOISE_LOGITS = -5.0, -2.0
"""Noise variances of .004 and .06, where scores have a variance of about 1."""


def default_knowledge(space: Space, metric: Metric | None = None) -> MetaKnowledge:
    """Knowledge of no past task, for a search from scratch.

    It has no sources and no network. Its two components are flat priors with default kernel
    hyperparameters that differ in their noise: one suits scores that repeat exactly or nearly, the
    other scores that vary. They have the same weight, until the evidence of a search decides.

    Args:
      space: Space to search.
      metric: Metric that evaluations return.

    Raises:
      NmjaxError: `metric` is not a `Metric`.

    Example:
      >>> from nmjax.knowledge import default_knowledge, num_sources
      >>> from nmjax.spaces import Space
      >>> int(num_sources(default_knowledge(Space(width=[8, 16, 32]))))
      0
    """
    if metric is not None and not isinstance(metric, Metric):
        raise NmjaxError(f"Got {metric!r} as metric; give a Metric, as Metric('accuracy').")
    location, scale, prior = _defaults(space)
    size = len(location)
    return MetaKnowledge(
        FeatureParams(
            location,
            scale,
            default_kernel(size, num_groups=1 + max(group_index(space))),
            None,
        ),
        prior,
        SourceModels(
            jnp.zeros((0, 1, size)), jnp.zeros((0, 1)), jnp.zeros(0), jnp.zeros((0, 1), bool)
        ),
        _uniform(space),
        jnp.asarray(np.array([(0, count - 1) for count in space.num_options]).reshape(-1, 2)),
        jnp.zeros(len(_NOISE_LOGITS)),
        jnp.full(len(_NOISE_LOGITS), -jnp.log(len(_NOISE_LOGITS)), jnp.float32),
        jnp.zeros(()),
        space=space,
        metric=metric,
    )


def _uniform(space: Space) -> Categorical:
    mask = np.asarray(option_mask(space))
    counts = np.maximum(mask.sum(-1, keepdims=True), 1)
    return Categorical(jnp.asarray(np.where(mask, -np.log(counts), -np.inf), jnp.float32))


@partial(jax.jit, static_argnums=0)
def _defaults(space: Space) -> tuple[Array, Array, PoolPrior]:
    """Location and scale of encodings of random architectures, and the priors."""
    option_key, real_key = jax.random.split(jax.random.key(0))
    drawn = sample(option_key, space, (_SAMPLE,)), sample_continuous(real_key, space, (_SAMPLE,))
    encoding = encode(space, *drawn)
    location, scale = standardization(encoding[None], jnp.ones((1, _SAMPLE), bool), space=space)
    one, none = jnp.ones(()), jnp.zeros(0, bool)

    def flat(noise_logit: Array) -> PoolPrior:
        params = default_prior_params()._replace(
            log_structure=_LOG_STRUCTURE * one, noise_logit=noise_logit
        )
        return make_prior(params, Layout(0, 0), none, jnp.zeros((), bool))

    return location, scale, jax.vmap(flat)(jnp.array(_NOISE_LOGITS))
