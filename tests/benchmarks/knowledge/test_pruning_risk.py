import jax.numpy as jnp
import numpy as np

from benchmarks.knowledge.pruning_risk import RISKS, judge, rows_of
from nmjax.spaces import Choice, Space

SPACE = Space.build("plain", [Choice(f"c{i}", range(4)) for i in range(3)])


def judged(liked):
    """Six past tasks whose best option is 1 in every choice, and a target with another."""
    pool = np.stack(np.unravel_index(np.arange(64), SPACE.num_options), -1).astype(np.int32)
    noise = np.random.default_rng(0).normal(size=(6, 64))
    score = -(pool[None] != 1).sum(-1) + 0.01 * noise
    target = -(pool != liked).sum(-1)
    return judge(
        jnp.asarray(np.broadcast_to(pool, (6, 64, 3))),
        jnp.asarray(score, jnp.float32),
        jnp.asarray(pool),
        jnp.asarray(target, jnp.float32),
        None,
        space=SPACE,
        share=0.1,
        top=0.0,
    )


def test_a_target_like_the_past_keeps_its_best_and_one_unlike_it_does_not():
    possible = np.array(RISKS) * 7 >= 1
    alike, unlike = np.asarray(judged(1)), np.asarray(judged(3))
    np.testing.assert_array_equal(alike[:2], 0)
    np.testing.assert_array_equal(unlike[0], possible)
    np.testing.assert_array_equal(alike[2] < 1, possible)
    np.testing.assert_allclose(alike[2][possible], 1 / 64)
    np.testing.assert_allclose(alike[3], 1 - 0.025 ** (1 / 6), atol=1e-5)


def test_a_row_is_over_all_targets_and_pasts():
    found = jnp.zeros((4, len(RISKS), 7, 2)).at[0, 3, 0].set(1.0)
    rows = rows_of("300", 6, found)
    assert [row["risk"] for row in rows] == list(RISKS)
    assert [row["possible"] for row in rows] == [False, False, True, True, True, True]
    np.testing.assert_allclose(rows[3]["miss_rate"], 1 / 7, rtol=1e-6)
    assert (rows[3]["n"], rows[2]["miss_rate"]) == (14, 0)
    assert rows[3]["miss_rate_ci"][0] <= rows[3]["miss_rate"] <= rows[3]["miss_rate_ci"][1]
