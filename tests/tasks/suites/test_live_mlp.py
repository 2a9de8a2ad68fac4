"""The suite that nmjax makes: what ships with it is what training measures."""

from pathlib import Path

import jax
import numpy as np
import pytest

from nmjax import live
from nmjax.errors import NmjaxError
from nmjax.spaces import get_space
from nmjax.tasks import load_suite
from nmjax.tasks.suites import live_mlp, read_live_records


@pytest.fixture(scope="module")
def suite():
    return load_suite("live-mlp")


@pytest.fixture(scope="module")
def records():
    return read_live_records()


def test_metrics_are_means_over_seeds_and_any_failed_seed_is_a_failure(suite, records):
    np.testing.assert_array_equal(suite.pool, records.pool)
    final = records.curve[..., -1]
    np.testing.assert_allclose(suite.metrics["val_acc"], final.mean(-1), rtol=1e-6)
    np.testing.assert_allclose(suite.metrics["test_acc"], records.test.mean(-1), rtol=1e-6)
    np.testing.assert_allclose(
        suite.metrics["val_acc_epoch2"], records.curve[..., 1].mean(-1), rtol=1e-6
    )
    failed = np.isnan(suite.metrics["val_acc"])
    np.testing.assert_array_equal(failed, np.isnan(final).any(-1))
    assert 0 < failed.mean() < 0.1
    assert (np.nan_to_num(records.curve) <= 1).all()


def test_what_diverged_stays_so(records):
    failed = np.isnan(records.curve)
    assert (failed[..., :-1] <= failed[..., 1:]).all()


def test_costs_and_context_are_those_of_the_tasks(suite, records):
    assert suite.tasks == tuple(name for group in live.list_tasks() for name in group)
    task = live.load_task("wine")
    place = suite.tasks.index("wine")
    np.testing.assert_allclose(records.context[place], task.context, rtol=1e-4)
    family = live.MLPFamily(task.inputs, task.classes)
    own = suite.pool[:: len(suite.pool) // 7, :4]
    sizes = [sum(w.size for w in jax.tree.leaves(shapes(family, child, task))) for child in own]
    column = suite.metrics["parameters"][place, :: len(suite.pool) // 7]
    np.testing.assert_array_equal(column, sizes)
    assert (suite.metrics["multiplications"] < suite.metrics["parameters"]).all()


def shapes(family, child, task):
    with jax.numpy_rank_promotion("allow"):
        return jax.eval_shape(family.build(child).init, jax.random.key(0), task.data.train.x)


def test_settings_record_how_the_table_was_made(records):
    assert {"command", "commit", "versions", "seeds", "epochs"} <= set(records.settings)
    assert len(records.settings["context"]) == records.context.shape[1]


def test_a_missing_or_damaged_file_is_an_error(tmp_path):
    whole = (Path(live_mlp.__file__).parent / live_mlp.FILE).read_bytes()
    inside = bytearray(whole)
    inside[500:900] = bytes(400)
    for number, content in enumerate((None, b"", whole[:5000], bytes(inside))):
        path = tmp_path / f"live-mlp{number}.npz"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(NmjaxError, match="reinstall nmjax"):
            live_mlp.read(path, "iris", get_space("live-mlp"))


@pytest.mark.slow
def test_retraining_gives_the_stored_scores(suite, records, unoptimized):
    space, task, step = suite.space, live.load_task("iris"), 97
    own, hyper = live.split_architecture(space, live.MLPFamily(4, 3), suite.pool)
    rows = np.flatnonzero(suite.pool[:, space.names.index("optimizer")] == 0)
    settings = records.settings
    config = live.TrainingConfig("sgd", settings["epochs"], settings["batch_size"])
    key = jax.random.key(0)
    numbers = live.TrainingHyper(learning_rate=hyper.learning_rate[rows])
    found = live.train_children(
        key, live.MLPFamily(4, 3), own[rows], task.data, numbers, config=config
    )
    stored = records.curve[0, rows[::step], 0, -1]
    np.testing.assert_allclose(found.score[::step], stored, atol=1.01 / 30)
