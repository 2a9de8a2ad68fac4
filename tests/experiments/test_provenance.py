import json
import platform
import re
import shutil
import socket
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

import nmjax.version
from nmjax.experiments import collect_provenance, provenance

CHECKOUT = Path(nmjax.version.__file__).parents[1]


def test_versions_and_device_are_those_of_this_process():
    got = collect_provenance()
    assert got["versions"]["python"] == platform.python_version()
    assert got["versions"]["jax"] == jax.__version__
    assert got["versions"]["numpy"] == np.__version__
    assert got["versions"]["nmjax"] == nmjax.version.__version__
    assert set(got["versions"]) == {"python", "jax", "jaxlib", "numpy", "nmjax"}
    assert got["device"]["platform"] == jax.default_backend()
    assert got["device"]["count"] == jax.device_count()
    assert got["device"]["cpus"] >= 1


def test_command_names_no_folder_of_this_machine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [
        "/opt/python/bin/python3",
        "-m",
        "benchmarks.search",
        f"--out={CHECKOUT}/benchmarks/results/a.json",
        str(tmp_path / "runs" / "b"),
        "/home/someone/secret/data.npz",
        "benchmarks/c.py",
        "https://example.org/d/e",
        "1/2",
    ]
    assert collect_provenance(command)["command"] == (
        "python3",
        "-m",
        "benchmarks.search",
        "--out=benchmarks/results/a.json",
        "runs/b",
        "data.npz",
        "benchmarks/c.py",
        "https://example.org/d/e",
        "1/2",
    )


def test_nothing_names_the_machine():
    text = json.dumps(collect_provenance())
    assert str(CHECKOUT) not in text
    assert str(Path.home()) + "/" not in text
    assert f'"{socket.gethostname()}"' not in text


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of its own, with the module under test in it."""
    source = tmp_path / "nmjax" / "experiments" / "provenance.py"
    source.parent.mkdir(parents=True)
    shutil.copy(provenance.__file__, source)
    monkeypatch.setattr(provenance, "__file__", str(source))
    return tmp_path


def git(folder, *arguments):
    name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


def test_commit_and_dirty_are_those_of_the_checkout(checkout):
    assert collect_provenance()["commit"] is None
    assert collect_provenance()["dirty"] is None
    git(checkout, "init")
    assert collect_provenance()["commit"] is None
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "one")
    assert re.fullmatch("[0-9a-f]{40}", collect_provenance()["commit"])
    assert collect_provenance()["dirty"] is False
    results = checkout / "benchmarks" / "results"
    results.mkdir(parents=True)
    (results / "a.json").write_text("{}")
    assert collect_provenance()["dirty"] is False
    (checkout / "nmjax" / "new.py").write_text("")
    assert collect_provenance()["dirty"] is True


def test_a_surrounding_repository_is_not_the_checkout(checkout, monkeypatch):
    git(checkout, "init")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "one")
    installed = checkout / "site-packages" / "nmjax" / "experiments" / "provenance.py"
    installed.parent.mkdir(parents=True)
    shutil.copy(provenance.__file__, installed)
    monkeypatch.setattr(provenance, "__file__", str(installed))
    assert collect_provenance()["commit"] is None
