"""Latency on unseen devices, on synthetic devices whose costs add up."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.linear_model import Ridge

from benchmarks.reproductions import latency, latency_models
from benchmarks.reproductions import latency_protocols as protocols
from benchmarks.reproductions.latency_tables import (
    HELP_SETS,
    NASFLAT_SETS,
    DeviceSet,
    fbnet_costs,
    kind,
    make_table,
    nas_bench_201_costs,
    read_table,
)
from nmjax.errors import NmjaxError
from nmjax.predictors import LinearPrior

SMALL = latency_models.Settings(components=100)


@pytest.fixture(scope="module")
def table():
    """Four sources that are dominated by convolutions, and a target by what they do not show."""
    rng = np.random.default_rng(0)
    architecture = rng.integers(0, 9, (600, 22), dtype=np.int32)
    costs = latency_models.unit_columns(fbnet_costs(architecture))
    latency = {
        f"gpu{i}": 50 + costs @ np.array([3, i, 0, 0, 0, 0, 0, 0]) + rng.normal(0, 0.05, 600)
        for i in range(4)
    }
    latency["target"] = 70 + 2 * costs[:, 2] + 3 * costs[:, 5] + rng.normal(0, 0.1, 600)
    return make_table("fbnet", architecture, np.arange(10), latency)


@pytest.fixture(scope="module")
def known(table):
    rows = {f"gpu{i}": np.arange(300) for i in range(4)}
    past = protocols.fit_past(table, rows)
    return protocols.prepare(table, protocols.join(past, tuple(rows)), SMALL)


def test_costs_of_fbnet_by_hand():
    skips = np.full((1, 22), 8, np.int32)
    # Skips that change the shape, from 16, 24, 32, 64, 112 and 184 channels.
    assert fbnet_costs(skips)[0, 0] == 6
    assert (
        fbnet_costs(skips)[0, 2]
        == (16 * 24 * 32**2 + 24 * 32 * 16**2 + 32 * 64 * 8**2 + 64 * 112 * 8**2 + 112 * 184 * 4**2)
        + 184 * 352 * 4**2
    )
    one = skips.copy()
    one[0, 0] = 2  # 16 to 16 channels at 32 x 32, kernel 3, expansion 3
    pointwise = 2 * 16 * 48 * 32**2
    touched = (16 + 2 * 48) * 32**2 * 2
    expected = [3, 0, pointwise, 9 * 48 * 32**2, touched, 2 * 16 * 48 + 9 * 48, 48 * 32**2, 0]
    assert (fbnet_costs(one) - fbnet_costs(skips))[0].tolist() == expected
    grouped, plain = one.copy(), one.copy()
    grouped[0, 0], plain[0, 0] = 5, 4
    change = (fbnet_costs(grouped) - fbnet_costs(plain))[0]
    assert change.tolist() == [0, 1, -16 * 16 * 32**2, 0, 0, -16 * 16, 0, 0]


def test_dead_code_costs_nothing_where_it_is_removed():
    # Edges (0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3); 0 is none, 3 a 3 x 3 convolution.
    cells = np.array([[3, 3, 3, 2, 0, 0], [3, 0, 3, 0, 0, 1], [3, 3, 3, 0, 0, 0]])
    assert nas_bench_201_costs(cells).tolist() == [
        [0, 1, 3, 0, 0, 1, 0, 0],
        [1, 0, 2, 0, 1, 0, 2, 0],
        [0, 0, 3, 0, 0, 0, 0, 0],
    ]


def test_a_source_is_fitted_by_the_greatest_evidence():
    """Against a brute force over the same grid, by the marginal likelihood of the labels."""
    rng = np.random.default_rng(1)
    costs, options = rng.normal(size=(30, 2)), rng.normal(size=(30, 3))
    y = costs @ [1.0, -0.5] + options @ [0.1, 0.0, 0.2] + rng.normal(0, 0.3, 30)
    centered = [x - x.mean(axis=0) for x in (costs / np.sqrt(2), options)]
    # A basis of what is orthogonal to the constant, where the intercept is integrated out.
    basis = np.linalg.svd(np.ones((1, 30)))[2][1:]
    best, expected = -np.inf, None
    for share in latency_models._SHARES:
        for gain in latency_models._SIGNAL_TO_NOISE:
            x = np.concatenate([centered[0], np.sqrt(share) * centered[1]], axis=1)
            covariance = basis @ (np.eye(30) + gain * x @ x.T) @ basis.T
            z = basis @ y
            scale = z @ np.linalg.solve(covariance, z) / 29  # the likeliest scale
            evidence = multivariate_normal(np.zeros(29), scale * covariance).logpdf(z)
            if evidence > best:
                best, expected = (
                    evidence,
                    Ridge(1 / gain, fit_intercept=False).fit(x, y - y.mean()).coef_
                    * np.array([1, 1, *[np.sqrt(share)] * 3]),
                )
    found = latency_models.fit_source(costs, options, y)
    np.testing.assert_allclose(found[0], expected[:2] / np.sqrt(2), rtol=1e-6)
    np.testing.assert_allclose(found[1], expected[2:], rtol=1e-6)


def test_what_is_averaged_is_the_posterior_mean_of_each_prior_by_its_evidence():
    rng = np.random.default_rng(2)
    features = np.insert(rng.normal(size=(40, 3)), 0, 1, axis=1)
    rows, shape, rate = np.arange(6), 3.0, 2.0
    mean, variance = rng.normal(size=(5, 4)), rng.uniform(0.1, 1, (5, 4))
    noise = rng.uniform(0.05, 1, 5)
    y = rng.normal(size=6)
    unit, x = (y - y.mean()) / y.std(), features[rows]
    evidence, predictions = [], []
    for m, v, n in zip(mean, variance, noise, strict=True):
        covariance = (x * v) @ x.T + n * np.eye(6)
        weights = np.linalg.solve(covariance, unit - x @ m)
        # A multivariate Student-t, up to what all priors share.
        quadratic = (unit - x @ m) @ weights
        evidence.append(
            -0.5 * np.linalg.slogdet(covariance)[1] - (shape + 3) * np.log(rate + quadratic / 2)
        )
        predictions.append(features @ (m + v * (x.T @ weights)))
    weights = np.exp(np.array(evidence) - np.max(evidence))
    priors = LinearPrior(
        *(jnp.asarray(leaf, jnp.float32) for leaf in (mean, variance, noise)),
        jnp.full(5, shape),
        jnp.full(5, rate),
    )
    pool = jnp.asarray(features, jnp.float32)
    found = latency_models.adapt(priors, pool, pool[rows], jnp.asarray(y, jnp.float32))
    expected = weights @ np.array(predictions) / weights.sum()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_priors_are_of_labels_of_unit_spread():
    features = np.random.default_rng(3).normal(size=(500, 5)) @ np.diag([1, 2, 3, 1, 1])
    priors = latency_models.device_priors(
        jax.random.key(0),
        jnp.asarray(features.T @ features / 500, jnp.float32),
        num_sources=2,
        settings=SMALL,
    )
    assert (np.asarray(priors.mean) >= 0).all()
    spread = (features @ np.asarray(priors.mean)[:, 1:].T).std(axis=0)
    low, high = SMALL.amplitude
    assert low * 0.95 < spread.min() < spread.max() < high * 1.05
    slack = np.asarray(priors.variance)[:, 1:3].sum(axis=1)
    assert SMALL.slack[0] <= slack.min() * 1.001
    assert slack.max() <= SMALL.slack[1] * 1.001
    np.testing.assert_allclose(slack, np.asarray(priors.variance)[:, 3:].sum(axis=1), rtol=1e-4)


def test_chosen_rows_are_greedy_in_the_volume_of_the_weights():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(15, 3)).astype(np.float32)
    mean = rng.normal(size=(4, 3)).astype(np.float32)
    variance = rng.uniform(0.1, 1, (4, 3)).astype(np.float32)
    noise = rng.uniform(0.05, 1, 4).astype(np.float32)
    priors = LinearPrior(*map(jnp.asarray, (mean, variance, noise)), jnp.full(4, 3.0), jnp.ones(4))
    allowed = np.arange(15) % 3 > 0
    found = latency_models.choose(priors, jnp.asarray(features), jnp.asarray(allowed), number=5)
    # E[s2] = rate / (shape - 1) = 1/2; the mixture's covariance is within plus between.
    covariance = np.cov(mean.T, bias=True) + 0.5 * np.diag(variance.mean(axis=0))
    chosen = []
    for _ in range(5):

        def volume(row, so_far):
            x = features[[*so_far, row]]
            return np.linalg.slogdet(np.eye(len(x)) + x @ covariance @ x.T / (0.5 * noise.mean()))[
                1
            ]

        left = [row for row in np.flatnonzero(allowed) if row not in chosen]
        chosen.append(max(left, key=lambda row: volume(row, tuple(chosen))))
    assert np.asarray(found).tolist() == chosen


@pytest.mark.slow
def test_a_device_unlike_its_sources_is_learned_from_costs(table, known):
    rows = np.random.default_rng(5).choice(600, 20, replace=False)
    supports = dict.fromkeys([*protocols.TRIVIAL, *protocols.PARTS], rows)
    supports[protocols.CHOSEN] = protocols.chosen_rows(known, np.ones(600, bool))
    scores = protocols.evaluate(known, "target", supports, np.arange(600))
    assert scores[protocols.OURS] > 0.97
    assert scores[protocols.CHOSEN] > 0.97
    assert scores[protocols.OURS] > max(scores[name] for name in protocols.TRIVIAL) + 0.05
    assert scores["ours, no costs"] < 0.9


@pytest.mark.slow
def test_a_device_like_its_sources_is_learned_from_them(table):
    rows = {f"gpu{i}": np.arange(300) for i in range(3)}
    known = protocols.prepare(
        table, protocols.join(protocols.fit_past(table, rows), tuple(rows)), SMALL
    )
    support = dict.fromkeys(["trivial 1", "ours, no costs"], np.arange(400, 410))
    scores = protocols.evaluate(known, "gpu3", support, np.arange(600))
    assert min(scores.values()) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("method", [*protocols.TRIVIAL, *protocols.PARTS])
def test_labels_of_other_architectures_are_not_read(table, known, method):
    rows = np.arange(580, 600)
    hidden = np.full(600, np.nan)
    hidden[rows] = table.latency["target"][rows]
    predicted = protocols.predict(known, method, rows, hidden[rows])
    assert np.isfinite(predicted).all()
    past = protocols.fit_past(table, {"gpu0": np.arange(300)})["gpu0"]
    blind = {"gpu0": np.where(np.arange(600) < 300, table.latency["gpu0"], np.nan)}
    blinded = make_table("fbnet", np.argmax(table.options.reshape(600, 22, 9), -1), rows, blind)
    again = protocols.fit_past(blinded, {"gpu0": np.arange(300)})["gpu0"]
    np.testing.assert_array_equal(past.fitted, again.fitted)
    np.testing.assert_array_equal(past.ridge, again.ridge)


@pytest.mark.slow
def test_protocols_run_and_targets_are_held_against_the_better_baseline(table, monkeypatch):
    monkeypatch.setattr(protocols, "SOURCE_ROWS", 200)
    monkeypatch.setitem(protocols.POOL, "fbnet", 300)
    monkeypatch.setattr(protocols, "QUERIES", 200)
    sets = {"one": DeviceSet(("gpu0", "gpu1"), ("target", "gpu3"))}
    found = latency.collect([protocols.fbnet_draw(table, sets, draw) for draw in range(2)])
    assert {scores.shape for scores in found.values()} == {(2, 2)}
    found = latency.average(found, ("one",))
    np.testing.assert_allclose(found["mean", "ours"][:, 0], found["one", "ours"].mean(axis=1))
    target = latency.difference_target(found, "one", -0.01)
    better = max(found["one", name].mean() for name in protocols.TRIVIAL)
    assert target.value <= found["one", "ours"].mean() - better
    row = latency.summary_rows(found, {"one": sets["one"].targets})[0]
    assert list(row["targets"]) == ["target", "gpu3"]

    helped = latency.collect([protocols.help_draw({"fbnet": table}, {"fbnet": sets["one"]}, 0)])
    assert {name for name, _ in helped} == {
        "fbnet 10",
        "fbnet 10 + 10",
        "fbnet 10 + 10 uncut",
        "fbnet 20",
    }


def test_targets_are_not_sources_and_kinds_are_distinguished():
    for devices in (*NASFLAT_SETS.values(), *HELP_SETS.values()):
        assert not set(devices.sources) & set(devices.targets)
    assert [kind(name) for name in ("silver_4114", "fpga", "pixel2", "titanxp_64")] == [
        "cpu",
        "edge",
        "phone",
        "gpu",
    ]


def test_a_folder_without_the_data_is_refused(tmp_path: Path):
    with pytest.raises(NmjaxError, match="NMJAX_DATA"):
        read_table("fbnet", tmp_path)
