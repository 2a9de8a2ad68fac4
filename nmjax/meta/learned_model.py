"""A meta-trained learner as a model of a new task."""

from dataclasses import dataclass
from functools import partial

import jax

from nmjax.meta.batch import Batch
from nmjax.meta.learners.probabilistic import ProbabilisticLearner
from nmjax.types import Array, Gaussian, PyTree


@partial(jax.tree_util.register_dataclass, data_fields=["params", "hyper"], meta_fields=["learner"])
@dataclass(frozen=True)
class LearnedModel:
    """A meta-trained learner that adapts to the evaluations of a new task; a pytree.

    Attributes:
      learner: The learner, static. Create it once: two learners are equal only if their functions
        are the same objects, and each is compiled anew.
      params: Meta-learned parameters.
      hyper: The learner's traced numbers, such as a `MAMLHyper`; None for learners without.

    Example:
      >>> import jax.numpy as jnp
      >>> import optax
      >>> from nmjax.meta import Batch, LearnedModel, deep_kernel, init_deep_kernel
      >>> learner = deep_kernel(lambda params, x: x, optax.sgd(0.1))
      >>> model = LearnedModel(learner, init_deep_kernel(None, size=2))
      >>> model.predict(Batch(jnp.eye(2), jnp.ones(2), jnp.ones(2, bool)), jnp.eye(2)).mean.shape
      (2,)
    """

    learner: ProbabilisticLearner
    params: PyTree
    hyper: PyTree = None

    def predict(self, batch: Batch, x: Array) -> Gaussian:
        """Predict scores at x float[M, D], noise included, after adapting to a batch."""
        adapted = self.learner.adapt(self.params, batch, self.hyper)
        return self.learner.predict(adapted.params, x)
