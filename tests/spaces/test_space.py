import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Cell, Choice, RealChoice, Space

AB = Choice("a", ("x", "y"))


def test_space_properties_and_equality():
    space = Space.build(
        "s", (AB, Choice("b", (1, 2, 4), "ordinal", "log")), (RealChoice("r", 0.0, 1.0),)
    )
    assert (space.num_choices, space.num_continuous, space.max_options) == (2, 1, 3)
    assert space.num_options == (2, 3)
    assert space.size == 6
    same = Space.build(
        "s", [AB, Choice("b", [1, 2, 4], "ordinal", "log")], [RealChoice("r", 0.0, 1.0)]
    )
    assert space == same
    assert hash(space) == hash(same)


def test_options_of_numpy_are_those_of_python():
    drawn = [*np.array([1, 2, 4]), *np.array([4.5])]
    choice = Choice("a", drawn, "ordinal")
    assert choice == Choice("a", (1, 2, 4, 4.5), "ordinal")
    assert [type(option) for option in choice.options] == [int, int, int, float]


def test_size_is_exact_beyond_machine_integers():
    space = Space.build("s", [Choice(f"c{i}", range(10)) for i in range(30)])
    assert space.size == 10**30


@pytest.mark.parametrize(
    "build",
    [
        lambda: Choice("a", ()),
        lambda: Choice("a", ("x", "x")),
        lambda: Choice("a", (1, "1")),
        lambda: Choice("a b", ("x",)),
        lambda: Choice("a=", ("x",)),
        lambda: Choice("", ("x",)),
        lambda: Choice("a", ("x ",)),
        lambda: Choice("a", ("x", "y"), "ordinal"),
        lambda: Choice("a", (2, 1), "ordinal"),
        lambda: Choice("a", (0, 1), "ordinal", "log"),
        lambda: Choice("a", (0, 1), "ordinal", "cubic"),
        lambda: Choice("a", ("x",), "sorted"),
        lambda: RealChoice("r", 1.0, 1.0),
        lambda: RealChoice("r", 0.0, 1.0, "log"),
        lambda: RealChoice("r", 0.0, float("inf")),
        lambda: RealChoice("r", float("nan"), 1.0),
        lambda: Space.build("s", ()),
        lambda: Space.build("s", (AB, AB)),
        lambda: Space.build("s", (AB,), (RealChoice("a", 0.0, 1.0),)),
        lambda: Space.build("s", (AB,), cell=Cell((1,), [[(0, 1), (1, 2)]])),
        lambda: Space.build(
            "s", (AB, Choice("b", "uvw")), cell=Cell((0, 1), [[(0, 1), (1, 2), (2, 3)]])
        ),
        lambda: Space.build(
            "s", (AB, Choice("t", "u")), cell=Cell((0,), [[(0, 1), (1, 2)]] * 2, 1)
        ),
    ],
)
def test_descriptions_that_make_no_sense_are_refused(build):
    with pytest.raises(NmjaxError):
        build()
