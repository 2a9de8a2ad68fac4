import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces import Space, parse, when


def test_options_may_be_lists_none_and_text_with_blanks():
    space = Space(kernel=[[3, 5], (7, 7, "same")], norm=[None, "batch norm", 0.5])
    config = space.to_config([1, 0])
    assert config == {"kernel": (7, 7, "same"), "norm": None}
    for kernel in ((3, 5), [3, 5], np.array([3, 5]), np.float32([3, 5])):
        indices, _ = space.from_config({"kernel": kernel, "norm": "batch norm"})
        assert indices.tolist() == [0, 1]
    with pytest.raises(NmjaxError, match=r"\(3, 6\)"):
        space.from_config({"kernel": [3, 6], "norm": None})
    with pytest.raises(NmjaxError, match="no 'norm'"):
        space.from_config({"kernel": [3, 5]})


@pytest.mark.parametrize("written", ["'[3, 5]'", "[3,5]", "'(3, 5)'", '"(3.0, 5)"'])
def test_lists_are_read_as_json_and_python_write_them(written):
    space = Space(kernel=[[3, 5], [7, 7]], norm=[None, "batch norm"])
    assert parse(space, f"norm='batch norm' kernel={written}").tolist() == [0, 1]
    assert parse(space, f"norm=none kernel={written}").tolist() == [0, 0]


def test_an_open_quotation_is_refused():
    with pytest.raises(NmjaxError, match="close each quotation"):
        parse(Space(norm=["batch norm"]), "norm='batch norm")


def test_a_choice_may_depend_on_options_that_are_lists_or_none():
    space = Space(
        kernel=[[3, 5], None], pad=when([0, 1], kernel=[[3, 5]]), b=when([1], kernel=None)
    )
    assert space.to_config([0, 1, 0]) == {"kernel": (3, 5), "pad": 1}
    assert space.to_config([1, 0, 0]) == {"kernel": None, "b": 1}
