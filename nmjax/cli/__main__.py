"""`nmjax COMMAND`, also `python -m nmjax COMMAND`."""

import operator
import os
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Annotated, Any

import tyro

from nmjax.cli import advise, bench, benchmarks, evaluate, patterns, similarity
from nmjax.cli.advise import AdviseConfig
from nmjax.cli.bench import BenchConfig
from nmjax.cli.benchmarks import BenchmarksConfig
from nmjax.cli.evaluate import EvaluateConfig
from nmjax.cli.history import command as history
from nmjax.cli.history.command import HistoryConfig
from nmjax.cli.patterns import PatternsConfig
from nmjax.cli.search import command as search
from nmjax.cli.search.command import SearchConfig
from nmjax.cli.similarity import SimilarityConfig
from nmjax.errors import NmjaxError, unknown_name
from nmjax.version import __version__

_COMMANDS: dict[str, tuple[type, Callable[[Any], None]]] = {
    "search": (SearchConfig, search.run),
    "bench": (BenchConfig, bench.run),
    "benchmarks": (BenchmarksConfig, benchmarks.run),
    "history": (HistoryConfig, history.run),
    "patterns": (PatternsConfig, patterns.run),
    "similarity": (SimilarityConfig, similarity.run),
    "advise": (AdviseConfig, advise.run),
    "evaluate": (EvaluateConfig, evaluate.run),
}
_ANY_COMMAND: Any = reduce(
    operator.or_,
    (Annotated[kind, tyro.conf.subcommand(name)] for name, (kind, _) in _COMMANDS.items()),
)
_DESCRIPTION = (
    "Learn from past architecture searches to make the next one faster.\n"
    "\n"
    "See `nmjax COMMAND --help` for the flags of a command, and `nmjax --version` for the version. "
    "Converted tables and the compiled programs of the long commands are kept between "
    "runs, in $NMJAX_CACHE (default: ~/.cache/nmjax)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command or print the version, and return the exit status.

    The status is 0 on success and 2 for errors that the user can correct, which are printed on
    standard error in one line. It is 1 if the output is closed before all is printed.

    Args:
      arguments: command and flags, without the program's name; `sys.argv[1:]` by default.

    Raises:
      SystemExit: after printing help (0), or for an invalid flag (2).
    """
    _limit_threads()
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if arguments[0] == "--version":
        print(f"nmjax {__version__}")
        return 0
    try:
        if not arguments[0].startswith("-") and arguments[0] not in _COMMANDS:
            raise unknown_name("command", arguments[0], _COMMANDS)
        config: Any = tyro.cli(
            _ANY_COMMAND,
            prog="nmjax",
            description=_DESCRIPTION,
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone),
        )
        command = next(run for kind, run in _COMMANDS.values() if isinstance(config, kind))
        command(config)
        sys.stdout.flush()
    except NmjaxError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # The reader of the output, such as head, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"A file cannot be read or written: {error}.", file=sys.stderr)
        return 2
    return 0


def _limit_threads() -> None:
    """Keep OpenBLAS to one thread, unless the user set a number.

    Its threads wait in a loop on cores that XLA needs. XLA uses that of SciPy, not loaded yet.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


if __name__ == "__main__":
    sys.exit(main())
