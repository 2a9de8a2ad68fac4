import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Condition, Ordinal, Real, RealChoice, Space, when
from tests.spaces.conditional import DISCRETE, MIXED, every_architecture, every_config

EVERY = every_architecture()
CONFIGS = every_config()
DISTINCT = {tuple(sorted(config.items())) for config in CONFIGS}


def frozen(config):
    return tuple(sorted(config.items()))


def test_configurations_leave_inactive_choices_out():
    assert [DISCRETE.to_config(architecture) for architecture in EVERY] == CONFIGS


def test_canonical_forms_are_equal_exactly_for_equal_configurations():
    canonical = np.asarray(spaces.canonicalize(DISCRETE, EVERY))
    classes = {}
    for architecture, config in zip(canonical.tolist(), CONFIGS, strict=True):
        classes.setdefault(frozen(config), set()).add(tuple(architecture))
    assert all(len(found) == 1 for found in classes.values())
    assert len(set().union(*classes.values())) == len(classes) == len(DISTINCT)
    for choice, column in enumerate(canonical.T):
        name = DISCRETE.choices[choice].name
        inactive = [name not in config for config in CONFIGS]
        np.testing.assert_array_equal(column[inactive], 0)
    np.testing.assert_array_equal(spaces.canonicalize(DISCRETE, canonical), canonical)


def test_enumeration_has_each_configuration_once():
    found = spaces.enumerate_architectures(DISCRETE)
    configs = [frozen(DISCRETE.to_config(architecture)) for architecture in found]
    assert len(configs) == len(set(configs))
    assert set(configs) == DISTINCT
    index = np.asarray(spaces.to_index(DISCRETE, found))
    assert (np.diff(index) > 0).all()


def test_inactive_choices_have_no_features():
    names = spaces.encoding_names(DISCRETE)
    encodings = np.asarray(spaces.encode(DISCRETE, EVERY))
    plain = Space.build(
        "plain", [Choice(c.name, c.options, c.kind, c.scale) for c in DISCRETE.choices]
    )
    without = np.asarray(spaces.encode(plain, EVERY))
    for column, feature in enumerate(names):
        active = np.array([feature.split("=")[0] in config for config in CONFIGS])
        expected = np.where(active, without[:, column], 0)
        np.testing.assert_array_equal(encodings[:, column], expected)
    canonical = spaces.canonicalize(DISCRETE, EVERY)
    np.testing.assert_array_equal(spaces.encode(DISCRETE, canonical), encodings)
    np.testing.assert_array_equal(spaces.decode(DISCRETE, encodings), canonical)


def test_path_encodings_have_no_inactive_choices():
    canonical = spaces.canonicalize(DISCRETE, EVERY)
    paths = np.asarray(spaces.encode_paths(DISCRETE, EVERY))
    np.testing.assert_array_equal(spaces.encode_paths(DISCRETE, canonical), paths)
    np.testing.assert_array_equal(paths.sum(-1), [len(config) for config in CONFIGS])


def test_a_soft_encoding_is_the_expectation_over_hard_ones():
    random = np.random.default_rng(0)
    weights = random.exponential(size=(DISCRETE.num_choices, DISCRETE.max_options))
    weights = weights * np.asarray(spaces.option_mask(DISCRETE))
    weights /= weights.sum(-1, keepdims=True)
    chance = np.prod([weights[c, EVERY[:, c]] for c in range(DISCRETE.num_choices)], axis=0)
    expected = chance @ np.asarray(spaces.encode(DISCRETE, EVERY), np.float64)
    found = spaces.encode_soft(DISCRETE, weights.astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_continuous_features_of_soft_choices_are_expectations():
    half = np.zeros((3, 2), np.float32)
    half[:] = 0.5
    continuous = np.array([1e-1, 0.99, 2.0], np.float32)
    features = spaces.encode_soft(MIXED, half, continuous)
    np.testing.assert_allclose(features[-3:], [1, 0.5, 0.25], rtol=1e-5)


def test_neighbors_change_one_active_choice():
    for place in (0, 57, 99, 200, len(EVERY) - 1):
        architecture = EVERY[place]
        config = DISCRETE.to_config(architecture)
        changed, valid = spaces.neighbors(DISCRETE, architecture)
        found = [DISCRETE.to_config(row) for row in np.asarray(changed)[np.asarray(valid)]]
        distinct = {frozen(other) for other in found}
        assert len(distinct) == len(found)
        assert frozen(config) not in distinct
        active = [c for c in DISCRETE.choices if c.name in config]
        assert len(found) == sum(len(choice.options) - 1 for choice in active)
        for other in found:
            both = set(config) & set(other)
            assert sum(config[name] != other[name] for name in both) == 1


def test_neighbors_in_a_pool_are_distinct_rows():
    pool = spaces.enumerate_architectures(DISCRETE)
    rows = np.asarray(spaces.pool_neighbors(DISCRETE, pool))
    for row, near in enumerate(rows):
        others = near[near != row]
        assert len(set(others.tolist())) == len(others)
    shuffled = np.random.default_rng(1).integers(0, 2, pool.shape) * (
        np.array(DISCRETE.num_options) - 1
    )
    asked = spaces.canonicalize(DISCRETE, shuffled)
    np.testing.assert_array_equal(
        pool[np.asarray(spaces.pool_rows(DISCRETE, pool, shuffled))], asked
    )


def test_mutation_changes_the_configuration_and_reaches_all():
    start = np.broadcast_to([1, 2, 1, 0, 0, 0], (3000, 6))
    found = spaces.mutate(jax.random.key(0), DISCRETE, start)
    np.testing.assert_array_equal(spaces.canonicalize(DISCRETE, found), found)
    before = DISCRETE.to_config(start[0])
    configs = [DISCRETE.to_config(row) for row in np.asarray(found)]
    changed = []
    for config in configs:
        both = set(before) & set(config)
        (name,) = (name for name in both if before[name] != config[name])
        changed.append(name)
    _, counts = np.unique(changed, return_counts=True)
    assert len(counts) == len(before) == 6
    assert stats.chisquare(counts).pvalue > 1e-3


def test_mutation_draws_choices_that_become_active():
    start = np.broadcast_to([0, 0, 0, 0, 0, 0], (2000, 6))
    found = np.asarray(spaces.mutate(jax.random.key(1), DISCRETE, start))
    nesterov = found[found[:, 0] == 1]
    counts = np.bincount(nesterov[:, 2], minlength=2)
    assert stats.chisquare(counts).pvalue > 1e-3
    decay = np.bincount(nesterov[nesterov[:, 2] == 1, 3], minlength=3)
    assert stats.chisquare(decay).pvalue > 1e-3
    assert not nesterov[nesterov[:, 2] == 0, 3].any()


def test_samples_are_canonical_and_active_choices_uniform():
    drawn = np.asarray(spaces.sample(jax.random.key(2), DISCRETE, (6000,)))
    np.testing.assert_array_equal(spaces.canonicalize(DISCRETE, drawn), drawn)
    active = np.asarray(spaces.active_choices(DISCRETE, drawn))
    for choice, count in enumerate(DISCRETE.num_options):
        counts = np.bincount(drawn[active[:, choice], choice], minlength=count)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_validity_is_that_of_the_canonical_form():
    choices = [Choice("a", (0, 1)), Choice("b", (0, 1), conditions=[("a", (1,))])]
    space = Space.build("s", choices, valid=lambda architecture: architecture[..., 1] == 0)
    everything = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_array_equal(spaces.is_valid(space, everything), [True, True, True, False])
    np.testing.assert_array_equal(spaces.enumerate_architectures(space), [[0, 0], [1, 0]])


def test_user_canonical_forms_come_with_conditions():
    choices = [
        Choice("a", (0, 1)),
        Choice("b", (0, 1)),
        Choice("c", (0, 1, 2), conditions=[("a", (1,))]),
    ]

    def canonical(architecture):
        swapped = jnp.sort(architecture[..., :2], axis=-1)
        return jnp.concatenate([swapped, architecture[..., 2:]], axis=-1)

    space = Space.build("s", choices, canonical=canonical)
    found = spaces.enumerate_architectures(space)
    np.testing.assert_array_equal(spaces.canonicalize(space, found), found)
    again = spaces.canonicalize(space, np.array([[1, 0, 2], [0, 1, 0], [1, 1, 2]]))
    np.testing.assert_array_equal(again, [[0, 1, 0], [0, 1, 0], [1, 1, 2]])


def test_text_has_active_choices_only():
    architecture = np.array([1, 2, 1, 0, 1, 1])
    text = spaces.to_text(DISCRETE, architecture)
    assert text == "optimizer=sgd depth=4 nesterov=True decay=cosine warmup=2 width=64"
    np.testing.assert_array_equal(spaces.parse(DISCRETE, text), architecture)
    np.testing.assert_array_equal(spaces.parse(DISCRETE, "optimizer=adam depth=1"), np.zeros(6))
    with pytest.raises(NmjaxError, match="'nesterov' is inactive"):
        spaces.parse(DISCRETE, "optimizer=adam depth=1 nesterov=true")
    with pytest.raises(NmjaxError, match=r"nesterov.*missing"):
        spaces.parse(DISCRETE, "optimizer=sgd depth=1")


def test_inactive_choices_are_left_out_of_dictionaries():
    config = {"optimizer": "adam", "bias": True, "rate": 0.01}
    architecture, continuous = MIXED.from_config(config)
    np.testing.assert_array_equal(architecture, [0, 1, 0])
    np.testing.assert_array_equal(continuous, np.float32([0.01, 0.5, -3.0]))
    assert MIXED.to_config(architecture, continuous) == config
    with_blanks = {**config, "momentum": None, "schedule": None, "gamma": float("nan")}
    np.testing.assert_array_equal(MIXED.from_config(with_blanks)[1], continuous)
    with pytest.raises(NmjaxError, match=r"'momentum' got 0.9 but is active only with optimizer"):
        MIXED.from_config({**config, "momentum": 0.9})
    with pytest.raises(NmjaxError, match="has no 'momentum'"):
        MIXED.from_config({**config, "optimizer": "sgd", "schedule": "cosine"})
    with pytest.raises(NmjaxError, match="'schedule' got None"):
        MIXED.from_config({**config, "optimizer": "sgd", "schedule": None, "momentum": 0.9})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (lambda: {"a": when([1, 2], b=1), "b": [1, 2]}, "before it"),
        (lambda: {"a": when([1, 2], a=1)}, "before it"),
        (lambda: {"a": [1, 2], "c": when([1, 2], aa=1)}, "did you mean 'a'"),
        (lambda: {"op": ["conv", "skip"], "c": when([1, 2], op="cnv")}, "did you mean 'conv'"),
        (lambda: {"a": Real(0, 1), "c": when([1, 2], a=0.5)}, "real-valued"),
        (lambda: {"a": [True, False], "c": when([1, 2], a=1)}, "'a'"),
        (lambda: {"a": [1, 2], "c": when([1, 2], a=[])}, "no option"),
        (lambda: {"a": [1, 2], "c": when([1, 2])}, "no parent"),
        (
            lambda: {"a": [1, 2], "b": when([3, 4], a=1), "c": when([5, 6], b=3, a=2)},
            "never active",
        ),
        (lambda: {"a": [1, 2], "c": when("xy", a=1)}, "list of options"),
    ],
)
def test_conditions_that_make_no_sense_are_refused(choices, message):
    with pytest.raises(NmjaxError, match=message):
        Space("s", **choices())


def test_conditions_are_part_of_the_value_of_a_space():
    conditional = Space("s", a=[1, 2], c=when([1, 2], a=1))
    assert conditional == Space("s", a=(1, 2), c=when((1, 2), a=[1]))
    assert conditional != Space("s", a=[1, 2], c=[1, 2])
    assert conditional != Space("s", a=[1, 2], c=when([1, 2], a=2))
    nested = when(when([1, 2], a=1), b="x")
    named = Choice("c", (1, 2), conditions=[["a", [1]], Condition("b", ("x",))])
    assert Space("s", a=[1, 2], b=["x", "y"], c=nested).choices[-1] == named
    real = RealChoice("r", 0, 1, conditions=(Condition("a", (1,)),))
    assert Space("s", a=[1, 2], r=when(Real(0, 1), a=1)).continuous == (real,)


def test_choices_of_a_cell_cannot_be_conditional():
    operations = ("conv", "skip")
    choices = [Choice("t", (1, 2)), Choice("op", operations, conditions=[("t", (1,))])]
    with pytest.raises(NmjaxError, match="conditional"):
        Space.build("s", choices, cell=spaces.Cell((1,), [((0, 1), (1, 2))]))


def test_hundreds_of_options_and_conditional_choices():
    many = {f"c{i}": when(Ordinal(*range(1, 300)), root=["x", "y"]) for i in range(20)}
    space = Space("many", root=["x", "y", "z"], **many)
    drawn = spaces.sample(jax.random.key(3), space, (50,))
    encodings = np.asarray(spaces.encode(space, drawn))
    assert encodings.shape == (50, 3 + 20 * 299 + 20)
    inactive = np.asarray(drawn)[:, 0] == 2
    assert inactive.any()
    np.testing.assert_array_equal(encodings[inactive, 3:], 0)
