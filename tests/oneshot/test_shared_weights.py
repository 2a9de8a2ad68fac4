"""Scores by shared weights, searches over them, and children of equal size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax import NmjaxError
from nmjax.live import CellFamily, accuracy
from nmjax.oneshot import (
    InheritedEvaluation,
    MLPSupernet,
    count_option,
    inherited_scores,
    matched_children,
    shared_weights_pool,
)
from nmjax.relax import one_hot
from nmjax.search import RegularizedEvolution, run_batch
from nmjax.spaces import enumerate_architectures, get_space
from tests.live.plain import small_data

SUPERNET = MLPSupernet(4, 3, width=4, layers=2)


@pytest.mark.slow
def test_evolution_over_shared_weights_sees_the_inherited_scores(unoptimized):
    rows, pool = small_data().selection, enumerate_architectures(SUPERNET.space)
    weights = jax.jit(SUPERNET.init)(jax.random.key(0))
    problem = shared_weights_pool(SUPERNET, pool, weights, rows)
    search = RegularizedEvolution(
        capacity=16,
        population_size=4,
        tournament_size=2,
        evaluate=InheritedEvaluation(SUPERNET),
    )
    _, trace = run_batch(jax.random.split(jax.random.key(1), 1), problem, search, steps=16)
    scores = inherited_scores(SUPERNET, weights, pool, rows)
    np.testing.assert_allclose(trace.score[0], scores[trace.row[0]], atol=1e-6)
    assert len(np.unique(trace.row[0])) == len(pool) == 16

    @jax.jit
    def alone(architecture):
        choices = one_hot(SUPERNET.space, architecture)
        return accuracy(SUPERNET.apply(weights, choices, rows.x), rows.y)

    np.testing.assert_allclose(scores[5], alone(pool[5]), atol=1e-6)


def test_matched_children_are_distinct_and_of_about_the_same_size():
    family, found = CellFamily(10, channels=(4,)), jnp.array([3, 1, 0, 2, 4, 1, 0])
    children = np.asarray(matched_children(jax.random.key(0), family, found, size=8))
    assert len(np.unique(children, axis=0)) == 8
    taps = {2: 1, 3: 9}
    parameters = [
        9 * 4 + 16 * sum(taps.get(op, 0) for op in child[:6]) + 4 * 10 + 10 for child in children
    ]
    np.testing.assert_allclose(parameters, 9 * 4 + 160 + 50, rtol=0.1)
    with pytest.raises(NmjaxError, match="larger tolerance"):
        matched_children(jax.random.key(0), family, found, size=4000)


def test_options_are_counted_by_name():
    space = get_space("nas-bench-201")
    cells = np.random.default_rng(0).integers(0, 5, size=(3, 4, 6))
    found = count_option(space, jnp.asarray(cells), "skip_connect")
    np.testing.assert_array_equal(found, (cells == 1).sum(axis=-1))
    with pytest.raises(NmjaxError, match="did you mean 'skip_connect'"):
        count_option(space, jnp.asarray(cells), "skip")
