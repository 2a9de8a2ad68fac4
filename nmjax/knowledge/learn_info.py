"""Diagnostics of learning."""

from typing import NamedTuple

from nmjax.types import Array


class LearnInfo(NamedTuple):
    """Diagnostics of learning.

    Attributes:
      train_loss: float[E], negative log evidence per evaluation of the tasks that networks were
        trained on, after each `evaluate_every` meta-updates; NaN without a network.
      validation_loss: float[E], the same of the tasks held out.
      best_step: int32[], number of meta-updates of the network that was kept.
      generalization_gap: float[], validation loss minus training loss there.
      kernel_posterior: float[kernel_steps], log posterior density of the kernel per observation.
      prior_evidence: float[K, prior_steps], mean log evidence of a replay under each prior.
      mapped_gain: float[T], gain in log evidence of each replayed task by sources of other spaces;
        None without them.
      process_loss: float[2], mean negative log density, in nats, of scores that a neural process
        predicts after adapting to others of the same task: of tasks that it was trained on, and of
        a fifth that were held out; None without a process.

    Example:
      >>> from nmjax.knowledge import LearnInfo
      >>> LearnInfo._fields[:2]
      ('train_loss', 'validation_loss')
    """

    train_loss: Array
    validation_loss: Array
    best_step: Array
    generalization_gap: Array
    kernel_posterior: Array
    prior_evidence: Array
    mapped_gain: Array | None = None
    process_loss: Array | None = None
