"""Connect the processes of a distributed run, and agree on what only the first of them knows."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils

from nmjax.errors import NmjaxError


def initialize_distributed(
    coordinator: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Connect this process to the others of a run; call it before anything else uses JAX.

    On TPU pods, Slurm, Open MPI and Kubernetes, JAX finds the arguments by itself. The processes
    wait for one another here, so that none times out while another still loads its data.

    Args:
      coordinator: address of process 0 as HOST:PORT.
      num_processes: number of processes.
      process_id: number of this process, from 0.

    Raises:
      NmjaxError: some but not all arguments are given, or JAX cannot connect.

    Example:
      >>> from nmjax.experiments import initialize_distributed
      >>> initialize_distributed("10.0.0.1:1234", 2, 0)  # doctest: +SKIP
    """
    given = [value is not None for value in (coordinator, num_processes, process_id)]
    if any(given) and not all(given):
        raise NmjaxError(
            f"Got coordinator={coordinator}, num_processes={num_processes} and "
            f"process_id={process_id}; give all three, or none to detect them."
        )
    try:
        jax.distributed.initialize(coordinator, num_processes, process_id)
        multihost_utils.sync_global_devices("nmjax: start")
    except (RuntimeError, ValueError) as error:
        raise NmjaxError(
            f"This process cannot join a distributed run ({error}): give the address of process "
            "0, the number of processes and this process's number."
        ) from error


def run_on_first(call: Callable[[], str]) -> str:
    """Call a function in the first process, and return its text in all of them.

    With one process, this is `call()`. All processes of a run must get here.

    Args:
      call: function of this process's files, such as one that makes the run's folder.

    Raises:
      NmjaxError: the call raised one in the first process; every process raises it, so that none
        waits for another.

    Example:
      >>> from nmjax.experiments import run_on_first
      >>> run_on_first(lambda: "runs/1")
      'runs/1'
    """
    if jax.process_count() == 1:
        return call()
    text, failed = "", False
    if jax.process_index() == 0:
        try:
            text = call()
        except NmjaxError as error:
            text, failed = str(error), True
    content = text.encode()
    size, failed = multihost_utils.broadcast_one_to_all(np.array([len(content), failed]))
    sent = np.frombuffer(content.ljust(size, b" ")[:size], np.uint8)
    text = np.asarray(multihost_utils.broadcast_one_to_all(sent)).tobytes().decode()
    if failed:
        raise NmjaxError(text)
    return text


def is_shared(folder: Path) -> bool:
    """Return whether all processes see the same folder, made by the first of them."""
    if jax.process_count() == 1:
        return True

    def make_file() -> str:
        return tempfile.mkstemp(prefix="shared-", dir=folder.absolute())[1]

    seen = Path(run_on_first(make_file))
    everywhere = multihost_utils.process_allgather(np.array(seen.exists())).all()
    if jax.process_index() == 0:
        seen.unlink()
    return bool(everywhere)
