"""Compiled programs are kept between processes unless the user chose otherwise."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import jax, nmjax.compilation_cache as cache
{before}
cache.enable_compilation_cache()
{after}
print(jax.config.jax_compilation_cache_dir)
"""


def run(tmp_path, before="", after="", **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_COMP", "NMJAX"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, after=after)],
        env=clean | {"NMJAX_CACHE": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_programs_are_kept_in_the_cache_folder(tmp_path):
    assert run(tmp_path) == str(tmp_path / "xla")


@pytest.mark.parametrize("word", ["off", "OFF", "0", "false", "no"])
def test_an_environment_variable_turns_it_off(tmp_path, word):
    assert run(tmp_path, NMJAX_COMPILATION_CACHE=word) == "None"


def test_one_line_turns_it_off(tmp_path):
    assert run(tmp_path, after="cache.disable_compilation_cache()") == "None"
    again = "cache.disable_compilation_cache(); cache.enable_compilation_cache()"
    assert run(tmp_path, after=again) == "None"


def test_settings_of_the_user_win(tmp_path):
    line = "jax.config.update('jax_compilation_cache_dir', 'mine')"
    assert run(tmp_path, before=line) == "mine"
    assert run(tmp_path, JAX_COMPILATION_CACHE_DIR="theirs") == "theirs"
    assert run(tmp_path, before=line, after="cache.disable_compilation_cache()") == "mine"
