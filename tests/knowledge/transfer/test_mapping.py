import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from nmjax.errors import NmjaxError
from nmjax.knowledge import (
    NAS_BENCH_201_TO_TRANSNAS101,
    LearnConfig,
    join_histories,
    learn_from_history,
    map_architectures,
    map_history,
    match_choices,
    nearest_architectures,
    pool_features,
    rename,
    shared_encoding,
    shared_names,
)
from nmjax.spaces import (
    Choice,
    Space,
    encode,
    encoding_names,
    get_space,
    parse,
    sample,
    to_text,
    when,
)
from nmjax.tasks import list_suites, load_suite, make_history, sample_history, scores
from nmjax.types import Metric

BENCH_201, MICRO = get_space("nas-bench-201"), get_space("transnas101-micro")
GRAPH, PROTEINS = get_space("nas-bench-graph"), get_space("nas-bench-graph-proteins")
SYNONYMS = NAS_BENCH_201_TO_TRANSNAS101
BACK = {to: name for name, to in SYNONYMS.items()}


draw = jax.jit(sample, static_argnums=(1, 2))


def suite(name):
    installed = {info.name: info.installed for info in list_suites()}
    if not installed[name]:
        pytest.skip(f"{name} is not installed")
    return load_suite(name)


def test_architectures_keep_their_operations():
    text = "Op0=nor_conv_3x3 Op1=none Op2=skip_connect Op3=nor_conv_1x1 Op4=none Op5=skip_connect"
    mapped, known = map_architectures(BENCH_201, MICRO, parse(BENCH_201, text), SYNONYMS)
    assert np.all(known)
    expected = "op0=conv3x3 op1=none op2=skip op3=conv1x1 op4=none op5=skip"
    assert to_text(MICRO, mapped) == expected
    pooling = parse(BENCH_201, text.replace("Op4=none", "Op4=avg_pool_3x3"))
    _, known = map_architectures(BENCH_201, MICRO, pooling, SYNONYMS)
    np.testing.assert_array_equal(known, [True] * 4 + [False, True])


@pytest.mark.parametrize(
    ("small", "large", "synonyms"),
    [(MICRO, BENCH_201, BACK), (PROTEINS, GRAPH, None)],
    ids=["cells", "graphs"],
)
def test_mapping_to_the_larger_space_and_back_is_the_identity(small, large, synonyms):
    drawn = draw(jax.random.key(0), small, (50,))
    there, known = map_architectures(small, large, drawn, synonyms)
    assert np.all(known)
    inverse = {to: name for name, to in (synonyms or {}).items()}
    back, known = map_architectures(large, small, there, inverse)
    assert np.all(known)
    np.testing.assert_array_equal(back, drawn)
    assert match_choices(small, large, synonyms).missing == ()


def test_unmapped_options_are_named():
    missing = match_choices(BENCH_201, MICRO, SYNONYMS).missing
    assert missing == tuple(f"Op{edge}=avg_pool_3x3" for edge in range(6))
    two = Space.build("two", [Choice("a", ("x", "y"))])
    three = Space.build("three", [Choice("b", ("x",)), Choice("a", ("y", "z"))])
    found = match_choices(three, two)
    assert found.missing == ("b", "a=z")
    np.testing.assert_array_equal(found.choice, [1])
    np.testing.assert_array_equal(found.option, [[1, -1]])


def test_a_history_keeps_what_can_be_said():
    rng = np.random.default_rng(0)
    architecture = rng.integers(0, 5, size=(2, 30, 6)).astype(np.int32)
    architecture[0, :10] %= 4
    mask = np.arange(30)[None, :] < np.array([[30], [25]])
    history = make_history(architecture, {"a": rng.normal(size=(2, 30))}, [[1.0], [2.0]], mask)
    ours = map_history(BENCH_201, MICRO, history, SYNONYMS)
    np.testing.assert_array_equal(ours.context, history.context)
    for task in range(2):
        kept = mask[task] & (architecture[task] < 4).all(-1)
        rows = np.asarray(ours.mask[task])
        assert rows.sum() == kept.sum() > 0
        np.testing.assert_array_equal(ours.architecture[task][rows], architecture[task][kept])
        np.testing.assert_array_equal(
            ours.metrics["a"][task][rows], np.asarray(history.metrics["a"][task])[kept]
        )
        assert np.isnan(ours.metrics["a"][task][~rows]).all()


def test_histories_are_joined_by_their_scores():
    accuracy = Metric("accuracy", "1", "max", "log_error")
    loss = Metric("loss", "1", "min")
    rows = np.zeros((1, 2, 6), np.int32)
    one = make_history(rows, {"accuracy": [[0.9, 0.99]]}, mask=np.array([[True, True]]))
    two = make_history(rows, {"loss": [[2.0, 3.0]]}, mask=np.array([[True, False]]))
    joined, metric = join_histories([(one, accuracy), (two, loss)])
    assert metric.direction == "max"
    np.testing.assert_allclose(joined.metrics["score"][0], -np.log([0.1, 0.01]), rtol=1e-4)
    np.testing.assert_allclose(joined.metrics["score"][1], [-2, np.nan])
    np.testing.assert_array_equal(joined.mask, [[True, True], [True, False]])


def test_the_shared_encoding_goes_by_names():
    named = rename(BENCH_201, SYNONYMS)
    names = shared_names(named, MICRO)
    assert set(names) == {*encoding_names(named)} & {*encoding_names(MICRO)}
    drawn = draw(jax.random.key(1), MICRO, (20,))
    there, _ = map_architectures(MICRO, BENCH_201, drawn, BACK)
    ours = shared_encoding(MICRO, drawn, names)
    np.testing.assert_allclose(ours, shared_encoding(named, there, names), atol=1e-6)
    np.testing.assert_allclose(
        np.asarray(ours).sum(-1), np.asarray(encode(MICRO, drawn)).sum(-1), rtol=1e-5
    )


@pytest.mark.slow
def test_the_nearest_is_itself_or_one_choice_away():
    pool = draw(jax.random.key(2), PROTEINS, (300,))
    there, _ = map_architectures(PROTEINS, GRAPH, pool[:20])
    row, distance = nearest_architectures(GRAPH, PROTEINS, there, pool)
    np.testing.assert_array_equal(pool[row], pool[:20])
    np.testing.assert_allclose(distance, 0, atol=1e-3)
    everything = np.stack(np.indices((9, 5, 5, 5, 5)), -1).reshape(-1, 5).astype(np.int32)
    foreign = parse(GRAPH, "link=0123 op1=gcn op2=gin op3=sage op4=arma")
    row, distance = nearest_architectures(GRAPH, PROTEINS, foreign[None], everything)
    found = to_text(PROTEINS, everything[row[0]]).split()
    assert found[0] == "link=0123"
    assert {"op1=gcn", "op3=sage", "op4=arma"} < set(found)
    assert distance[0] > 0


def test_spaces_without_common_choices_are_refused():
    with pytest.raises(NmjaxError, match="no choice with an option in common"):
        match_choices(BENCH_201, MICRO)
    graph, operations = (
        make_history(np.zeros((1, 1, 5), np.int32), {"a": [[1.0]]}),
        GRAPH.choices[1:],
    )
    with pytest.raises(NmjaxError, match=r"'link'.*have no counterpart"):
        map_history(GRAPH, Space.build("operations", operations), graph)
    pooling = make_history(np.full((1, 3, 6), 4, np.int32), {"a": np.ones((1, 3))})
    with pytest.raises(NmjaxError, match=r"tasks \[0\] have no evaluation"):
        map_history(BENCH_201, MICRO, pooling, SYNONYMS)


@pytest.mark.slow
def test_image_classification_transfers_to_other_vision_tasks():
    """Three sources of NAS-Bench-201 and the target's siblings, in the larger space of the two.

    Mapped sources alone predict the seven tasks of TransNAS-Bench-101 better than chance.
    """
    far, near = suite("nas-bench-201"), suite("transnas101")
    tasks = sample_history(jax.random.key(0), far, far.tasks, 300)
    siblings = sample_history(jax.random.key(1), near, near.tasks[:2], 300)
    mapped = map_history(MICRO, BENCH_201, siblings, BACK)
    joined, metric = join_histories(
        [
            (tasks, far.metric_info[far.score_metric]),
            (mapped, near.metric_info[near.score_metric]),
        ]
    )
    config = LearnConfig(kernel_steps=40, meta_steps=20, evaluate_every=10, prior_steps=40)
    knowledge, _ = learn_from_history(
        jax.random.key(2), joined, metric, np.arange(5) == 0, space=BENCH_201, config=config
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(knowledge))
    pool, known = map_architectures(MICRO, BENCH_201, near.pool, BACK)
    assert np.all(known)
    predicted = pool_features(knowledge, encode(BENCH_201, pool)).pool.features[:, 1:4]
    target = np.asarray(scores(near))
    correlation = [spearmanr(jnp.mean(predicted, -1), own).statistic for own in target]
    assert np.mean(correlation) > 0.3, correlation
    assert np.min(correlation) > 0, correlation


def test_conditions_are_renamed_with_their_parents():
    space = Space("s", optimiser=["adam", "SGD"], nesterov=when([False, True], optimiser="SGD"))
    named = rename(space, {"optimiser": "optimizer", "SGD": "sgd"})
    assert named == Space(
        "s", optimizer=["adam", "sgd"], nesterov=when([False, True], optimizer="sgd")
    )
