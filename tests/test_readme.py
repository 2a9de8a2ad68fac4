"""The README, docs and notebook: their code runs, and their numbers are those of result files."""

import ast
import itertools
import json
import re
from pathlib import Path

import pytest

from benchmarks.readme import PAGES, TABLES, render
from nmjax.tasks import list_suites

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TEXTS = {page.name: page.read_text() for page in PAGES}
NOTEBOOK = json.loads((ROOT / "notebooks" / "quickstart.ipynb").read_text())


def quickstart() -> str:
    return re.search(r"<!-- quickstart -->\n```python\n(.*?)```", README, re.DOTALL)[1]


def installed(name: str) -> bool:
    return any(info.name == name and info.installed for info in list_suites())


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_its_place(name):
    text = "".join(TEXTS.values())
    assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->") == 1


@pytest.mark.parametrize("page", TEXTS)
def test_tables_are_those_of_the_result_files(page):
    assert render(TEXTS[page]) == TEXTS[page]


def test_a_changed_number_is_noticed():
    row = next(line for line in README.splitlines() if line.startswith("| transfer |"))
    changed = README.replace(row, row.replace("0.", "1.", 1))
    assert changed != README
    assert render(changed) == README


def test_quickstart_is_a_dozen_lines():
    statements = ast.parse(quickstart()).body
    assert sum(not isinstance(node, ast.Import) for node in statements) <= 13


@pytest.mark.slow
def test_a_past_of_ones_own_is_learned_from_and_searched_on(tmp_path, monkeypatch):
    example = re.search(r"<!-- own -->\n```python\n(.*?)```", README, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    lines = ["task,block,width,depth,accuracy"]
    for (task, slope), block, width, depth in itertools.product(
        {"a": 1.0, "b": 1.5, "c": 2.0}.items(),
        ("conv", "attention", "mlp"),
        (64, 128, 256),
        (2, 4, 6, 8),
    ):
        score = 0.02 * slope * depth + (block == "conv") / 9
        failed = (block, width) == ("mlp", 256)
        lines.append(f"{task},{block},{width},{depth},{'' if failed else score}")
    Path("past.csv").write_text("\n".join(lines))
    trained = []

    def train(settings):
        trained.append(settings)
        return 0.02 * settings["depth"] + (settings["block"] == "conv") / 9

    exec(example, {"train": train})
    assert len(trained) == 12
    assert {"block": "conv", "depth": 8} in [{k: t[k] for k in ("block", "depth")} for t in trained]


def test_notebook_begins_with_the_quickstart():
    code = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert "".join(code[0]["source"]) == quickstart().rstrip()


@pytest.mark.slow
def test_example_of_meta_learning_runs():
    example = re.search(r"```python\n(.*?)```", TEXTS["meta-learning.md"], re.DOTALL)[1]
    names: dict = {}
    exec(example, names)
    assert names["result"].curves.validation_loss.shape == (10,)


@pytest.mark.slow
def test_notebook_runs():
    """And with it the quickstart, with which it begins."""
    if not installed("nas-bench-graph"):
        pytest.skip('needs pip install "nmjax[bench]"')
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.reads(json.dumps(NOTEBOOK), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("assert trace.row.shape == (16, 100)"))
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": ROOT}}).execute()
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
