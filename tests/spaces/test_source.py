import pytest
from hypothesis import example, given, settings

import nmjax
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, Condition, Integer, Ordinal, Real, Space, catalog, get_space, when
from nmjax.spaces.source import space_source
from tests.spaces.conditional import DISCRETE, MIXED
from tests.spaces.test_properties import any_space

ODD = Space(
    'a "b"\\\n',
    a=[1, 2],
    **{"class": [None, (3, "x y", (True,))], "learning-rate": Real(1, 2), "__debug__": [1]},
    ﬁ=["last"],
    **{"ﬁ": when([0, 1], **{"class": [(3, "x y", (True,))]})},
    wide=Ordinal(*range(0, 3000, 10)),
    after=when(when(Real(0.1, 1e30, log=True), a=[1, 2]), a=1),
)


def run(source, variable="space"):
    names = {}
    exec(source, names)
    return names[variable]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(any_space())
@example(DISCRETE)
@example(MIXED)
@example(ODD)
@example(Space("wide", c=[f"option {i}" for i in range(500)], i=Integer(-3, 900, log=False)))
def test_the_source_of_a_space_defines_an_equal_space(space):
    source = space_source(space)
    again = run(source)
    assert again == space
    assert list(map(repr, again.choices)) == list(map(repr, space.choices))
    assert space_source(again) == source


def test_lines_are_short_and_comments_stand_above_their_choice():
    space = Space("s", width=Ordinal(*range(0, 3000, 10)), **{"learning-rate": Real(1e-4, 1)})
    comments = {"width": "300 numbers. " * 20, "learning-rate": "four decades"}
    source = space_source(space, variable="mine", comments=comments)
    assert max(map(len, source.splitlines())) <= 100
    assert run(source, "mine") == space
    lines = source.splitlines()
    place = next(i for i, line in enumerate(lines) if "learning-rate" in line)
    assert lines[place - 1].strip() == "# four decades"


def test_spaces_of_the_catalog_are_named():
    for name in catalog.names():
        source = space_source(get_space(name))
        assert source.splitlines()[-1] == f'space = nmjax.get_space("{name}")'
        assert run(source) == get_space(name)


def test_a_choice_that_is_never_active_is_kept():
    never = Choice("b", (1, 2), conditions=(Condition("a", (1,)), Condition("a", (2,))))
    space = Space.build("s", [Choice("a", (1, 2)), never], [nmjax.spaces.RealChoice("r", 0, 1)])
    assert run(space_source(space)) == space


def test_what_text_cannot_hold_is_refused():
    space = Space.build("s", [Choice("a", (1, 2))], valid=lambda rows: rows[..., 0] > 0)
    with pytest.raises(NmjaxError, match="cell or functions"):
        space_source(space)
    with pytest.raises(NmjaxError, match="name of Python"):
        space_source(MIXED, variable="class")
