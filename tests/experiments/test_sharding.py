import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.experiments import (
    batch_mesh,
    gather_batch,
    initialize_distributed,
    replicate,
    shard_batch,
)

pytestmark = pytest.mark.skipif(jax.device_count() < 2, reason="needs two devices")


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_a_batch_comes_back_as_it_went_out(size):
    batch = {"x": jnp.arange(3.0 * size).reshape(size, 3), "n": np.arange(size)}
    back = gather_batch(shard_batch(batch, batch_mesh()), size)
    np.testing.assert_array_equal(back["x"], batch["x"])
    np.testing.assert_array_equal(back["n"], batch["n"])


def test_each_device_holds_its_part():
    mesh = batch_mesh()
    sharded = shard_batch(jnp.arange(5), mesh)
    parts = [np.asarray(shard.data).tolist() for shard in sharded.addressable_shards]
    assert parts == [[0, 1, 2], [3, 4, 4]]
    assert len(replicate(jnp.arange(5), mesh).addressable_shards) == mesh.size


def test_typed_keys_keep_their_type_and_value():
    keys = jax.random.split(jax.random.key(0), 4)
    sharded = shard_batch(keys, batch_mesh())
    assert sharded.dtype == keys.dtype
    assert len(sharded.sharding.device_set) == 2
    np.testing.assert_array_equal(jax.random.key_data(sharded), jax.random.key_data(keys))


def test_no_more_devices_than_entries_are_used():
    assert [batch_mesh(size).size for size in (1, 2, 9)] == [1, 2, 2]
    assert batch_mesh().size == jax.device_count()


def test_half_an_address_is_refused():
    with pytest.raises(NmjaxError, match="give all three"):
        initialize_distributed("localhost:1", process_id=0)
