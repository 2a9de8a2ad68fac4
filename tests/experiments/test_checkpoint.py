import gc
from typing import NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import checkpoint, fingerprint, latest_step, restore_checkpoint
from nmjax.experiments import save_checkpoint as save

pytestmark = pytest.mark.faults


class State(NamedTuple):
    key: jax.Array
    weights: dict
    nothing: None
    empty: jax.Array
    step: int


def state(seed=0):
    key, weight_key = jax.random.split(jax.random.key(seed))
    weights = {"w": jax.random.normal(weight_key, (3, 2)), "b": jnp.arange(2, dtype=jnp.bfloat16)}
    return State(jax.random.split(key, 4), weights, None, jnp.zeros((0, 5)), np.float64(1 / 3))


def assert_same(a, b):
    chex.assert_trees_all_equal(jax.random.key_data(a.key), jax.random.key_data(b.key))
    assert a.key.dtype == b.key.dtype
    chex.assert_trees_all_equal(a._replace(key=None), b._replace(key=None))
    chex.assert_trees_all_equal_dtypes(a._replace(key=None), b._replace(key=None))


def test_a_pytree_is_restored_bit_for_bit(tmp_path):
    save(tmp_path, 3, state(), config={"rate": 0.1})
    restored = restore_checkpoint(tmp_path, state(seed=1), config={"rate": 0.1})
    assert restored.step == 3
    assert_same(restored.pytree, state())
    chex.assert_trees_all_equal(
        jax.random.normal(restored.pytree.key[2]), jax.random.normal(state().key[2])
    )


def test_a_key_of_another_kind_survives(tmp_path):
    key = jax.random.key(7, impl="rbg")
    save(tmp_path, 1, key)
    restored = restore_checkpoint(tmp_path, jax.eval_shape(lambda: key)).pytree
    assert jax.random.key_impl(restored) == jax.random.key_impl(key)
    np.testing.assert_array_equal(jax.random.key_data(restored), jax.random.key_data(key))


def test_sharding_is_that_of_like(tmp_path):
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.NamedSharding(mesh, jax.P("batch"))
    save(tmp_path, 1, jnp.arange(4.0))
    restored = restore_checkpoint(tmp_path, jax.device_put(jnp.zeros(4), sharding)).pytree
    assert restored.sharding == sharding


def test_the_newest_is_kept(tmp_path):
    folder = tmp_path / "run"
    assert latest_step(folder) is None
    for step in (1, 2, 5):
        save(folder, step, jnp.full(3, step))
    assert latest_step(folder) == 5
    assert [path.name for path in folder.iterdir()] == ["5"]
    np.testing.assert_array_equal(restore_checkpoint(folder, jnp.zeros(3, int)).pytree, 5)


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_save_that_breaks_off_leaves_the_one_before(tmp_path, monkeypatch):
    save(tmp_path, 1, jnp.full(3, 1.0))
    monkeypatch.setattr("orbax.checkpoint.JsonCheckpointHandler.save", interrupt)
    monkeypatch.setattr("orbax.checkpoint.JsonCheckpointHandler.async_save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 2, jnp.full(3, 2.0))
    monkeypatch.undo()
    assert latest_step(tmp_path) == 1
    np.testing.assert_array_equal(restore_checkpoint(tmp_path, jnp.zeros(3)).pytree, 1.0)
    save(tmp_path, 2, jnp.full(3, 3.0))
    np.testing.assert_array_equal(restore_checkpoint(tmp_path, jnp.zeros(3)).pytree, 3.0)


def interrupt(*_, **__):
    raise KeyboardInterrupt


def test_another_configuration_or_version_is_refused(tmp_path, monkeypatch):
    save(tmp_path, 1, jnp.zeros(3), config={"rate": 0.1})
    with pytest.raises(NmjaxError, match="another configuration"):
        restore_checkpoint(tmp_path, jnp.zeros(3), config={"rate": 0.2})
    monkeypatch.setattr(checkpoint, "__version__", "99")
    with pytest.raises(NmjaxError, match="or version of nmjax"):
        restore_checkpoint(tmp_path, jnp.zeros(3), config={"rate": 0.1})


@pytest.mark.parametrize(
    "like",
    [
        {"a": jnp.zeros(4), "b": jnp.zeros(2)},
        {"a": jnp.zeros(3, int), "b": jnp.zeros(2)},
        {"a": jnp.zeros(3)},
        {"a": jnp.zeros(3), "c": jnp.zeros(2)},
        {"a": jnp.zeros(3), "b": jnp.zeros(2), "c": jnp.zeros(1)},
    ],
)
def test_another_structure_is_refused(tmp_path, like):
    save(tmp_path, 1, {"a": jnp.zeros(3), "b": jnp.zeros(2)})
    with pytest.raises(NmjaxError, match="was expected"):
        restore_checkpoint(tmp_path, like)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], bytes.swapcase])
def test_a_damaged_file_never_restores_other_numbers(tmp_path, damage):
    saved, messages = jnp.arange(300, dtype=jnp.float32), []
    save(tmp_path, 1, saved)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        content = path.read_bytes()
        path.write_bytes(damage(content))
        try:
            np.testing.assert_array_equal(restore_checkpoint(tmp_path, saved).pytree, saved)
        except NmjaxError as error:
            messages.append(str(error))
        path.write_bytes(content)
    gc.collect()  # Orbax leaves coroutines whose errors nobody reads.
    assert len(messages) > 3
    assert all("is damaged" in message for message in messages)


def test_what_is_not_there_or_too_old_is_refused(tmp_path):
    with pytest.raises(NmjaxError, match="no complete checkpoint"):
        restore_checkpoint(tmp_path / "none", jnp.zeros(3))
    save(tmp_path, 4, jnp.zeros(3))
    with pytest.raises(NmjaxError, match="has a checkpoint of step 4"):
        save(tmp_path, 4, jnp.zeros(3))


def test_fingerprints_distinguish_configurations_in_any_key_order():
    assert fingerprint({"a": 1, "b": [2.0]}) == fingerprint({"b": (2.0,), "a": np.int32(1)})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    with pytest.raises(NmjaxError, match=r"config\.a is a"):
        fingerprint({"a": len})
