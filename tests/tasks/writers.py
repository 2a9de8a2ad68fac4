"""Processes that append to one store: `writers.py killed FOLDER` and `writers.py together FOLDER`.

Children are forked before JAX starts a thread, so that none pays for the imports.
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

SPACE = Space("toy", (Choice("op", ("a", "b", "c")),))
ROWS, BATCHES, KILLS = 3000, 15, 8


def write(folder, writer, batches):
    """Append whole batches of one number each; log a number once its append has returned."""
    store = create_store(folder, SPACE, metrics=("acc",))
    log = os.open(Path(folder).with_suffix(f".{writer}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for batch in batches:
        number = np.full(ROWS, 1000 * writer + batch, np.float32)
        append_evaluations(store, "t", np.zeros((ROWS, 1), int), {"acc": number})
        os.write(log, f"{1000 * writer + batch}\n".encode())


def begin(folder, writer, batches):
    if child := os.fork():
        return child
    write(folder, writer, batches)
    os._exit(0)


if __name__ == "__main__":
    mode, folder = sys.argv[1:]
    if mode == "together":
        children = [begin(folder, writer, range(BATCHES)) for writer in (1, 2)]
        sys.exit(any(os.waitpid(child, 0)[1] for child in children))
    waits = random.Random(0)
    for writer in range(KILLS):
        child = begin(folder, writer, itertools.count())
        log = Path(folder).with_suffix(f".{writer}")
        while not log.exists() or not log.stat().st_size:
            time.sleep(0.001)
        time.sleep(waits.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
