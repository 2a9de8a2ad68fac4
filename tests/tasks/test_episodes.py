from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nmjax.errors import NmjaxError
from nmjax.tasks import (
    fold_tasks,
    leave_family_out,
    leave_one_out,
    make_split,
    sample_episode,
    support_query_masks,
)

FAMILIES = (("a", "b"), ("c", "d"), ("e",))


def test_leaving_one_task_out(suite):
    split = leave_one_out(suite, "c")
    assert (split.sources, split.target) == (("a", "b", "d", "e"), "c")
    assert (split.source_indices.tolist(), split.target_index) == ([0, 1, 3, 4], 2)


def test_leaving_a_family_out(suite):
    split = leave_family_out(suite, "c")
    assert (split.sources, split.target) == (("a", "b", "e"), "c")
    assert split.source_indices.tolist() == [0, 1, 4]


@pytest.mark.parametrize("leave", [leave_one_out, leave_family_out])
def test_unknown_targets_are_refused(suite, leave):
    with pytest.raises(NmjaxError, match="Unknown task"):
        leave(suite, "cc")


@pytest.mark.parametrize(
    ("sources", "target", "says"),
    [
        (("a", "c"), "c", "'c' is named twice"),
        (("a", "a"), "c", "'a' is named twice"),
        ((), "c", "no sources"),
        (("z",), "c", "Unknown task"),
    ],
)
def test_splits_that_leak_are_refused(suite, sources, target, says):
    with pytest.raises(NmjaxError, match=says):
        make_split(suite, sources, target)


def test_a_target_among_the_sources_under_another_name_is_refused(suite):
    accuracy = suite.metrics["acc"].copy()
    accuracy[3] = accuracy[1]
    leaky = replace(suite, metrics={"acc": accuracy})
    with pytest.raises(NmjaxError, match="d and b"):
        leave_one_out(leaky, "b")
    assert make_split(leaky, ["a", "b", "d"], "e").target_index == 4


@given(st.integers(0, 2**31 - 1), st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_folds_hold_whole_families(seed, folds):
    tasks = ("e", "d", "a", "c", "b")
    fold = dict(
        zip(tasks, fold_tasks(jax.random.key(seed), tasks, FAMILIES, folds=folds), strict=True)
    )
    of_family = [{fold[task] for task in family} for family in FAMILIES]
    assert all(len(own) == 1 for own in of_family)
    sizes = np.bincount([own.pop() for own in of_family])
    assert len(sizes) == min(folds, len(FAMILIES))
    assert np.ptp(sizes) <= 1


def test_folds_are_decided_by_the_key():
    def drawn(seed):
        return tuple(fold_tasks(jax.random.key(seed), ("a", "c", "e"), FAMILIES, folds=2).tolist())

    assert drawn(5) == drawn(5)
    assert len({drawn(seed) for seed in range(20)}) > 1


def test_each_task_is_a_family_of_its_own_where_there_is_none_or_only_one():
    for families in (None, (("a", "b", "c"),)):
        fold = fold_tasks(jax.random.key(0), ("a", "b", "c"), families)
        assert sorted(fold.tolist()) == [0, 1, 2]


@pytest.mark.parametrize(
    ("tasks", "families", "folds", "says"),
    [
        (("a", "a", "c"), FAMILIES, 2, "'a' is named twice"),
        (("a", "z"), FAMILIES, 2, "'z' is in 0 families"),
        (("a", "c"), (("a",), ("a", "c")), 2, "'a' is in 2 families"),
        (("a",), FAMILIES, 2, "1 tasks and 2 folds"),
        (("a", "c"), FAMILIES, 1, "2 tasks and 1 folds"),
    ],
)
def test_impossible_folds_are_refused(tasks, families, folds, says):
    with pytest.raises(NmjaxError, match=says):
        fold_tasks(jax.random.key(0), tasks, families, folds=folds)


def rows(*lengths, of=9):
    return np.arange(of) < np.array(lengths)[:, None]


def numbered(mask):
    """Data whose rows encode their task and index."""
    index = np.arange(mask.size, dtype=np.float32).reshape(mask.shape)
    return np.stack([index, -index], axis=-1), index


draw = jax.jit(sample_episode, static_argnames=("support", "query"))
draw_masks = jax.jit(support_query_masks)


@given(st.integers(0, 2**31 - 1), st.lists(st.integers(0, 9), min_size=3, max_size=3))
@settings(max_examples=30, deadline=None)
def test_episodes_are_disjoint_real_rows(seed, lengths):
    mask = rows(*lengths)
    x, y = numbered(mask)
    y[:, 0] = np.nan
    drawn = draw(jax.random.key(seed), x, y, mask, support=3, query=4)
    episode = jax.tree.map(np.asarray, drawn)
    for task, length in enumerate(lengths):
        usable = set((9 * task + np.arange(1, length)).tolist())
        support = episode.support_y[task][episode.support_mask[task]].tolist()
        query = episode.query_y[task][episode.query_mask[task]].tolist()
        assert len(support) == min(3, len(usable))
        assert len(query) == min(4, len(usable) - len(support))
        assert len(set(support + query)) == len(support + query)
        assert set(support + query) <= usable
    np.testing.assert_array_equal(episode.support_x[..., 0], episode.support_y)
    np.testing.assert_array_equal(episode.query_x[..., 1], -episode.query_y)
    assert not episode.query_x[~episode.query_mask].any()


def test_episodes_agree_under_jit_and_vmap_and_are_traced_once():
    mask = rows(8, 6, 9)
    data = (*numbered(mask), mask)
    sizes = {"support": 3, "query": 4}

    def keys():
        return jax.random.split(jax.random.key(0), 3)

    drawn = [draw(key, *data, **sizes) for key in keys()]
    traces = draw._cache_size()
    plain = sample_episode(keys()[2], *map(jnp.asarray, data), **sizes)
    jax.tree.map(np.testing.assert_array_equal, plain, drawn[2])
    mapped = jax.jit(jax.vmap(lambda key: sample_episode(key, *data, **sizes)))(keys())
    together = jax.tree.map(lambda *leaves: np.stack(leaves), *drawn)
    jax.tree.map(np.testing.assert_array_equal, mapped, together)
    draw(keys()[0], *(leaf[::-1] for leaf in data), **sizes)
    assert draw._cache_size() == traces


def test_every_row_is_as_likely_to_support():
    mask = rows(*[7] * 400)
    support, query = map(np.asarray, draw_masks(jax.random.key(4), mask, 3))
    assert stats.chisquare(support.sum(0)[:7]).pvalue > 0.01
    np.testing.assert_array_equal(support.sum(1), np.full(400, 3))
    np.testing.assert_array_equal(support ^ query, mask)


def test_support_sizes_are_traced():
    mask = rows(6, 4, 1)
    before = draw_masks._cache_size()
    for size in (0, 2, 5):
        support, query = map(np.asarray, draw_masks(jax.random.key(0), mask, size))
        np.testing.assert_array_equal(support.sum(1), np.minimum(size, [6, 4, 1]))
        assert not (support & query).any()
    assert draw_masks._cache_size() == before + 1


def test_gradients_pass_only_through_drawn_rows_and_are_finite():
    mask = rows(3)[0]
    y = np.arange(9.0, dtype=np.float32)
    y[[1, 5]] = np.nan

    def total(x, y):
        episode = sample_episode(jax.random.key(0), x, y, mask, support=1, query=2)
        return sum(leaf.sum() for leaf in episode[:4])

    grad = np.asarray(jax.jit(jax.grad(total))(np.ones((9, 2)), y))
    np.testing.assert_array_equal(grad[:, 0], [1, 0, 1, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize(("support", "query"), [(0, 2), (2, 0), (3, 2)])
def test_episodes_that_do_not_fit_are_refused(support, query):
    mask = rows(4, 4, of=4)
    with pytest.raises(NmjaxError, match="sum is at most 4"):
        sample_episode(jax.random.key(0), *numbered(mask), mask, support=support, query=query)
