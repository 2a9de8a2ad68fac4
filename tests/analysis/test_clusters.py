import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, leaves_list

from nmjax.analysis import cluster_tasks
from nmjax.errors import NmjaxError

# Tasks 0 and 2 are alike, and so are 1 and 3.
TWO_PAIRS = np.array(
    [[1, 0.1, 0.9, 0.2], [0.1, 1, 0.0, 0.8], [0.9, 0, 1, -0.1], [0.2, 0.8, -0.1, 1]]
)


def test_tasks_that_are_alike_go_together():
    tree = cluster_tasks(TWO_PAIRS)
    groups = fcluster(tree, 0.5, "distance")
    assert groups[0] == groups[2] != groups[1] == groups[3]
    # The mean of the four distances between the pairs, by hand.
    np.testing.assert_allclose(tree[:, 2], [0.1, 0.2, 0.95])
    assert "".join(map(str, leaves_list(tree))) in ("2031", "1302")


@pytest.mark.parametrize(
    "similarity", [np.ones((1, 1)), np.ones((2, 3)), np.full((2, 2), np.nan), [[1, 0.5], [0, 1]]]
)
def test_an_invalid_similarity_is_refused(similarity):
    with pytest.raises(NmjaxError, match="give"):
        cluster_tasks(similarity)
