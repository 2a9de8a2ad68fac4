"""M-DESIGN: graph networks on data sets of nodes, links and graphs.

Data: `mdesign/mdesign_node.npz`, `mdesign_link.npz` and `mdesign_graph.npz` in the folder
`NMJAX_DATA`, which `python -m benchmarks.mdesign_tables` makes from the authors' repository.
"""

from collections.abc import Sequence
from pathlib import Path

from nmjax.spaces import Space
from nmjax.tasks.suites.suite import SuiteInfo, Table, read_grid
from nmjax.types import Metric

_GRAPHS = (
    "actor",
    "amazoncomputers",
    "amazonphoto",
    "citeseer",
    "coauthorcs",
    "cora",
    "cornell",
    "dblp",
    "pubmed",
    "texas",
    "wisconsin",
)
_MOLECULES = (
    "tu_cox2",
    "tu_dd",
    "tu_imdb-binary",
    "tu_imdb-multi",
    "tu_nci1",
    "tu_nci109",
    "tu_proteins",
    "tu_ptc_fm",
    "tu_ptc_fr",
    "tu_ptc_mm",
    "tu_ptc_mr",
)


def _info(kind: str, size: int, tasks: Sequence[str]) -> SuiteInfo:
    file = f"mdesign/mdesign_{kind}.npz"
    return SuiteInfo(
        name=f"mdesign-{kind}",
        space=f"mdesign-{kind}",
        size=size,
        families=tuple((task,) for task in tasks),
        metrics=(Metric("accuracy", "accuracy"), Metric("accuracy_std", "accuracy", "min")),
        score_metric="accuracy",
        test_metric=None,
        package="",
        module="",
        file=file,
        license="Apache-2.0",
        citation="Wang et al., M-DESIGN, 2025, arXiv:2507.15336",
        install=f"make {file} by benchmarks.mdesign_tables, and name its folder by NMJAX_DATA",
    )


NODE = _info("node", 2_800, _GRAPHS)
LINK = _info("link", 1_680, _GRAPHS)
GRAPH = _info("graph", 1_680, _MOLECULES)


def read(path: Path, task: str, space: Space) -> Table:
    """Return the table of one task: mean and deviation of the accuracy over repeats."""
    return read_grid(path, task, space, ("accuracy", "accuracy_std"))
