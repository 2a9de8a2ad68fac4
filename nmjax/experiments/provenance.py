"""The code version, command and device of a run."""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

from nmjax.version import __version__

# Results are in the checkout; a new result file does not change the code.
_NOT_CODE = (":!benchmarks/results", ":!nmjax/evaluation/stored")
_ABSOLUTE = re.compile(r"(?<![\w.:/~])(?:/[\w.+@-]+)+/?")


def collect_provenance(command: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the fields `commit`, `dirty`, `command`, `versions` and `device` of a `Result`.

    They contain no host name, user or path of the machine: absolute paths in `command` become
    relative to the checkout or the working folder, or a bare name.

    Args:
      command: program and arguments; those of this process by default.

    Example:
      >>> from nmjax.experiments import collect_provenance
      >>> collect_provenance(["python", "-m", "mine"])["command"]
      ('python', '-m', 'mine')
    """
    checkout = Path(__file__).resolve().parents[2]
    commit = _git(checkout, "rev-parse", "HEAD") if (checkout / ".git").exists() else None
    changes = _git(checkout, "status", "--porcelain", "--", ".", *_NOT_CODE) if commit else None
    devices = jax.devices()
    return {
        "commit": commit,
        "dirty": None if changes is None else bool(changes),
        "command": _portable(sys.orig_argv if command is None else command, checkout),
        "versions": {
            "python": platform.python_version(),
            "jax": jax.__version__,
            "jaxlib": metadata.version("jaxlib"),
            "numpy": np.__version__,
            "nmjax": __version__,
        },
        "device": {
            "platform": devices[0].platform,
            "kind": devices[0].device_kind,
            "count": len(devices),
            "cpus": os.cpu_count(),
        },
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _portable(command: Sequence[str], checkout: Path) -> tuple[str, ...]:
    def shorten(match: re.Match[str]) -> str:
        path = Path(match.group())
        for folder in (checkout, Path.cwd()):
            if path.is_relative_to(folder):
                return path.relative_to(folder).as_posix()
        return path.name

    program, *arguments = command
    return (Path(program).name, *(_ABSOLUTE.sub(shorten, argument) for argument in arguments))
