import jax.numpy as jnp
import numpy as np

from nmjax.spaces import Choice, Space, pool_neighbors

SPACE = Space.build(
    "grid", (Choice("a", ("x", "y", "z")), Choice("b", ("p", "q")), Choice("c", (1, 2)))
)


def mirrored(architecture):
    """The last two choices commute."""
    tail = jnp.sort(architecture[..., 1:], axis=-1)
    return jnp.concatenate([architecture[..., :1], tail], axis=-1)


FOLDED = Space.build("folded", SPACE.choices, canonical=mirrored)
GRID = np.stack(np.unravel_index(np.arange(12), (3, 2, 2)), -1).astype(np.int32)


def by_hand(pool, canonical=lambda a: tuple(a)):
    rows = {canonical(a): i for i, a in enumerate(pool)}
    found = []
    for i, architecture in enumerate(pool):
        near = set()
        for choice, size in enumerate((3, 2, 2)):
            for option in set(range(size)) - {architecture[choice]}:
                other = architecture.copy()
                other[choice] = option
                near.add(rows.get(canonical(other), i))
        found.append(near | {i})
    return found


def same(rows, expected):
    for i, (row, near) in enumerate(zip(np.asarray(rows), expected, strict=True)):
        assert set(row.tolist()) | {i} == near


def test_neighbors_differ_in_one_choice():
    rows = pool_neighbors(SPACE, GRID)
    assert rows.shape == (12, 4)
    changed = np.sum(GRID[np.asarray(rows)] != GRID[:, None], axis=-1)
    np.testing.assert_array_equal(changed, 1)
    same(rows, by_hand(GRID))


def test_neighbors_outside_the_pool_are_oneself():
    pool = GRID[[0, 3, 5, 6, 11]]
    rows = pool_neighbors(SPACE, pool)
    same(rows, by_hand(pool))
    assert np.any(np.asarray(rows) == np.arange(5)[:, None])


def test_an_isomorphic_architecture_counts_as_the_member():
    def canonical(architecture):
        return (architecture[0], *sorted(architecture[1:]))

    pool = np.array(sorted({canonical(a) for a in GRID.tolist()}), np.int32)
    assert len(pool) == 9
    rows = pool_neighbors(FOLDED, pool)
    same(rows, by_hand(pool, lambda a: canonical(np.asarray(a).tolist())))
    mixed = int(np.flatnonzero((pool == [0, 0, 1]).all(-1))[0])
    ends = {int(np.flatnonzero((pool == [0, i, i]).all(-1))[0]) for i in (0, 1)}
    assert ends <= set(np.asarray(rows[mixed]).tolist())
