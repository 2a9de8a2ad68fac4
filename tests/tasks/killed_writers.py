"""Writers that are killed at random moments: `killed_writers.py FOLDER KILLS IMPORTS`.

Of the writers, which are forked before a thread is started, IMPORTS run `nmjax history import` into
a new folder, and the others append histories of several tasks to a folder of their own. Writer n
logs the number of each append that has returned in `FOLDER/n.log`.
"""

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import nmjax.cli.history.import_history
from nmjax.cli.__main__ import main
from nmjax.spaces import Space
from nmjax.tasks import append_history, create_store, make_history

SPACE = Space("toy", op=["a", "b", "c"])
TASKS = tuple("pqrstu")
ROWS = 4


def append(folder, log, ready):
    """Append whole histories of one number each."""
    store = create_store(folder, SPACE, metrics=("acc",))
    architecture = np.zeros((len(TASKS), ROWS, 1), int)
    for number in itertools.count():
        history = make_history(architecture, {"acc": np.full((len(TASKS), ROWS), float(number))})
        os.write(ready, b".")
        append_history(store, history, TASKS)
        os.write(log, f"{number}\n".encode())


def run_import(folder, log, ready):
    """Import a file of all tasks; the killer begins to wait when the writing begins."""
    write = nmjax.cli.history.import_history.append_batches

    def announced(*arguments):
        os.write(ready, b".")
        write(*arguments)

    nmjax.cli.history.import_history.append_batches = announced
    flags = ["--space", "tests.tasks.killed_writers:SPACE", "--metrics", "acc"]
    main(["history", "import", str(folder.parent / "past.csv"), str(folder), *flags])
    os.write(log, b"0\n")
    time.sleep(60)


def kill_one(write, folder, share):
    """Kill a writer after a share of the time that its second append took, or of 50 ms."""
    begun, ready = os.pipe()
    log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT)
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        write(folder, log, ready)
        os._exit(1)
    os.close(ready)
    assert os.read(begun, 1), "The writer ended before it wrote."
    longest = 0.05
    if write is append:
        os.read(begun, 1)
        first = time.perf_counter()
        os.read(begun, 1)
        longest = time.perf_counter() - first
    time.sleep(share * longest)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


if __name__ == "__main__":
    root, (kills, imports) = Path(sys.argv[1]), map(int, sys.argv[2:])
    rows = [f"{task},a,{number}" for task in TASKS for number in range(ROWS)]
    (root / "past.csv").write_text("\n".join(["task,op,acc", *rows]))
    os.fsync = lambda _: None  # Nothing is lost by a kill that the system has taken.
    shares = random.Random(0)
    for number in range(kills):
        write = run_import if number < imports else append
        kill_one(write, root / str(number), shares.uniform(0, 1.5))
