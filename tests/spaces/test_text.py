import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmjax import spaces
from nmjax.errors import NmjaxError

GRAPH = spaces.get_space("nas-bench-graph")


def test_text_reads_as_written_in_the_package():
    architecture = np.array([6, 0, 1, 8, 7])
    text = "link=0112 op1=gat op2=gcn op3=skip op4=fc"
    assert spaces.to_text(GRAPH, architecture) == text
    np.testing.assert_array_equal(spaces.parse(GRAPH, text), architecture)
    shuffled = " ".join(reversed(text.split()))
    np.testing.assert_array_equal(spaces.parse(GRAPH, shuffled), architecture)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.sampled_from(spaces.catalog.names()), st.data())
def test_round_trip(name, data):
    space = spaces.get_space(name)
    architecture = [data.draw(st.integers(0, count - 1)) for count in space.num_options]
    parsed = spaces.parse(space, spaces.to_text(space, np.array(architecture)))
    assert parsed.dtype == np.int32
    assert parsed.tolist() == architecture


def test_numbers_may_be_written_in_any_way():
    text = "alpha=0.00000001 batch_size=4.0 depth=2 learning_rate_init=1.0 width=1.6e1"
    np.testing.assert_array_equal(spaces.parse(spaces.get_space("hpobench"), text), [0, 0, 1, 9, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("link=0112 op1=gta op2=gcn op3=skip op4=fc", "gat"),
        ("link=0112 op1=gat op2=gcn op3=skip opp4=fc", "op4"),
        ("link=0112 op1=gat op2=gcn op3=skip", r"op4.*missing"),
        ("link=0112 op1=gat op1=gat op2=gcn op3=skip op4=fc", "twice"),
        ("0112 gat gcn skip fc", "choice=option"),
        ("link=0.112 op1=gat op2=gcn op3=skip op4=fc", "0112"),
    ],
)
def test_wrong_text_is_answered_with_what_is_right(text, message):
    with pytest.raises(NmjaxError, match=message):
        spaces.parse(GRAPH, text)


@pytest.mark.parametrize(
    "architecture",
    [np.zeros(4, int), np.zeros((1, 5), int), np.zeros(5), np.array([9, 0, 0, 0, 0]), -jnp.ones(5)],
)
def test_invalid_architectures_have_no_text(architecture):
    with pytest.raises(NmjaxError):
        spaces.to_text(GRAPH, architecture)
