"""TransNAS-Bench-101, micro space: one set of cells on seven vision tasks.

Data: the file `transnas101/micro.npz` in the folder `NMJAX_DATA`, made from the authors' tables.
"""

from pathlib import Path

import numpy as np

from nmjax.errors import NmjaxError
from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, digits
from nmjax.types import Metric

FILE = "transnas101/micro.npz"
_TASKS = (
    "class_object",
    "class_scene",
    "jigsaw",
    "room_layout",
    "autoencoder",
    "normal",
    "segmentsemantic",
)

INFO = SuiteInfo(
    name="transnas101",
    space="transnas101-micro",
    size=1_236,
    families=tuple((task,) for task in _TASKS),
    metrics=(Metric("val_score", "the task's own"),),
    score_metric="val_score",
    test_metric=None,
    package="",
    module="",
    file=FILE,
    license="Apache-2.0",
    citation="Duan et al., TransNAS-Bench-101, CVPR 2021, arXiv:2105.11871",
    install=f"put {FILE} into a folder and name it by NMJAX_DATA or data=",
)


def read(path: Path, task: str, space: Space) -> Table:
    """Return the table of one task, with final validation scores, of which higher is better.

    The file contains `arch`, strings such as "(0, 0, 0, 0, 0, 1)", and float[n] for each task name.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            texts, values = file["arch"].tolist(), file[task].astype(np.float64)
    except (KeyError, ValueError, OSError) as error:
        raise NmjaxError(
            f"{path} holds no `arch` and {task!r} ({error}): download it again."
        ) from error
    keys = ["".join(c for c in text if c.isdecimal()) for text in texts]
    return Table(digits(keys, space), {INFO.score_metric: values})
