from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from nmjax.errors import NmjaxError
from nmjax.tasks import history_scores, make_history, raw_to_score, score_to_raw
from nmjax.tasks.metrics import ERROR_RESOLUTION
from nmjax.types import Metric

KINDS = list(product(("max", "min"), ("identity", "log", "log_error")))
REFERENCE = {"identity": lambda v: v, "log": np.log, "log_error": lambda v: -np.log1p(-v)}


@pytest.mark.parametrize(("direction", "transform"), KINDS)
@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit])
def test_scores_are_the_closed_form(direction, transform, wrap):
    metric = Metric("m", "u", direction, transform)
    values = np.array([[0.05, 0.3], [0.9, 0.998]])
    expected = REFERENCE[transform](values) * (1 if direction == "max" else -1)
    score = wrap(lambda v: raw_to_score(metric, v))(values)
    np.testing.assert_allclose(score, expected, rtol=1e-4)
    np.testing.assert_allclose(score_to_raw(metric, score), values, rtol=1e-5)
    assert score.dtype == jnp.float32


@pytest.mark.parametrize(
    ("word", "direction"),
    [("maximize", "max"), ("higher", "max"), ("minimize", "min"), ("lower", "min")],
)
def test_synonyms_of_a_direction_give_the_same_metric_and_the_same_scores(word, direction):
    named, plain = Metric("m", direction=word), Metric("m", direction=direction)
    assert named == plain
    assert hash(named) == hash(plain)
    assert named.direction == direction
    history = make_history(np.zeros((1, 3, 1), int), {"m": [[0.1, 0.5, 0.3]]})
    ordering = np.argsort(history_scores(history, named)[0])
    np.testing.assert_array_equal(ordering, [0, 2, 1] if direction == "max" else [1, 2, 0])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"direction": "maximum"}, "Unknown direction 'maximum': did you mean 'maximize'"),
        ({"direction": None}, "Unknown direction None"),
        ({"direction": ["max"]}, "Unknown direction"),
        ({"transform": "logit"}, "Unknown transform 'logit': did you mean 'log'"),
        ({"transform": "sqrt"}, "choose one of 'identity', 'log', 'log_error'"),
        ({"name": ""}, "Expected a metric's name"),
        ({"name": 3}, "Expected a metric's name"),
        ({"unit": None}, "unit of metric 'm' as a string"),
    ],
)
def test_unknown_words_of_a_metric_are_refused(changes, says):
    with pytest.raises(NmjaxError, match=says):
        Metric(**{"name": "m"} | changes)


@settings(deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 999).map(lambda n: n / 1000),
    st.integers(1, 999).map(lambda n: n / 1000),
)
def test_the_better_value_never_has_the_lower_score(kind, a, b):
    metric = Metric("m", "u", *kind)
    better, worse = (max(a, b), min(a, b)) if kind[0] == "max" else (min(a, b), max(a, b))
    assert raw_to_score(metric, better) >= raw_to_score(metric, worse)


@pytest.mark.parametrize(("direction", "transform"), KINDS)
def test_failed_evaluations_stay_nan(direction, transform):
    metric = Metric("m", "u", direction, transform)
    assert np.isnan(raw_to_score(metric, np.nan))
    assert np.isnan(score_to_raw(metric, np.nan))


def test_perfect_accuracy_has_a_finite_score_at_the_floor():
    score = raw_to_score(Metric("m", "u", "max", "log_error"), [1.0, 1 - ERROR_RESOLUTION / 2])
    np.testing.assert_allclose(score, -np.log(ERROR_RESOLUTION), rtol=1e-6)


@pytest.mark.parametrize("values", [[0.0, 0.0], [2.0, 0.0], [3.0, -1.0], [-0.0]])
def test_values_without_a_logarithm_are_refused(values):
    metric = Metric("m", "u", "min", "log")
    with pytest.raises(NmjaxError, match=rf"'m' above 0 .* got {min(values):g} to {max(values):g}"):
        raw_to_score(metric, values)
    score = jax.jit(lambda v: raw_to_score(metric, v))(np.array(values))
    np.testing.assert_array_equal(np.isnan(score), np.array(values) <= 0)


@pytest.mark.parametrize("value", [1e17, -1e17, 1e37, 1e38, -1e38, 1e300])
def test_scores_that_overflow_when_squared_are_failures(value):
    assert np.isnan(raw_to_score(Metric("m"), value))
    assert np.isfinite(raw_to_score(Metric("m", transform="log"), abs(value))) == (
        abs(value) < 1e300
    )


@pytest.mark.parametrize("unit", ["percent", "%"])
def test_percentages_have_the_scores_of_their_fractions(unit):
    percent = np.array([0.5, 50.0, 94.6, 100.0, np.nan])
    metric = Metric("acc", unit, "max", "log_error")
    score = raw_to_score(metric, percent)
    fractions = raw_to_score(Metric("acc", "", "max", "log_error"), percent / 100)
    np.testing.assert_allclose(score, fractions, rtol=1e-5)
    np.testing.assert_allclose(score_to_raw(metric, score)[:3], percent[:3], rtol=1e-4)
    with pytest.raises(NmjaxError, match=r"in \[0, 100\] .* got 0.5 to 101"):
        raw_to_score(metric, [0.5, 101.0])


@pytest.mark.parametrize("kind", [("max", "identity"), ("min", "log"), ("max", "log_error")])
def test_gradients(kind):
    metric = Metric("m", "u", *kind)
    values = jnp.array([0.2, 0.5, 0.8])
    check_grads(jax.jit(lambda v: raw_to_score(metric, v)), (values,), order=1, rtol=1e-2)
    check_grads(jax.jit(lambda s: score_to_raw(metric, s)), (values,), order=1, rtol=1e-2)


@settings(deadline=None)
@given(
    st.sampled_from(KINDS),
    st.floats(2e-4, 0.999),
    st.sampled_from((1.0, 1e-3, 1e4)),
)
def test_a_raw_value_comes_back_from_its_score(kind, share, unit):
    value = share if kind[1] == "log_error" else share * unit
    metric = Metric("m", "u", *kind)
    again = score_to_raw(metric, raw_to_score(metric, value))
    tolerance = {"identity": 1e-6, "log": 2e-6, "log_error": 1e-3}[kind[1]]
    np.testing.assert_allclose(again, value, rtol=tolerance)


def test_percentages_are_refused_where_accuracies_are_expected():
    metric = Metric("acc", "", "max", "log_error")
    percent = np.linspace(85, 94.6, 12)
    with pytest.raises(
        NmjaxError, match=r"'acc' in \[0, 1\] .* got 85 to 94.6. Give percentages the unit"
    ):
        raw_to_score(metric, percent)
    history = make_history(np.arange(12)[None, :, None], {"acc": percent[None]})
    with pytest.raises(NmjaxError, match="Give percentages the unit 'percent'"):
        history_scores(history, metric)
    assert np.isnan(jax.jit(lambda v: raw_to_score(metric, v))(percent)).all()
    masked = history._replace(mask=history.mask & False)
    assert np.isnan(history_scores(masked, metric)).all()


@pytest.mark.parametrize(("direction", "transform"), KINDS)
def test_infinite_values_are_failed_evaluations(direction, transform):
    values = jnp.array([np.inf, -np.inf])
    metric = Metric("m", "u", direction, transform)
    assert np.isnan(raw_to_score(metric, values)).all()
