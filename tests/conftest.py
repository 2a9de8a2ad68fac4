"""Strict JAX for every test: what would only warn elsewhere is an error here."""

import jax
import pytest

import tests.compile_fast  # noqa: F401

jax.config.update("jax_num_cpu_devices", 2)  # so that what is sharded is
jax.config.update("jax_legacy_prng_key", "error")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_configure(config):
    """Short tests spend most of their time in XLA's optimization; long ones compile as users do.

    What is compiled is kept, for the other worker and for later runs.
    """
    if hasattr(config, "cache"):
        jax.config.update("jax_compilation_cache_dir", str(config.cache.mkdir("xla")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    if config.getoption("markexpr") == "not slow":
        jax.config.update("jax_disable_most_optimizations", True)


def _unoptimized():
    """Programs that are compiled fast, for slow tests that run each of many but once."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


unoptimized = pytest.fixture(_unoptimized)
unoptimized_module = pytest.fixture(_unoptimized, scope="module")


@pytest.fixture
def float64():
    """Double precision within one test."""
    with jax.enable_x64(True):
        yield
