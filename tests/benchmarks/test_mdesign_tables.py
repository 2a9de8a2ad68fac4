"""Conversion of M-DESIGN's tables."""

import numpy as np
import pytest

from benchmarks import mdesign_tables
from nmjax.spaces import get_space

SPACE = get_space("mdesign-link")


@pytest.fixture
def repository(tmp_path):
    """Two rows of two tasks, in different orders."""
    rows = {"dot,rel_lepe,min,add,6,gpr": 0.75, "concat,rel_lepe,min,add,4,gpr": 0.5}
    for task, step in (("cora", 1), ("actor", -1)):
        folder = tmp_path / "knowledge_retrieval/knowledge_base/link" / task / "agg"
        folder.mkdir(parents=True)
        lines = [f"{task},{row},{value},0.1" for row, value in list(rows.items())[::step]]
        header = ",".join(("dataset", *SPACE.names, "accuracy", "accuracy_std"))
        (folder / "val_best.csv").write_text("\n".join([header, *lines]))
    return tmp_path


def test_rows_of_all_tasks_are_brought_into_one_order(repository, tmp_path):
    mdesign_tables.convert(repository, tmp_path, "link")
    with np.load(tmp_path / "mdesign" / "mdesign_link.npz", allow_pickle=False) as file:
        assert file["tasks"].tolist() == ["actor", "cora"]
        assert file["pool"].tolist() == [[0, 3, 3, 0, 0, 0], [2, 3, 3, 0, 1, 0]]
        np.testing.assert_array_equal(file["accuracy"], [[0.5, 0.75]] * 2)


def test_tasks_with_different_architectures_are_refused(repository, tmp_path):
    path = next(repository.glob("**/cora/agg/val_best.csv"))
    path.write_text(path.read_text().replace("concat", "cosine_similarity"))
    with pytest.raises(SystemExit, match="different architectures"):
        mdesign_tables.convert(repository, tmp_path, "link")
