"""Objective of a search with a budget of distinct evaluations."""

import numpy as np

from nmjax.errors import NmjaxError

SUGGESTIONS_PER_EVALUATION = 20
"""Maximum number of suggestions per evaluation of the budget."""


class BudgetedObjective:
    """Objective of one search on one task, which counts evaluations and suggestions.

    Attributes:
      rows: evaluated rows of the pool, in order.

    Example:
      >>> from nmjax.evaluation.budgeted_objective import BudgetedObjective
      >>> objective = BudgetedObjective(np.array([0.1, 0.5, 0.3]), budget=2)
      >>> objective.evaluate(1), objective.evaluate(1), objective.rows, objective.finished
      (0.5, 0.5, [1], False)
    """

    def __init__(self, score: np.ndarray, budget: int):
        self.rows: list[int] = []
        self._score, self._budget, self._suggestions = score, budget, 0

    @property
    def finished(self) -> bool:
        """Whether the budget or the number of suggestions is used up."""
        limit = SUGGESTIONS_PER_EVALUATION * self._budget
        return len(self.rows) == self._budget or self._suggestions == limit

    def evaluate(self, row: int) -> float:
        """Return the score of a row; NaN if it failed, or for -1, an architecture not in the pool.

        Raises:
          NmjaxError: the row is outside the pool.
        """
        if not -1 <= row < len(self._score):
            raise NmjaxError(f"Got row {row}; give 0 to {len(self._score) - 1}, or -1.")
        self._suggestions += 1
        if row < 0:
            return float("nan")
        if row not in self.rows:
            self.rows.append(row)
        return float(self._score[row])

    def filled(self, generator: np.random.Generator) -> np.ndarray:
        """Return the rows int32[B], with the rest of the budget drawn at random."""
        rest = np.setdiff1d(np.arange(len(self._score)), self.rows)
        drawn = generator.choice(rest, self._budget - len(self.rows), replace=False)
        return np.array([*self.rows, *drawn], np.int32)
