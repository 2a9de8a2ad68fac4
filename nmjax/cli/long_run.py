"""Options of long commands: processes that share a run, and an interrupted run to continue."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from tyro.conf import arg

from nmjax.errors import NmjaxError

CONFIG, FINISHED, RESULTS = "config.json", "finished.npz", "results.json"
ADDRESS = ("coordinator", "num_processes", "process_id")
_APART = ("out", "resume", "json", "data", "distributed", *ADDRESS)
ConfigT = TypeVar("ConfigT", bound=Any)


@dataclass(frozen=True)
class DistributedConfig:
    """Processes that share a run.

    Attributes:
      distributed: Join the other processes of one run and lay the searches over the devices of
        all; start the same command once on each host. The first process writes the folder.
      coordinator: Address of process 0 as HOST:PORT, where JAX cannot detect it.
      num_processes: Number of processes, where JAX cannot detect it.
      process_id: Number of this process, from 0, where JAX cannot detect it.
    """

    distributed: Annotated[bool, arg(help_behavior_hint="")] = False
    coordinator: Annotated[str | None, arg(metavar="HOST:PORT", help_behavior_hint="")] = None
    num_processes: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    process_id: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None


def join_processes(config: DistributedConfig) -> None:
    """Connect to the other processes, if asked to.

    Raises:
      NmjaxError: the processes cannot connect, or an address is given without --distributed.
    """
    address = {name: getattr(config, name) for name in ADDRESS}
    if config.distributed:
        from nmjax.experiments import initialize_distributed

        initialize_distributed(**address)
    elif any(value is not None for value in address.values()):
        raise NmjaxError("Got the address of a distributed run without --distributed; add it.")


@contextmanager
def shared_run_folder(config: Any, *, benchmark: str, target: str) -> Iterator[Path]:
    """Create and lock the folder of a run in the first process; `run_folder` has the errors.

    Args:
      config: settings with `out` and `resume`.
      benchmark: first part of the default name.
      target: second part of the default name.

    Returns:
      The folder, in every process; only the first may write to it.
    """
    from nmjax.cli.run_folder import run_folder
    from nmjax.experiments import run_on_first

    resume = config.resume is not None
    with ExitStack() as stack:
        made = run_folder(config.out, benchmark=benchmark, target=target, resume=resume)
        yield Path(run_on_first(lambda: str(stack.enter_context(made))))


def settings_of(config: Any) -> dict[str, Any]:
    """Return the settings that determine the results and were given or have a default."""
    chosen = asdict(config).items()
    return {name: value for name, value in chosen if name not in _APART and value is not None}


def read_interrupted(config: ConfigT, command: str, *, again: Sequence[str] = ()) -> ConfigT:
    """Return the settings of the interrupted run in `config.resume`, to be continued there.

    Args:
      config: settings given with --resume.
      command: command that wrote the folder.
      again: names of settings that are given again and must be the same.

    Raises:
      NmjaxError: the folder holds no interrupted run, or other settings are given.
    """
    from nmjax.experiments import run_on_first

    folder, kind = Path(config.resume or ""), type(config)
    given = settings_of(config)
    for name in [k for k in given if k not in again and given[k] != getattr(kind, k)]:
        flag = name.replace("_", "-")
        raise NmjaxError(f"Got --{flag} with --resume, which continues with the old settings.")
    if config.out is not None:
        raise NmjaxError("Got --out with --resume, which continues in the old folder.")
    text = run_on_first(lambda: _unfinished_config(folder, command))
    try:
        stored = json.loads(text)
        names = {field.name for field in fields(kind)}
        found = {name: stored[name] for name in names & (stored.keys() | given.keys())}
        found = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_config(folder, command, error) from error
    for name in again:
        if found[name] != given[name]:
            raise NmjaxError(
                f"{folder} holds a run of {found[name]}, got {given[name]}: give the same again."
            )
    settings: ConfigT = replace(config, **found | {"out": folder})
    return settings


def _unfinished_config(folder: Path, command: str) -> str:
    """Return the settings of an unfinished run as JSON."""
    if (folder / RESULTS).exists():
        raise NmjaxError(f"{folder} holds a finished run; start another one.")
    try:
        return (folder / CONFIG).read_text()
    except (OSError, ValueError) as error:
        raise _no_config(folder, command, error) from error


def _no_config(folder: Path, command: str, error: Exception) -> NmjaxError:
    return NmjaxError(
        f"{folder / CONFIG} is not that of an interrupted run ({type(error).__name__}: {error}): "
        f"give --resume a folder that `nmjax {command}` wrote."
    )
