"""The README, docs and notebook: their code runs, and their numbers are those of result files."""

import ast
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


def test_quickstart_is_ten_lines():
    statements = ast.parse(quickstart()).body
    assert sum(not isinstance(node, ast.Import) for node in statements) == 10


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
