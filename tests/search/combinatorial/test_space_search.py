"""The search of a space, compared with the search over a pool of all architectures."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.knowledge import default_knowledge
from nmjax.search import (
    BayesianSearch,
    Candidate,
    EvolutionaryAscent,
    ExhaustiveScan,
    GradientAscent,
    GuidedAscent,
    LocalAscent,
    SpaceSearch,
    default_hyper,
    get_acquisition,
    is_finished,
    make_problem,
    make_space_problem,
    observe,
    run,
    run_batch,
    start,
    suggest,
    suggest_next_point,
    with_flat_prior,
)
from nmjax.spaces import (
    Choice,
    Ordinal,
    Real,
    RealChoice,
    Space,
    from_index,
    get_space,
    sample_mixed,
    to_index,
    when,
)
from nmjax.testing.compare import assert_equal, through_host
from tests.related import SPACE, plain_knowledge, related_tasks

BUDGET, LENGTH = 12, 14


def look_up(problem, architecture):
    return problem.target[to_index(SPACE, architecture)]


def failing(problem, architecture):
    return jnp.where(architecture[0] == 0, jnp.nan, look_up(problem, architecture))


ALGORITHM = SpaceSearch(
    SPACE,
    evaluate=look_up,
    capacity=LENGTH,
    maximizer=ExhaustiveScan(block=243),
    starts=8,
)
HYPER = default_hyper(BUDGET)


@pytest.fixture(scope="module")
def played():
    """A search of the space as one scan, with its problem."""
    tasks, knowledge = related_tasks(), plain_knowledge(3)
    problem = make_space_problem(SPACE, knowledge, jnp.asarray(tasks.scores[-1]))
    start = jax.jit(ALGORITHM.init)(jax.random.key(0), problem, HYPER)
    final, trace = run(start, problem, ALGORITHM, HYPER, steps=LENGTH)
    return SimpleNamespace(
        problem=problem, knowledge=knowledge, start=start, final=final, trace=trace, tasks=tasks
    )


@pytest.mark.slow
def test_it_begins_with_the_portfolio_if_that_pays_and_never_without_transfer(played):
    scan = jax.jit(ALGORITHM.init)
    starts = {}
    for gain in (1.0, -1.0):
        knowledge = played.knowledge.replace(portfolio_gain=jnp.asarray(gain))
        problem = make_space_problem(SPACE, knowledge, played.problem.target)
        for name, view in (("transfer", problem), ("flat", with_flat_prior(problem))):
            state = scan(jax.random.key(0), view, HYPER)
            starts[name, gain] = np.asarray(to_index(SPACE, state.initial))
    rows = make_problem(
        SPACE, played.tasks.pool, None, played.knowledge.replace(portfolio_gain=jnp.asarray(1.0))
    ).portfolio
    uniform = starts["flat", 1.0]
    np.testing.assert_array_equal(starts["flat", -1.0], uniform)
    np.testing.assert_array_equal(starts["transfer", 1.0], [rows[0], *uniform[1:3], rows[1]])
    np.testing.assert_array_equal(starts["transfer", -1.0], [*uniform[:3], rows[0]])


@pytest.mark.slow
def test_it_is_the_search_over_the_whole_pool(played):
    """Both searches choose the same evaluations and predict the same from them."""
    listed = make_problem(SPACE, played.tasks.pool, played.tasks.scores[-1], played.knowledge)
    pooled = BayesianSearch(capacity=LENGTH)
    rows = to_index(SPACE, played.final.point[:BUDGET])

    @jax.jit
    def replay(listed, rows):
        def step(state, row):
            chosen = pooled.suggest(state, listed, HYPER)
            state, info = pooled.observe(state, listed, HYPER, row, listed.score[row])
            return state, (chosen, info)

        start = pooled.init(jax.random.key(0), listed, HYPER)
        return jax.lax.scan(step, start, rows)

    state, (chosen, info) = replay(listed, rows)
    np.testing.assert_array_equal(chosen[3:], rows[3:])
    for ours, theirs in zip(played.trace[1:], info[1:], strict=True):
        np.testing.assert_allclose(ours[:BUDGET], theirs, rtol=2e-3, atol=1e-4)
    final = played.final
    np.testing.assert_allclose(final.log_weights, state.log_weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(final.model.mean[:, :BUDGET], state.model.mean[:, rows], atol=2e-3)


@pytest.mark.slow
def test_the_budget_is_spent_on_distinct_architectures(played):
    record, trace = played.final.record, played.trace
    assert record.step == BUDGET
    np.testing.assert_array_equal(trace.counted, np.arange(LENGTH) < BUDGET)
    np.testing.assert_array_equal(trace.row, np.r_[np.arange(BUDGET), -1, -1])
    rows = np.asarray(to_index(SPACE, played.final.point[:BUDGET]))
    assert len(set(rows.tolist())) == BUDGET
    np.testing.assert_array_equal(trace.score[:BUDGET], played.tasks.scores[-1][rows])
    np.testing.assert_array_equal(played.final.point[BUDGET:], -1)
    np.testing.assert_array_equal(played.final.point[:2], played.start.initial[:2])


@pytest.mark.slow
def test_a_study_a_resumed_one_and_no_study_are_the_same_search(played):
    scores, wanted = played.tasks.scores[-1], played.final.point
    state, problem = played.start, played.problem._replace(target=None)
    for step in range(BUDGET):
        if step == 5:
            state = through_host(state)
        architecture = suggest(state, problem, ALGORITHM, HYPER)
        np.testing.assert_array_equal(architecture, wanted[step])
        assert not is_finished(state, problem, ALGORITHM, HYPER)
        score = scores[int(to_index(SPACE, architecture))]
        state, info = observe(state, problem, ALGORITHM, HYPER, architecture, score)
        assert info.counted
    assert is_finished(state, problem, ALGORITHM, HYPER)
    seen = set(np.asarray(to_index(SPACE, wanted[:BUDGET])).tolist())
    new = next(index for index in range(SPACE.size) if index not in seen)
    same, info = observe(state, problem, ALGORITHM, HYPER, from_index(SPACE, new), 9.0)
    assert not info.counted
    assert_equal("the state after the end", same, state)
    nothing = HYPER, wanted[:7], played.final.record.score[:7]
    following = suggest_next_point(jax.random.key(0), problem, ALGORITHM, *nothing)
    np.testing.assert_array_equal(following, wanted[7])


@pytest.mark.slow
def test_a_threshold_of_expected_improvement_ends_it(played):
    costly = HYPER._replace(min_expected_improvement=jnp.asarray(1e3))
    final, trace = run(played.start, played.problem, ALGORITHM, costly, steps=LENGTH)
    assert final.record.step == 3
    np.testing.assert_array_equal(trace.counted, np.arange(LENGTH) < 3)


@pytest.mark.slow
def test_failures_are_counted_and_the_search_goes_on(played):
    algorithm = SpaceSearch(SPACE, evaluate=failing, capacity=LENGTH, starts=8)
    start = algorithm.init(jax.random.key(1), played.problem, HYPER)
    final, trace = run(start, played.problem, algorithm, HYPER, steps=LENGTH)
    failed = np.asarray(final.point[:BUDGET, 0]) == 0
    assert failed.any()
    np.testing.assert_array_equal(np.isnan(trace.score[:BUDGET]), failed)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(final.model))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["thompson_sampling", "noisy_expected_improvement"])
def test_acquisitions_that_draw_functions(played, name):
    algorithm = SpaceSearch(
        SPACE, evaluate=look_up, capacity=LENGTH, acquisition=get_acquisition(name), starts=8
    )
    problem = with_flat_prior(played.problem)
    start = algorithm.init(jax.random.key(1), problem, HYPER)
    final, trace = run(start, problem, algorithm, HYPER, steps=LENGTH)
    assert final.record.step == BUDGET
    assert np.max(trace.score[:BUDGET]) > np.quantile(played.tasks.scores[-1], 0.9)


@pytest.mark.slow
def test_mismatched_arguments_are_refused(played):
    with pytest.raises(
        NmjaxError, match="knowledge of space 'related' for space 'fbnet', which differs"
    ):
        make_space_problem(get_space("fbnet"), played.knowledge)
    with_reals = Space.build("continuous", SPACE.choices, (RealChoice("rate", 0, 1),))
    with pytest.raises(NmjaxError, match="of space 'related' for space 'continuous'"):
        make_space_problem(with_reals, played.knowledge)
    with pytest.raises(NmjaxError, match="without an evaluation"):
        SpaceSearch(SPACE).step(played.start, played.problem, HYPER)
    with pytest.raises(NmjaxError, match="starts=0"):
        SpaceSearch(SPACE, starts=0)
    with pytest.raises(NmjaxError, match="outcome transform"):
        SpaceSearch(Space.build("s", (Choice("a", (1, 2)),)), outcome_transform="none")


@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        ([99] * 5, "has 3 options and got index 99"),
        ([-1, 0, 0, 0, 0], "has 3 options and got index -1"),
        ([0, 1], r"int\[5\]"),
        ([0.0] * 5, r"int\[5\]"),
        (None, r"int\[5\]"),
        ("0.3", r"int\[5\]"),
        ({"c0": "a"}, r"int\[5\]"),
        ([1, 1, 1, 1, 1], "was observed before"),
    ],
)
def test_observe_refuses_invalid_or_evaluated_architectures(architecture, says):
    algorithm = SpaceSearch(SPACE, capacity=4, starts=2)
    problem = make_space_problem(SPACE, plain_knowledge(3))
    state = start(jax.random.key(0), problem, algorithm)
    state, _ = observe(state, problem, algorithm, None, np.ones(5, np.int32), 0.5)
    with pytest.raises(NmjaxError, match=says):
        observe(state, problem, algorithm, None, architecture, 0.1)
    with pytest.raises(NmjaxError, match="was observed before"):
        suggest_next_point(
            jax.random.key(0), problem, algorithm, None, np.ones((2, 5), int), [0.1, 0.2]
        )


def test_a_capacity_larger_than_the_memory_is_refused_before_it_is_allocated():
    problem = make_space_problem(SPACE, default_knowledge(SPACE))
    with pytest.raises(NmjaxError, match=r"capacity=10,000,000 takes 1,117,587\.1 GiB"):
        start(jax.random.key(0), problem, SpaceSearch(SPACE, capacity=10_000_000))


MIXED = Space(
    optimizer=["adam", "sgd", "lion"],
    rate=Real(1e-4, 1e-1, log=True),
    momentum=when(Real(0, 1), optimizer="sgd"),
    depth=Ordinal(2, 4, 6, 8),
)


def mixed_objective(problem, candidate):
    """Best with sgd, a rate of 0.01, a momentum of 0.7 and a depth of 6."""
    del problem
    is_sgd = candidate.architecture[0] == 1
    rate = jnp.square(jnp.log10(candidate.continuous[0]) + 2)
    momentum = jnp.where(is_sgd, jnp.square(candidate.continuous[1] - 0.7), 0.5)
    depth = 0.3 * jnp.abs(candidate.architecture[1].astype(jnp.float32) - 2)
    return -(rate + momentum + depth + jnp.where(is_sgd, 0, 0.3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "maximizer",
    [
        LocalAscent(climbers=2, rounds=4),
        EvolutionaryAscent(population=8, generations=6),
        GradientAscent(climbers=2, steps=8, rounds=2),
        GuidedAscent(climbers=2, rounds=4, candidates=4),
    ],
)
def test_mixed_and_conditional_spaces_are_searched(unoptimized, maximizer):
    problem = make_space_problem(MIXED, default_knowledge(MIXED))
    algorithm = SpaceSearch(
        MIXED, evaluate=mixed_objective, capacity=14, starts=4, maximizer=maximizer
    )
    states, trace = run_batch(jax.random.split(jax.random.key(0), 2), problem, algorithm, steps=14)
    assert trace.counted.all()
    points = np.asarray(states.point)
    assert [len(np.unique(point, axis=0)) for point in points] == [14, 14]
    rate, momentum = points[..., 2], points[..., 3]
    assert 0.999e-4 <= rate.min() <= rate.max() <= 1.001e-1
    np.testing.assert_array_equal(momentum[points[..., 0] != 1], 0)
    chance = jax.vmap(lambda *pair: mixed_objective(None, Candidate(*pair)))(
        *sample_mixed(jax.random.key(1), MIXED, (200,))
    )
    assert np.max(trace.score) > np.quantile(chance, 0.9)


@pytest.mark.slow
def test_ask_and_tell_of_a_mixed_space(unoptimized):
    problem = make_space_problem(MIXED, default_knowledge(MIXED))
    algorithm = SpaceSearch(
        MIXED, capacity=6, starts=4, maximizer=LocalAscent(climbers=2, rounds=4)
    )
    arguments = problem, algorithm, default_hyper(6)
    state, seen = start(jax.random.key(0), *arguments), []
    for _ in range(5):
        candidate = suggest(state, *arguments)
        config = MIXED.to_config(*candidate)
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        state, info = observe(state, *arguments, candidate, mixed_objective(None, candidate))
        assert info.counted
        seen.append(candidate)
    with pytest.raises(NmjaxError, match="was observed before"):
        observe(state, *arguments, seen[0], 0.1)
    for wrong, says in (
        ((np.array([0, 0]), np.array([1.0, 0.0])), "each within its bounds"),
        ((np.array([0, 0]), np.array([0.01])), r"give float\[2\]"),
        ((np.array([0, 9]), np.array([0.01, 0.0])), "has 4 options and got index 9"),
        (np.array([0, 0]), r"int\[2\]"),
        (None, r"give int\[2\] and float\[2\]"),
    ):
        with pytest.raises(NmjaxError, match=says):
            observe(state, *arguments, wrong, 0.1)
    evaluated = jax.tree.map(lambda *leaves: jnp.stack(leaves), *seen)
    scores = jnp.stack([mixed_objective(None, candidate) for candidate in seen])
    following = suggest_next_point(jax.random.key(0), *arguments, evaluated, scores)
    jax.tree.map(np.testing.assert_array_equal, following, suggest(state, *arguments))
