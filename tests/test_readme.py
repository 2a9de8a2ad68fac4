"""The README and the notebook: short, true to the result files, and their code runs."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.tables.readme import PAGES, TABLES, render
from nmjax.tasks import list_suites
from tests.past_file import write_past

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TEXTS = {page.name: page.read_text() for page in PAGES}
NOTEBOOKS = {path.stem: json.loads(path.read_text()) for path in ROOT.glob("notebooks/*.ipynb")}
CHECKS = {
    "quickstart": "assert len(study.trials) == study.budget and study.best is not None",
    "gradient-search": "assert best.value > scores.max() and encoding[0] @ cost < 60",
    "live-transformer": "assert family.num_parameters(found) <= LIMIT and len(study.trials) == 8",
}


def block(name: str) -> str:
    """The code between a pair of markers."""
    return re.search(rf"<!-- {name} -->\n```python\n(.*?)```", README, re.DOTALL)[1]


def installed(name: str) -> bool:
    return any(info.name == name and info.installed for info in list_suites())


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_its_place(name):
    text = "".join(TEXTS.values())
    assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->") == 1


@pytest.mark.parametrize("page", TEXTS)
def test_tables_are_those_of_the_result_files(page):
    assert render(TEXTS[page]) == TEXTS[page]


@pytest.mark.parametrize("page", ["search.md", "gradients.md", "knowledge.md", "meta-learning.md"])
def test_a_changed_number_is_noticed(page):
    text = TEXTS[page]
    table = text.index("<!-- ")
    number = re.search(r"0\.\d", text[table:])
    assert number is not None
    changed = text[: table + number.start()] + "1" + text[table + number.start() + 1 :]
    assert changed != text
    assert render(changed) == text


def test_readme_takes_a_minute_to_read():
    prose = re.sub(r"```.*?```|<!--.*?-->|\]\([^)]*\)", "", README, flags=re.DOTALL)
    assert len(prose.split()) <= 500


@pytest.mark.parametrize("name", ["own", "quickstart"])
def test_code_fits_one_screen(name):
    assert len(block(name).splitlines()) <= 20


def test_readme_links_to_the_docs():
    targets = re.findall(r"\]\(([^)\s]+)\)", README)
    local = [target for target in targets if not target.startswith("https://")]
    assert {"docs/regret.png", "docs/get-started.md", "CONTRIBUTING.md"} <= set(local)
    assert not [target for target in local if not (ROOT / target).exists()]


def test_readme_shows_no_missed_targets():
    assert "**missed**" not in README


def test_versions_agree():
    version = re.search(r'"(.+)"', (ROOT / "nmjax" / "version.py").read_text().splitlines()[-1])[1]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{version}] - 2" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.slow
def test_own_training_job_is_searched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train, trained = write_past(Path("past.csv")), []

    def record(**config):
        trained.append(config)
        return train(**config)

    names: dict = {"train": record}
    exec(block("own"), names)
    assert len(trained) == 30
    assert len({tuple(config.items()) for config in trained}) == 30
    best = names["study"].best
    assert (best.config["block"], best.config["depth"]) == ("conv", 8)
    assert str(best) in capsys.readouterr().out


@pytest.mark.slow
def test_researchers_lines_run():
    if not installed("nas-bench-graph"):
        pytest.skip('needs pip install "nmjax[bench]"')
    names: dict = {}
    exec(block("quickstart"), names)
    assert names["trace"].row.shape == (16, 100)


@pytest.mark.slow
def test_example_of_meta_learning_runs():
    page = (ROOT / "docs" / "how-to" / "meta-learning.md").read_text()
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    assert names["result"].curves.validation_loss.shape == (10,)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_is_committed_with_outputs(name):
    code = [cell for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]
    assert any(cell["outputs"] for cell in code)
    assert all(cell["execution_count"] for cell in code)
    assert not any(o["output_type"] == "error" for cell in code for o in cell["outputs"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs(name, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.reads(json.dumps(NOTEBOOKS[name]), as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(CHECKS[name]))
    resources = {"metadata": {"path": tmp_path}}
    nbclient.NotebookClient(notebook, timeout=600, resources=resources).execute()
    assert any(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
