from datetime import date

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nmjax.spaces import Choice, RealChoice, Space
from nmjax.spaces.description.options import option_text
from nmjax.tasks import history_from_frame
from nmjax.tasks.tables.options import MISSING, OUTSIDE, parse_bounded, parse_options


@pytest.mark.parametrize(
    ("options", "values", "expected"),
    [
        ((16, 64), ["64", "64.0", 64.0, " 64 ", "6.4e1", np.int64(64), "16"], [1] * 6 + [0]),
        (("16", "64"), [64, 64.0, "64.0"], [1, 1, 1]),
        (("0012", "0123"), ["0012", 12, "12"], [0, OUTSIDE, OUTSIDE]),
        ((True, False), ["True", "true", "TRUE", "1", 1, 1.0, True, "no"], [0] * 7 + [1]),
        ((True, 2), ["true", 1, 2], [0, OUTSIDE, 1]),
        (("[3,5]", "(1,1)"), ["[3, 5]", [3, 5], (3, 5), "(3,5)", np.array([1, 1])], [0] * 4 + [1]),
        (("3,5", "relu,tanh"), ["[3, 5]", ["relu", "tanh"], "['relu', 'tanh']"], [0, 1, 1]),
        (("a\nb".replace("\n", "\\n"), "sqrt"), ["'sqrt'", '"sqrt"', " sqrt"], [1, 1, 1]),
        (("maxpool", "none"), ["max pool", "None", None], [0, MISSING, MISSING]),
        (("batch", "None"), ["None", None, "", "-", "null"], [1] + [MISSING] * 4),
        (("batch", "-"), ["-"], [1]),
        ((0.5, 1000000, 1000001), ["1000000.4", 1000001], [OUTSIDE, 2]),
        ((1e-8, 7.742637e-8), [7.742637e-08 * (1 + 5e-7), np.float32(1e-8)], [1, 0]),
        ((None, "batch"), ["None", None, ""], [0, 0, 0]),
        ((1, (3, 5)), ["[3, 5]", [3.0, 5], "(3,5)", [date(2024, 1, 1)]], [1, 1, 1, OUTSIDE]),
        (((3, 5), "3,5"), ["[3, 5]", "3,5", [3, 5]], [0, 1, 0]),
        (("é", "e"), ["é", '"\\u00e9"'], [0, 0]),
    ],
)
def test_values_are_matched_by_their_text_and_then_by_their_form(options, values, expected):
    assert parse_options(values, Choice("a", options)).tolist() == expected


def test_decimal_commas_are_numbers_only_where_a_table_has_them():
    choice = Choice("rate", (0.5, 1.5), "ordinal")
    assert parse_options(["1,5"], choice, commas=True).tolist() == [1]
    assert parse_options(["1,5"], choice).tolist() == [OUTSIDE]
    assert parse_options(["1,5"], Choice("k", ("1,5", "x")), commas=True).tolist() == [0]


def test_real_values_are_inside_outside_or_missing():
    column = ["0.5", 2, "inf", "-", None, "x", "1_0", True]
    values, outside = parse_bounded(column, RealChoice("rate", 0.0, 1.0))
    np.testing.assert_array_equal(values[[0, 3, 4]], [0.5, np.nan, np.nan])
    assert outside.tolist() == [False, True, True, False, False, True, True, False]


WORDS = st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=6)
SCALARS = st.one_of(st.none(), WORDS, st.integers(-99, 99), st.floats(-1e30, 1e30), st.booleans())
OPTIONS = st.lists(
    st.one_of(SCALARS, st.tuples(st.integers(1, 9), SCALARS)), min_size=1, max_size=6
)


@settings(deadline=None, max_examples=200)
@given(OPTIONS)
def test_every_option_is_found_by_its_text_and_by_its_value(options):
    distinct = list({str(option): option for option in options}.values())
    if len(set(distinct)) < len(distinct):
        return
    choice = Choice("a", tuple(distinct))
    texts = list(map(option_text, choice.options))
    assert parse_options(texts, choice).tolist() == list(range(len(texts)))
    assert parse_options(list(choice.options), choice).tolist() == list(range(len(texts)))


def test_false_beside_a_number_stays_false():
    frame = {"task": ["a", "a"], "x": [0.5, False], "loss": [1.0, 2.0]}
    past = history_from_frame(frame, Space(x=[False, 0.5]), minimize="loss")
    assert past.history.architecture[0, :, 0].tolist() == [1, 0]
