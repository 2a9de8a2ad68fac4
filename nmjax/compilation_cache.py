"""Persistent cache of compiled programs, and random numbers that compile faster.

`nmjax.learn`, `nmjax.Study` and the command line enable both. A cache that the user has configured
(`JAX_COMPILATION_CACHE_DIR`, or `jax_compilation_cache_dir` in `jax.config`) is not changed.
`NMJAX_COMPILATION_CACHE=off` changes nothing in JAX, and `disable_compilation_cache()` disables the
cache.
"""

import os
from pathlib import Path

_SWITCH = "NMJAX_COMPILATION_CACHE"


def cache_folder() -> Path:
    """Folder of all files that nmjax caches: `NMJAX_CACHE`, or `nmjax` in the user's cache folder.

    Example:
      >>> from nmjax.compilation_cache import cache_folder
      >>> cache_folder().name
      'nmjax'
    """
    if chosen := os.environ.get("NMJAX_CACHE"):
        return Path(chosen)
    user = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(user) / "nmjax"


def enable_compilation_cache() -> None:
    """Keep compiled programs in `cache_folder()`, unless the user has configured another cache.

    Random numbers are compiled by `unroll_threefry`.

    Example:
      >>> from nmjax.compilation_cache import enable_compilation_cache
      >>> enable_compilation_cache()
    """
    if os.environ.get(_SWITCH, "").lower() in ("off", "0", "false", "no"):
        return
    import jax

    from nmjax.threefry import unroll_threefry

    unroll_threefry()
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or _current_folder():
        return
    jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def disable_compilation_cache() -> None:
    """Disable the cache of compiled programs for the rest of this process.

    Example:
      >>> from nmjax.compilation_cache import disable_compilation_cache
      >>> disable_compilation_cache()
    """
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    os.environ[_SWITCH] = "off"
    if _current_folder() == str(cache_folder() / "xla"):
        jax.config.update("jax_compilation_cache_dir", None)
        compilation_cache.reset_cache()


def _current_folder() -> str | None:
    import jax

    return getattr(jax.config, "jax_compilation_cache_dir", None)
