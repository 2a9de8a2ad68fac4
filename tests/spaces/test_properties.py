"""Properties that hold for any space and architecture."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax import spaces
from nmjax.spaces import Ordinal, Real, Space, when
from tests.spaces.conditional import DISCRETE, MIXED

NAMES = st.text("abcxyzäß宽_09", min_size=1, max_size=6)
TEXTS = st.text("abcßé宽-+.()/'\"\\ ", min_size=1, max_size=8).filter(lambda t: t.strip() == t)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(TEXTS, st.integers(-(10**20), 10**20), FLOATS, st.booleans(), st.none())
OPTIONS = st.lists(
    SCALARS | st.lists(SCALARS, max_size=3).map(tuple),
    min_size=1,
    max_size=6,
    unique_by=lambda option: str(option).lower(),
).filter(lambda options: len(set(options)) == len(options))
ORDINALS = st.lists(
    st.floats(-1e300, 1e300) | st.integers(-(10**9), 10**9), min_size=1, max_size=6, unique_by=float
).map(lambda numbers: Ordinal(*sorted(numbers)))


@st.composite
def reals(draw):
    limit = 2.0**100
    low = draw(st.floats(-limit, limit, width=32))
    high = draw(st.floats(-limit, limit, width=32).filter(lambda high: abs(high - low) > 1e-30))
    return Real(*sorted((low, high)))


@st.composite
def any_space(draw):
    specs = {}
    for name in draw(st.lists(NAMES, min_size=1, max_size=6, unique=True)):
        spec = draw(st.one_of(OPTIONS, ORDINALS, reals()))
        parents = [n for n, s in specs.items() if not isinstance(unconditional(s), Real)]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            options = unconditional(specs[parent])
            options = options.options if isinstance(options, Ordinal) else options
            chosen = draw(st.lists(st.sampled_from(options), min_size=1, unique_by=str))
            spec = when(spec, **{parent: chosen})
        specs[name] = spec
    return Space(draw(NAMES), **specs)


def unconditional(spec):
    return getattr(spec, "spec", spec)


def draw_architecture(data, space):
    architecture = [data.draw(st.integers(0, count - 1)) for count in space.num_options]
    shares = [data.draw(st.floats(0, 1)) for _ in space.continuous]
    bounds = zip(space.continuous, shares, strict=True)
    values = [
        min(np.float32(real.low + share * (real.high - real.low)), np.float32(real.high))
        for real, share in bounds
    ]
    return np.array(architecture, np.int32), np.array(values, np.float32)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(any_space(), st.data())
def test_dictionaries_come_back(space, data):
    architecture, continuous = draw_architecture(data, space)
    config = space.to_config(architecture, continuous)
    again = space.from_config(config)
    assert space.to_config(*again) == config
    for name, value in config.items():
        choice = next(c for c in (*space.choices, *space.continuous) if c.name == name)
        if hasattr(choice, "options"):
            place = space.names.index(name)
            assert again[0][place] == architecture[place]
            assert type(value) is type(choice.options[architecture[place]])
        else:
            assert choice.low <= value <= choice.high
            place = space.names.index(name) - space.num_choices
            assert again[1][place] == continuous[place]


@settings(deadline=None, max_examples=100, derandomize=True)
@given(any_space(), st.data())
def test_texts_come_back_and_spaces_compare_by_value(space, data):
    architecture, _ = draw_architecture(data, space)
    parsed = spaces.parse(space, spaces.to_text(space, architecture))
    assert spaces.to_text(space, parsed) == spaces.to_text(space, architecture)
    same = Space.build(space.name, list(space.choices), list(space.continuous))
    assert same == space
    assert hash(same) == hash(space)
    assert space.replace(name=space.name + "x") != space


@settings(deadline=None, max_examples=12, derandomize=True)
@given(any_space(), st.data())
def test_canonical_forms_of_any_space(space, data):
    rows = [draw_architecture(data, space) for _ in range(4)]
    architecture, continuous = map(np.stack, zip(*rows, strict=True))
    canonical = spaces.canonicalize_mixed(space, architecture, continuous)
    again = spaces.canonicalize_mixed(space, *canonical)
    jax.tree.map(np.testing.assert_array_equal, again, canonical)
    for row, (one, values) in enumerate(zip(architecture, continuous, strict=True)):
        config = space.to_config(one, values)
        found = [np.asarray(part)[row] for part in canonical]
        assert space.to_config(*found) == config
        jax.tree.map(np.testing.assert_array_equal, tuple(found), space.from_config(config))
    encodings = spaces.encode(space, architecture, continuous)
    assert np.isfinite(np.asarray(encodings)).all()
    np.testing.assert_array_equal(spaces.encode(space, *canonical), encodings)
    assert encodings.shape == (4, len(spaces.encoding_names(space)))


@pytest.mark.parametrize(
    "space", [DISCRETE, *map(spaces.get_space, ("nas-bench-graph-proteins", "hpolib"))]
)
@settings(deadline=None, max_examples=25, derandomize=True)
@given(data=st.data())
def test_neighbors_are_distinct_valid_and_one_choice_away(space, data):
    architecture, _ = draw_architecture(data, space)
    changed, valid = map(np.asarray, spaces.neighbors(space, architecture))
    kept = changed[valid]
    assert len(np.unique(kept, axis=0)) == len(kept)
    assert np.asarray(spaces.is_valid(space, kept)).all()
    before = space.to_config(architecture)
    for row in kept:
        after = space.to_config(row)
        assert sum(before[name] != after[name] for name in set(before) & set(after)) == 1


@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_moves_in_a_mixed_space_stay_canonical_and_change_something(seed):
    first, second = jax.random.split(jax.random.key(seed))
    start = spaces.sample_mixed(first, MIXED, (8,))
    end = spaces.mutate_mixed(second, MIXED, *start)
    canonical = spaces.canonicalize_mixed(MIXED, *end)
    jax.tree.map(np.testing.assert_array_equal, canonical, end)
    different = np.any(start[0] != end[0], axis=-1) | np.any(start[1] != end[1], axis=-1)
    assert np.asarray(different).all()
