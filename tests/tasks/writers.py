"""Processes that append to one store: `writers.py killed|together FOLDER LOGS`.

Children are forked before a thread is started, so that none pays for the imports.
"""

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from nmjax.spaces import Choice, Space
from nmjax.tasks import append_evaluations, create_store

SPACE = Space.build("toy", (Choice("op", ("a", "b", "c")),))
ROWS, BATCHES, KILLS = 3000, 15, 8


def write(folder, path, writer, batches):
    """Append whole batches of one number each; log a number once its append has returned."""
    store = create_store(folder, SPACE, metrics=("acc",))
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for batch in batches:
        number = np.full(ROWS, 1000 * writer + batch, np.float32)
        append_evaluations(store, "t", np.zeros((ROWS, 1), int), {"acc": number})
        os.write(log, f"{1000 * writer + batch}\n".encode())


def begin(folder, log, writer, batches):
    if child := os.fork():
        return child
    write(folder, log, writer, batches)
    os._exit(0)


if __name__ == "__main__":
    os.fsync = lambda _: None  # Nothing is lost by a kill that the system has taken.
    mode, folder, logs = sys.argv[1:]
    paths = [Path(logs) / f"{writer}.log" for writer in range(KILLS)]
    if mode == "together":
        children = [begin(folder, paths[writer], writer, range(BATCHES)) for writer in (1, 2)]
        sys.exit(any(os.waitpid(child, 0)[1] for child in children))
    waits = random.Random(0)
    for writer, log in enumerate(paths):
        child = begin(folder, log, writer, itertools.count())
        while not log.exists() or not log.stat().st_size:
            time.sleep(0.001)
        time.sleep(waits.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
