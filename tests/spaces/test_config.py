import pickle
from copy import deepcopy

import jax
import numpy as np
import pytest

from nmjax import spaces
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Integer, Ordinal, Real, RealChoice, Space, when

SPACE = Space(
    block=["conv", "attention", "mlp"],
    width=Ordinal(64, 128, 256),
    bias=[True, False],
    rate=Real(1e-4, 1e-1, log=True),
)
CONFIG = {"block": "mlp", "width": 128, "bias": False, "rate": 0.01}


def test_keywords_describe_what_named_choices_do():
    space = Space(
        "mine",
        op=["a", "b"],
        width=Ordinal(1, 2, 4, log=True),
        depth=Integer(2, 5),
        rate=Real(0.1, 1, log=True),
        decay=Real(0, 1),
    )
    named = Space.build(
        "mine",
        [
            Choice("op", ("a", "b")),
            Choice("width", (1, 2, 4), "ordinal", "log"),
            Choice("depth", (2, 3, 4, 5), "ordinal"),
        ],
        [RealChoice("rate", 0.1, 1, "log"), RealChoice("decay", 0, 1)],
    )
    assert space == named
    assert hash(space) == hash(named)
    assert Space(a=[1]).name == "space"
    assert Space(name=["x"], choices=["y"], self=["z"]).names == ("name", "choices", "self")
    for copy in (pickle.loads(pickle.dumps(space)), deepcopy(space), space.replace()):
        assert copy == space
    assert space.replace(name="other").name == "other"
    with pytest.raises(NmjaxError, match="did you mean 'continuous'"):
        space.replace(continuos=())


def test_dictionaries_hold_the_user_s_own_values():
    architecture, continuous = SPACE.from_config(CONFIG)
    np.testing.assert_array_equal(architecture, [2, 1, 1])
    np.testing.assert_array_equal(continuous, np.float32([0.01]))
    assert (architecture.dtype, continuous.dtype) == (np.int32, np.float32)
    config = SPACE.to_config(architecture, continuous)
    assert config == CONFIG
    assert list(map(type, config.values())) == [str, int, bool, float]
    shuffled = dict(reversed(CONFIG.items()))
    np.testing.assert_array_equal(SPACE.from_config(shuffled)[0], architecture)


def test_configurations_keep_the_order_of_the_declaration():
    space = Space(rate=Real(0, 1), op=["a", "b"], momentum=when(Real(0, 1), op="b"), width=[1, 2])
    assert space.names == ("op", "width", "rate", "momentum")
    for copy in (space, pickle.loads(pickle.dumps(space)), space.replace(name="other")):
        assert list(copy.to_config([1, 0], [0.5, 0.25])) == ["rate", "op", "momentum", "width"]
    assert list(space.to_config([0, 0], [0.5, 0.25])) == ["rate", "op", "width"]
    assert space == Space(
        op=["a", "b"], rate=Real(0, 1), width=[1, 2], momentum=when(Real(0, 1), op="b")
    )


def test_the_representation_of_a_small_space_is_the_call_that_makes_it():
    space = Space("s", rate=Real(0.5, 1, log=True), op=["a", "b"], **{"k-s": Integer(2, 5)})
    assert repr(space).splitlines() == [
        'Space("s",',
        "    rate=Real(0.5, 1, log=True),",
        '    op=["a", "b"],',
        '    **{"k-s": Integer(2, 5)},',
        ")",
    ]
    made = eval(repr(space), {"Space": Space, "Real": Real, "Integer": Integer})
    assert (made, made.order) == (space, space.order)


def test_the_representation_of_a_large_space_is_one_line():
    assert repr(spaces.get_space("nas-bench-201")) == (
        "Space('nas-bench-201', 6 discrete choices, 15,625 combinations of options)"
    )
    large = Space("s", rate=Real(0, 1), **{f"choice{i}": [1, 2, 3] for i in range(60)})
    assert "60 discrete choices, 1 real-valued" in repr(large)
    assert "\n" not in repr(large)


def test_functions_that_look_like_methods_are_named():
    with pytest.raises(AttributeError, match=r"use nmjax.spaces.sample_mixed\(key, space"):
        SPACE.sample(jax.random.key(0))
    with pytest.raises(AttributeError, match=r"A Space has no attribute 'widht'\.$"):
        _ = SPACE.widht
    with pytest.raises(NmjaxError, match=r"Space\(\*\*choices\)"):
        Space({"op": ["a", "b"]})


def test_scalars_of_numpy_and_jax_are_taken():
    given = {"block": np.str_("mlp"), "width": np.float32(128), "bias": np.bool_(False)}
    architecture, continuous = SPACE.from_config({**given, "rate": np.float32(0.01)})
    np.testing.assert_array_equal(architecture, [2, 1, 1])
    assert SPACE.to_config(spaces.sample(jax.random.key(0), SPACE), continuous)["rate"] == 0.01
    tenths = Space(share=[0.1, 0.2])
    np.testing.assert_array_equal(tenths.from_config({"share": np.float32(0.2)})[0], [1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block": "cnov"}, "did you mean 'conv'"),
        ({"blok": "conv"}, "did you mean 'block'"),
        ({"width": 100}, "nearest is 128"),
        ({"width": 10**400}, "'width'"),
        ({"width": "128"}, "of type str"),
        ({"width": None}, "'width' got None"),
        ({"width": float("nan")}, "'width' got nan"),
        ({"width": True}, "'width'"),
        ({"bias": 1}, "'bias'"),
        ({"block": ["conv"]}, "did you mean 'conv'"),
        ({"rate": None}, "'rate' got None; give a number from 0.0001 to 0.1"),
        ({"rate": "0.01"}, "give a number"),
        ({"rate": 0.2}, "give a number"),
        ({"rate": float("nan")}, "give a number"),
        ({"rate": 10**400}, "give a number"),
        ({"rate": True}, "give a number"),
        ({3: 4}, "'3' is not a choice of space 'space'; choose one of 'block'"),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(change, message):
    with pytest.raises(NmjaxError, match=message) as raised:
        SPACE.from_config({**CONFIG, **change})
    assert str(raised.value).count("\n") == 0


def test_a_value_without_similar_options_gets_all_of_them_without_a_nearest_one():
    with pytest.raises(NmjaxError, match=r"'7' is not an option of 'a'; choose one of '1', '2'"):
        Space(a=[1, 2]).from_config({"a": 7})


@pytest.mark.parametrize("config", [None, 3, "block=conv", [("block", "conv")]])
def test_configurations_that_are_not_dictionaries_are_refused(config):
    with pytest.raises(NmjaxError, match="dictionary"):
        SPACE.from_config(config)


@pytest.mark.parametrize("name", list(CONFIG))
def test_missing_values_are_refused(name):
    with pytest.raises(NmjaxError, match=f"has no '{name}'"):
        SPACE.from_config({key: value for key, value in CONFIG.items() if key != name})


@pytest.mark.parametrize(
    ("architecture", "continuous", "message"),
    [
        ([0, 0, 0], None, "continuous values"),
        ([0, 0, 0], [0.1, 0.1], "continuous values"),
        ([0, 0, 0], [0.5], "give a number"),
        ([0, 0, 0], ["x"], "give a number"),
        ([0, 3, 0], [0.1], "index 3"),
        ([0, -1, 0], [0.1], "index -1"),
        ([0, 0], [0.1], "architecture"),
        ([0.0, 0.0, 0.0], [0.1], "architecture"),
        ([True, False, True], [0.1], "architecture"),
        (None, [0.1], "architecture"),
        ([[0, 0, 0]], [0.1], "architecture"),
    ],
)
def test_invalid_architectures_have_no_configuration(architecture, continuous, message):
    with pytest.raises(NmjaxError, match=message):
        SPACE.to_config(architecture, continuous)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Space(a="abc"), "list of options"),
        (lambda: Space(a=range(2, 5)), r"Integer\(2, 4\)"),
        (lambda: Space(a=3), "list of options"),
        (lambda: Space(a=Ordinal), r"Ordinal\(\.\.\.\)"),
        (lambda: Space(a={1, 2}), "list of options"),
        (lambda: Space(a=Choice("a", (1, 2))), "Space.build"),
        (lambda: Space(a=[]), "no options"),
        (lambda: Space(a=[None, "None"]), "more than once"),
        (lambda: Space(a=[(3, 3), [3, 3]]), "more than once"),
        (lambda: Space(a=[(1,), (True,)]), "equal"),
        (lambda: Space(a=[(3, float("nan"))]), "finite"),
        (lambda: Space(a=[{3}]), "type set"),
        (lambda: Space(a=[" x"]), "blanks"),
        (lambda: Space(a=["x\ny"]), "one line"),
        (lambda: Space(a=[""]), "blanks"),
        (lambda: Space(a=[1, True]), "equal"),
        (lambda: Space(a=[1, 1.0]), "equal"),
        (lambda: Space(a=[1, "1"]), "more than once"),
        (lambda: Space(a=[float("nan"), "x"]), "finite"),
        (lambda: Space(a=[float("inf"), "x"]), "finite"),
        (lambda: Space(**{"a b": [1]}), "blanks"),
        (lambda: Space(), "no choices"),
        (lambda: Space([Choice("a", (1, 2))]), "name"),
        (lambda: Space.build("s", [[1, 2]]), "type list"),
        (lambda: Space.build("s", RealChoice("a", 1, 2)), "type RealChoice; give a Choice"),
        (lambda: Space.build("s", 3), "type int"),
        (lambda: Space.build("s", [], [Choice("a", (1, 2))]), "RealChoice"),
        (lambda: Ordinal(3, 2), "Ordinal is ordinal with the options"),
        (lambda: Ordinal([1, 2]), "arguments"),
        (lambda: Ordinal(), "Ordinal has no options"),
        (lambda: Ordinal("a", "b"), "increasing numbers"),
        (lambda: Ordinal(True, 2), "increasing numbers"),
        (lambda: Ordinal(0, 1, log=True), "positive"),
        (lambda: Ordinal(1, float("inf")), "finite"),
        (lambda: Ordinal(1, 10**400), "finite"),
        (lambda: Ordinal(-1e308, 1e308), "spans"),
        (lambda: Ordinal(-8e307, 0, 8e307), "spans"),
        (lambda: Ordinal(1e10, 1e10 + 1e-5, log=True), "equal logarithms"),
        (lambda: Ordinal(1, 2, log="yes"), "True or False"),
        (lambda: Integer(1, 1e9), "1,000"),
        (lambda: Integer(3, 2), "low <= high"),
        (lambda: Integer(1.5, 2), "whole number"),
        (lambda: Integer(0, 3, log=True), "positive"),
        (lambda: Real(1, 1), "low < high"),
        (lambda: Real(0, 1, log=True), "positive"),
        (lambda: Real(0, 1e39), "float32"),
        (lambda: Real(-3e38, 3e38), "float32"),
        (lambda: Real(-1e38, 1e38), "float32"),
        (lambda: Real(0, 1e-40), "float32"),
        (lambda: Real(1e-45, 1, log=True), "float32"),
        (lambda: Real(1e9, 1e9 + 1), "float32"),
        (lambda: Real(1.7e9, 1.7e9 + 600), "steps of 128; give .* 0 to 600"),
        (lambda: Real(-1e8 - 100, -1e8), "steps of 8"),
        (lambda: Real(0, float("inf")), "finite"),
        (lambda: Real("a", 1), "finite"),
        (lambda: Real(0, 10**400), "finite"),
        (lambda: Real(0, 1, log=1), "True or False"),
    ],
)
def test_keywords_that_make_no_sense_are_refused(build, message):
    with pytest.raises(NmjaxError, match=message):
        build()


def test_numbers_near_the_limits_of_float32():
    space = Space(tiny=Real(1.2e-38, 4e37, log=True), wide=Real(-2e37, 2e37))
    ends = np.float32([[1.2e-38, -2e37], [4e37, 2e37]])
    np.testing.assert_allclose(spaces.to_scale(space, ends), [[-1, -1], [1, 1]], rtol=1e-6)
    back = np.asarray(spaces.from_scale(space, np.float32([[-1, -1], [1, 1]])))
    assert spaces.within_bounds(space, back).all()
    np.testing.assert_allclose(back, ends, rtol=1e-5)
    drawn = spaces.sample_continuous(jax.random.key(0), space, (100,))
    assert spaces.within_bounds(space, drawn).all()
    assert np.isfinite(np.asarray(spaces.to_scale(space, drawn))).all()
    for row in np.asarray(drawn)[:5]:
        np.testing.assert_array_equal(space.from_config(space.to_config([], row))[1], row)
    wide = Space(x=Ordinal(-4e307, 0.0, 4e307), y=Ordinal(5e-324, 1.0, 1e308, log=True))
    assert np.isfinite(wide.choices[0].values).all()
    assert np.isfinite(wide.choices[1].values).all()


def test_mixed_options_and_unicode_names_come_back():
    space = Space("räume", größe=["sqrt", 0.5, 1, "ja"], 宽度=["ä", "β"], only=["x"])
    for size in range(4):
        config = space.to_config([size, 1, 0])
        assert space.from_config(config)[0].tolist() == [size, 1, 0]
        text = spaces.to_text(space, [size, 1, 0])
        assert spaces.parse(space, text).tolist() == [size, 1, 0]
    assert space.to_config([2, 0, 0])["größe"] == 1


@pytest.mark.parametrize("text", ["bias=True", "bias=true", "bias=TRUE", "bias=1"])
def test_booleans_are_read_in_the_spellings_of_other_tools(text):
    space = Space(bias=[False, True])
    assert spaces.parse(space, text).tolist() == [1]
    assert space.to_config([1]) == {"bias": True}


def test_text_may_have_the_real_valued_choices():
    architecture, continuous = SPACE.from_config(CONFIG)
    assert spaces.to_text(SPACE, architecture) == "block=mlp width=128 bias=False"
    whole = "block=mlp width=128 bias=False rate=0.01"
    assert spaces.to_text(SPACE, architecture, continuous) == whole
