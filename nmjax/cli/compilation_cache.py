"""Compiled programs between runs."""

import os


def keep_compiled() -> None:
    """Keep compiled programs between runs, where the user has not chosen a folder for them."""
    import jax

    from nmjax.tasks.files.array_cache import cache_folder

    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
