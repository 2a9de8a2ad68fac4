import jax
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    AdaptedSpace,
    adapt_space,
    from_original,
    predicted_history,
    restrict_space,
    to_original,
    with_capacity,
)
from nmjax.knowledge.features import predict_sources, standardize_encoding
from nmjax.knowledge.transfer.pruning import architecture_levels, isomorphism_classes
from nmjax.predictors import kernel_position
from nmjax.spaces import (
    Choice,
    Real,
    RealChoice,
    Space,
    canonicalize,
    encode,
    encoding_size,
    enumerate_architectures,
    from_scale,
    get_space,
    is_valid,
    sample,
    to_scale,
    when,
    within_bounds,
)
from nmjax.stats import Interval
from nmjax.tasks import make_history
from nmjax.types import Metric
from tests.related import SPACE as RELATED
from tests.related import plain_knowledge, related_tasks

METRIC = Metric("loss", "1", "min")
GRID = Space.build(
    "grid",
    [
        Choice("op", ("a", "b", "c")),
        Choice("width", (1, 2, 4, 8, 16), "ordinal", "log"),
        Choice("depth", (1, 2, 3), "ordinal"),
    ],
)


def past(tasks=24, seed=0):
    """Losses with their minimum at b near width 4, and at c for one task in six."""
    rng = np.random.default_rng(seed)
    pool = np.stack(np.unravel_index(np.arange(45), GRID.num_options), -1).astype(np.int32)
    rows = np.stack([rng.permutation(45)[:36] for _ in range(tasks)])
    architecture = pool[rows]
    liked = np.where(np.arange(tasks) % 6 == 0, 2, 1)[:, None]
    loss = (architecture[..., 0] != liked) + 0.5 * np.abs(architecture[..., 1] - 2)
    loss = loss + 0.1 * rng.normal(size=loss.shape)
    return make_history(architecture, {"loss": loss}, space=GRID)


def kept_of(space, seed):
    """Some options of each choice, the same on all nodes of a cell, one valid at the least."""
    rng = np.random.default_rng(seed)
    exists = np.arange(space.max_options) < np.array(space.num_options)[:, None]
    kept = exists & (rng.uniform(size=exists.shape) < 0.6)
    kept[:, 0] = True
    if space.cell is not None:
        kept[list(space.cell.labels)] = kept[space.cell.labels[0]]
    return kept


def classes(architectures):
    return set(map(tuple, np.asarray(architectures).tolist()))


@pytest.mark.parametrize(
    "name",
    [
        "nas-bench-graph-proteins",
        pytest.param("transnas101-micro", marks=pytest.mark.slow),
        pytest.param("nas-bench-graph", marks=pytest.mark.slow),
        pytest.param("hpobench", marks=pytest.mark.slow),
    ],
)
def test_a_restricted_space_is_the_part_that_has_the_options(name):
    """Its architectures, back in the original, are all those of its options, each class once."""
    space = get_space(name)
    kept = kept_of(space, 1)
    ours = restrict_space(space, kept)
    index = [np.flatnonzero(row) for row in kept]
    assert ours.num_options == tuple(map(len, index))
    own = enumerate_architectures(ours)
    back = np.stack([index[c][own[:, c]] for c in range(space.num_choices)], axis=-1)
    assert np.all(is_valid(space, back))
    grid = np.stack(np.meshgrid(*index, indexing="ij"), -1).reshape(-1, space.num_choices)
    grid = grid[np.asarray(is_valid(space, grid.astype(np.int32)))]
    expected = classes(canonicalize(space, grid.astype(np.int32)))
    assert classes(canonicalize(space, back)) == expected
    assert len(own) == len(expected) < len(enumerate_architectures(space))
    assert encode(ours, own[:5]).shape == (5, encoding_size(ours))
    assert np.all(is_valid(ours, sample(jax.random.key(0), ours, (50,))))
    again = canonicalize(ours, canonicalize(ours, own))
    np.testing.assert_array_equal(again, own)


def test_a_space_that_keeps_everything_is_itself():
    assert restrict_space(GRID, np.ones((3, 5), bool)) is GRID


def test_options_that_past_tasks_prefer_are_kept():
    adapted = adapt_space(GRID, past(), METRIC, risk=0.2)
    assert adapted.space.choices[0].options == ("b",)
    widths = adapted.space.choices[1].options
    assert 4 in widths
    assert widths == tuple(w for w in (1, 2, 4, 8, 16) if widths[0] <= w <= widths[-1])
    assert len(widths) < 5
    np.testing.assert_allclose(adapted.miss_rate.estimate, 4 / 24, atol=1e-6)
    careful = adapt_space(GRID, past(), METRIC, risk=0.1)
    assert set(careful.space.choices[0].options) == {"b", "c"}
    assert careful.space.size > adapted.space.size


def test_few_tasks_show_no_small_risk():
    """The interval is 1 - 0.025^(1/n) where none of n tasks lost its best."""
    few = adapt_space(GRID, past(7), METRIC, risk=0.05)
    assert few.space is GRID
    assert few.miss_rate.estimate == few.miss_rate.low == 0
    np.testing.assert_allclose(few.miss_rate.high, 1 - 0.025 ** (1 / 7), atol=1e-5)
    assert not few.resolved


def test_many_tasks_resolve_it():
    many = adapt_space(GRID, past(240), METRIC, risk=0.25)
    assert many.resolved
    assert many.miss_rate.low < many.miss_rate.estimate <= 0.25 < many.miss_rate.high < 0.375
    assert not adapt_space(GRID, past(12), METRIC, risk=0.25).resolved


def test_architectures_go_there_and_back():
    adapted = adapt_space(GRID, past(), METRIC, risk=0.1)
    own = enumerate_architectures(adapted.space)
    back = to_original(adapted, own)
    for ours, theirs in zip(own, np.asarray(back), strict=True):
        for choice, a, b in zip(range(3), ours, theirs, strict=True):
            names = adapted.space.choices[choice].options[a], GRID.choices[choice].options[b]
            assert names[0] == names[1]
    again, inside = from_original(adapted, back)
    np.testing.assert_array_equal(again, own)
    assert np.all(inside)
    everything = enumerate_architectures(GRID)
    moved, inside = from_original(adapted, everything)
    assert int(np.sum(inside)) == len(own)
    assert np.all(np.asarray(moved) < np.array(adapted.space.num_options))


RANGES = (RealChoice("rate", 1e-4, 1.0, "log"), RealChoice("decay", 0.0, 2.0))


def real_valued_past(key, tasks, rows):
    """Positions [T, M, 2] of rows, and losses that are least near a rate which tasks share."""
    rng = np.random.default_rng(key)
    position = rng.uniform(-1, 1, (tasks, rows, 2)).astype(np.float32)
    return position, np.abs(position[..., 0] - 0.2 * rng.normal(size=(tasks, 1)))


@pytest.mark.slow
def test_ranges_are_tightened_beside_options():
    """The range of the rate shrinks around 0.01; that of the decay stays."""
    space = Space.build("mixed", GRID.choices[:1], RANGES)
    position, loss = real_valued_past(0, 40, 60)
    architecture = np.random.default_rng(1).integers(0, 3, (40, 60, 1))
    loss = loss + (architecture[..., 0] != 1)
    continuous = from_scale(space, position)
    history = make_history(architecture, {"loss": loss}, continuous=continuous, space=space)
    adapted = adapt_space(space, history, METRIC, risk=0.1)
    assert adapted.space.choices[0].options == ("b",)
    assert adapted.kept.shape == (1, 3)
    rate, decay = adapted.space.continuous
    ends = np.log10([rate.low, rate.high]) / 2 + 1
    np.testing.assert_allclose(ends, np.round(8 * ends) / 8, atol=1e-5)
    assert -0.9 < ends[0] < -0.1
    assert 0.1 < ends[1] < 0.9
    assert decay.high - decay.low > 1
    one = np.array([[0]])
    np.testing.assert_array_equal(to_original(adapted, one), [[1]])
    assert encode(adapted.space, one, np.array([[0.01, 1.0]])).shape == (1, 3)


@pytest.mark.slow
def test_the_optimum_is_outside_a_range_as_often_as_stated():
    """Of real-valued choices alone: 30 pasts of 19 tasks, and 400 new tasks."""
    space = Space.build("real", (), RANGES)
    risk, lost, widths = 0.2, [], []
    position, loss = real_valued_past(0, 400, 60)
    best = from_scale(space, position[np.arange(400), loss.argmin(axis=-1)])
    for seed in range(30):
        position, loss = real_valued_past(1 + seed, 19, 60)
        continuous, nothing = from_scale(space, position), np.zeros((19, 60, 0), int)
        adapted = adapt_space(
            space, make_history(nothing, {"loss": loss}, continuous=continuous), METRIC, risk=risk
        )
        lost.append(~within_bounds(adapted.space, best).all(axis=-1))
        ends = to_scale(space, np.array([(r.low, r.high) for r in adapted.space.continuous]).T)
        widths.append(np.diff(ends, axis=0)[0])
    assert risk / 2 < np.mean(lost) < risk + 3 * np.mean(lost, axis=-1).std() / np.sqrt(30)
    assert np.mean(widths, axis=0)[0] < 1.2


@pytest.mark.slow
def test_knowledge_alone_is_enough():
    """Its history is what its sources predict."""
    knowledge, pool = plain_knowledge(5), related_tasks().pool
    history, metric = predicted_history(knowledge, pool, space=RELATED)
    params = knowledge.params
    x = standardize_encoding(params.location, params.scale, encode(RELATED, pool))
    position = kernel_position(params.kernel, x)
    expected = predict_sources(knowledge.sources, position)
    np.testing.assert_allclose(history.metrics[metric.name], expected.T, rtol=1e-4, atol=1e-5)
    roomy, _ = predicted_history(with_capacity(knowledge, 8), pool, space=RELATED)
    assert len(roomy.mask) == 5
    np.testing.assert_allclose(
        roomy.metrics[metric.name], history.metrics[metric.name], rtol=1e-4, atol=1e-5
    )
    adapted = adapt_space(RELATED, history, metric, risk=0.7)
    assert adapted.space.size < RELATED.size
    assert 0 < adapted.miss_rate.estimate <= 0.6


@pytest.mark.slow
def test_cells_are_pruned_too():
    """The adapted space holds exactly the kept architectures, up to isomorphism."""
    space = get_space("nas-bench-graph-proteins")
    rng = np.random.default_rng(0)
    pool = enumerate_architectures(space)
    effect = rng.normal(size=(5, 9))[np.arange(5), pool].sum(-1)
    rows = np.stack([rng.permutation(len(pool))[:200] for _ in range(8)])
    loss = -effect[rows] + 0.3 * rng.normal(size=rows.shape)
    adapted = adapt_space(space, make_history(pool[rows], {"loss": loss}), METRIC, risk=0.2)
    assert adapted.space.size < space.size
    assert len({choice.options for choice in adapted.space.choices[1:]}) == 1
    level = np.where(adapted.kept, 0.0, np.inf).astype(np.float32)
    reach = architecture_levels(level, pool, isomorphism_classes(space), space=space)
    back = to_original(adapted, enumerate_architectures(adapted.space))
    assert classes(canonicalize(space, back)) == classes(pool[np.asarray(reach) == 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"risk": 1.0}, "risk=1.0"),
        ({"share": 0.0}, "share=0.0"),
        ({"space": get_space("hpobench")}, r"\[T, M, 5\]"),
        ({"history": past(1)}, "at least two tasks"),
    ],
    ids=["risk", "share", "space", "tasks"],
)
def test_pasts_that_cannot_be_judged_are_refused(change, message):
    given = {"space": GRID, "history": past(), "metric": METRIC} | change
    with pytest.raises(NmjaxError, match=message):
        adapt_space(**given)


def test_an_empty_space_is_refused():
    kept = np.ones((3, 5), bool)
    kept[1] = False
    with pytest.raises(NmjaxError, match="'width' keeps no option"):
        restrict_space(GRID, kept)
    graph = get_space("nas-bench-graph-proteins")
    skip = np.ones((5, 9), bool)
    skip[1:, :4] = False
    with pytest.raises(NmjaxError, match="keep more"):
        restrict_space(graph, skip)


def test_conditions_stay_where_options_of_their_parents_do():
    space = Space(
        "s",
        a=["x", "y", "z"],
        b=when([1, 2, 3], a=["x", "y"]),
        c=when([1, 2], a="z"),
        r=when(Real(0, 1), b=3),
    )
    kept = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0]], bool)
    ours = restrict_space(space, kept)
    adapted = AdaptedSpace(ours, space, kept, 0.1, Interval(0.0, 0.0, 0.0), resolved=True)
    assert ours.num_options == (2, 2, 2)
    for architecture in np.ndindex(*ours.num_options):
        config = ours.to_config(architecture, [0.5])
        assert "c" not in config
        assert ("r" in config) == (config.get("b") == 3)
        original = to_original(adapted, np.array(architecture))
        assert space.to_config(np.asarray(original), [0.5]) == config
        again, inside = from_original(adapted, canonicalize(space, original))
        assert inside
        assert ours.to_config(np.asarray(again), [0.5]) == config
