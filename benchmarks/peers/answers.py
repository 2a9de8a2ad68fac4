"""Processes that answer each line of their input with a line of JSON."""

import json
from subprocess import Popen
from typing import Any

from nmjax.errors import NmjaxError


def read_answer(process: Popen[str]) -> dict[str, Any]:
    """Read the next line from a process with pipes.

    Raises:
      NmjaxError: The process ended.
    """
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise NmjaxError("The process ended without a line of JSON; see its messages above.")
    answer: dict[str, Any] = json.loads(line)
    return answer


def ask(process: Popen[str], question: object) -> dict[str, Any]:
    """Write a line to a process with pipes, and read its answer.

    Raises:
      NmjaxError: The process ended.
    """
    print(question, file=process.stdin, flush=True)
    return read_answer(process)
