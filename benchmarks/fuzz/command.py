"""The command line as a function, which raises what a user should not see."""

import contextlib
import io

from nmjax.cli import __main__ as command_line


def run_command(arguments: list[str], *, only_parse: bool = False) -> None:
    """Run a command; raise what a user should not see.

    Raises:
      AssertionError: The status is neither 0 nor 2, or an error is not one line.
    """
    if any(unsafe(argument) for argument in arguments):
        return
    commands = dict(command_line._COMMANDS)
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    if only_parse:
        command_line._COMMANDS.update({n: (c, lambda _: None) for n, (c, _) in commands.items()})
    status: str | int | None
    parsed = True
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = command_line.main(arguments)
    except SystemExit as exit:
        status, parsed = exit.code, False
    finally:
        command_line._COMMANDS.update(commands)
    err.flush()
    printed = err.buffer.getvalue().decode()
    if status not in (0, 2):
        raise AssertionError(f"exit status {status}: {printed}")
    if status == 2 and (not printed.strip() or (parsed and printed.count("\n") != 1)):
        raise AssertionError(f"not one sentence: {printed!r}")


def unsafe(argument: str) -> bool:
    """Whether an argument may name a place outside of the working folder, a module, or lines."""
    module = argument.partition(":")[0]
    return (
        any(character in argument for character in "\x00\r\n")
        or "/" in argument
        or ".." in argument
        or argument.startswith("~")
        or (":" in argument and module != "benchmarks.fuzz.inputs")
    )
