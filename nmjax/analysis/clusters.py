"""Which tasks go together."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from nmjax.errors import NmjaxError


def cluster_tasks(similarity: ArrayLike) -> np.ndarray:
    """Hierarchical clustering of T tasks by average linkage on 1 - similarity.

    Args:
      similarity: float[T, T], symmetric and at most 1.

    Returns:
      float[T - 1, 4], SciPy's linkage; leaves are ordered so that neighbors are as alike as the
      tree allows (Bar-Joseph, Gifford and Jaakkola, 2001).

    Raises:
      NmjaxError: there are fewer than two tasks, or the similarity is not square, finite and
        symmetric.
    """
    values = np.asarray(similarity, float)
    if values.ndim != 2 or len(values) < 2 or values.shape != values.T.shape:
        raise NmjaxError(
            f"Got similarities {list(values.shape)}; to cluster give float[T, T] of at least two "
            "tasks."
        )
    if not np.allclose(values, values.T, atol=1e-5):
        raise NmjaxError("Got similarities that are not finite and symmetric; give both ends once.")
    distance = np.maximum(1 - 0.5 * (values + values.T), 0)
    return linkage(squareform(distance, checks=False), "average", optimal_ordering=True)
