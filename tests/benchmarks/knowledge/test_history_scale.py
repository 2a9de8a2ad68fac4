import json

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import Ridge

from benchmarks.knowledge import history_scale
from nmjax.experiments import read_result
from nmjax.predictors import init_moments, ridge_weights, update_moments
from nmjax.spaces import encode
from nmjax.tasks import load_history, open_store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale") / "past"
    assert history_scale.build(folder, evaluations=1200, tasks=4, appends=3) == 1200
    return folder


def test_stages_see_the_whole_store(folder):
    assert history_scale.opened(folder).items() >= {"tasks": 4, "evaluations": 1200}.items()
    assert history_scale.filtered(folder)["evaluations"] == 300


@pytest.mark.slow
def test_what_is_learned_in_batches_is_the_ridge_of_a_task(folder, monkeypatch, capsys):
    monkeypatch.setattr(history_scale, "BATCH", 128)
    row = history_scale.learned(folder)
    history = load_history(open_store(folder)).history
    score = np.asarray(history.metrics["accuracy"])
    assert row["tasks"] == 4
    assert row["succeeded"] == np.isfinite(score).sum() < 1200
    assert history_scale.learned(folder, 0.25)["tasks"] == 1
    features = np.asarray(encode(open_store(folder).space, history.architecture[1]))
    moments = update_moments(init_moments(features.shape[1]), features, score[1])
    weights, intercept = ridge_weights(moments, jnp.float32(1))
    known = np.isfinite(score[1])
    exact = Ridge(alpha=1.0).fit(features[known], score[1][known])
    np.testing.assert_allclose(features @ weights + intercept, exact.predict(features), atol=1e-3)


@pytest.mark.slow
def test_a_small_run_has_its_rows_and_targets(results):
    history_scale.main(["--evaluations", "2000", "--tasks", "4"])
    result = read_result(results / "knowledge/history_scale.json")
    assert [row["stage"] for row in result.rows] == ["append", *history_scale.STAGES]
    assert all(row["seconds"] > 0 for row in result.rows)
    assert [target.threshold for target in result.targets] == [2, 1, history_scale.GROWTH_MIB]
    json.dumps(result.rows)
