import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.search.additive_tasks import draw_effects, highest, total
from benchmarks.search.large_space import SPACE, measure_regrets
from nmjax.spaces import Choice, Space

SMALL = Space.build("small", tuple(Choice(f"c{number}", ("a", "b", "c")) for number in range(5)))


def test_the_best_of_all_is_known():
    effects = jax.tree.map(lambda leaf: leaf[0], draw_effects(jax.random.key(0), SMALL, 1))
    everything = jnp.asarray(list(itertools.product(range(3), repeat=5)), jnp.int32)
    scores = jax.jit(jax.vmap(total, in_axes=(None, 0)))(effects, everything)
    one = everything[17]
    by_hand = sum(float(effects.block[layer, one[layer]]) for layer in range(5))
    by_hand += sum(float(effects.pair[at, one[at], one[at + 1]]) for at in range(4))
    np.testing.assert_allclose(scores[17], by_hand, rtol=1e-5)
    np.testing.assert_allclose(highest(effects), scores.max(), rtol=1e-6)


@pytest.mark.slow
def test_a_past_makes_a_search_of_a_huge_space_faster(unoptimized):
    assert SPACE.size > 10**12
    names = ("transfer", "kernel-transfer", "evolution, 8 and 4", "random")
    _, regrets = measure_regrets(SPACE, targets=1, seeds=2, budget=20, names=names)
    related = {name: regret[0, ..., -1].mean() for name, regret in regrets.items()}
    assert related["transfer"] < min(related[name] for name in names[1:]) - 0.1
    assert related["kernel-transfer"] < related["random"]
