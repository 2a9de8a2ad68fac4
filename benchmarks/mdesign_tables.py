"""Convert M-DESIGN's tables to the files that the suites `mdesign-node`, `-link` and `-graph` read.

    python -m benchmarks.mdesign_tables REPOSITORY FOLDER

REPOSITORY is a clone of https://github.com/jilwang84/M-DESIGN, whose license is Apache-2.0. Writes
FOLDER/mdesign/mdesign_node.npz, mdesign_link.npz and mdesign_graph.npz; name FOLDER by NMJAX_DATA.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nmjax.spaces import Space, get_space

KINDS = ("node", "link", "graph")
METRICS = ("accuracy", "accuracy_std")


def read_table(path: Path, space: Space) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return option indices int8[N, C] in order, and {metric: float32[N]}, of one task's CSV file.

    The file has a column for each choice of the space, and one for each metric.
    """
    texts = [[str(option) for option in choice.options] for choice in space.choices]
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pool = np.array(
        [
            [known.index(row[name]) for name, known in zip(space.names, texts, strict=True)]
            for row in rows
        ],
        np.int8,
    )
    order = np.lexsort(pool.T[::-1])
    metrics = {name: np.array([float(row[name]) for row in rows], np.float32) for name in METRICS}
    return pool[order], {name: values[order] for name, values in metrics.items()}


def convert(repository: Path, folder: Path, kind: str) -> None:
    """Write the file of one kind of task: "node", "link" or "graph"."""
    space = get_space(f"mdesign-{kind}")
    base = repository / "knowledge_retrieval" / "knowledge_base" / kind
    paths = {path.parents[1].name: path for path in sorted(base.glob("*/agg/val_best.csv"))}
    tables = {task: read_table(path, space) for task, path in paths.items()}
    pools = np.stack([pool for pool, _ in tables.values()])
    if not (pools == pools[:1]).all():
        raise SystemExit(f"The tasks in {base} have different architectures.")
    target = folder / "mdesign" / f"mdesign_{kind}.npz"
    target.parent.mkdir(parents=True, exist_ok=True)
    values = {name: np.stack([known[name] for _, known in tables.values()]) for name in METRICS}
    columns = {"tasks": np.array(list(tables)), "pool": pools[0], **values}
    np.savez_compressed(target, allow_pickle=False, **columns)


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert all three kinds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args(arguments)
    for kind in KINDS:
        convert(asked.repository, asked.folder, kind)


if __name__ == "__main__":
    main()
