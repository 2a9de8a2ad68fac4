"""The docs: their examples run, the names they mention exist, and their links resolve."""

import ast
import importlib
import json
import re
from pathlib import Path

import pytest

from tests.past_file import write_past

ROOT = Path(__file__).parent.parent
GENERATED = ROOT / "docs" / "api" / "generated"
SKIPPED = (GENERATED, ROOT / "docs" / "_build")
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "peers" / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if not any(s in p.parents for s in SKIPPED)),
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINKED = [*PAGES, *NOTEBOOKS]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"(<!-- run -->\n)?```python\n(.*?)```", re.DOTALL)
QUICK = ("acquisitions.md", "own-space.md")


def runnable() -> list:
    """The blocks marked to run; those that compile a search are slow."""
    found = []
    for page in PAGES:
        for number, (marked, code) in enumerate(BLOCK.findall(page.read_text())):
            if marked:
                marks = () if page.name in QUICK else (pytest.mark.slow,)
                found.append(pytest.param(code, id=f"{page.stem}-{number}", marks=marks))
    return found


@pytest.mark.parametrize("code", runnable())
def test_example_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train = write_past(Path("past.csv"))
    exec(code, {"train": train})


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_parse_and_use_public_names(page):
    for _, code in BLOCK.findall(page.read_text()):
        for name in dotted_names(ast.parse(code)):
            assert resolves(name), f"{name} in {page.name} does not exist"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_names_in_prose_exist(page):
    if page.name in ("CHANGELOG.md", "research-log.md"):
        pytest.skip("history mentions names of its time")
    for name in re.findall(r"`(nmjax(?:\.\w+)+)(?:\([^`]*\))?`", page.read_text()):
        assert resolves(name), f"{name} in {page.name} does not exist"


@pytest.mark.parametrize("page", LINKED, ids=[str(page.relative_to(ROOT)) for page in LINKED])
def test_relative_links_resolve(page):
    for target in links(page):
        if not re.match(r"[a-z]+:", target):
            check_link(page.parent / target if target[0] != "#" else Path(f"{page}{target}"))


@pytest.mark.parametrize("page", LINKED, ids=[str(page.relative_to(ROOT)) for page in LINKED])
def test_links_into_the_repository_are_relative(page):
    """The repository has no public address, so links must work in a clone."""
    assert not [link for link in links(page) if re.match(r"[a-z]+://.*nmjax", link)]


def links(page: Path) -> list[str]:
    """The targets of the links and images of a page or of a notebook's Markdown cells."""
    text = page.read_text()
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        prose = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(source) for source in prose)
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def check_link(target: Path) -> None:
    """Fail unless the file exists, and the heading that the link names, if any."""
    path, _, anchor = str(target).partition("#")
    file = Path(path).resolve()
    if GENERATED in file.parents:  # Written when the site is built.
        return
    assert file.exists(), f"{path} does not exist"
    if anchor:
        headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
        slugs = [re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings]
        assert anchor in slugs, f"{path} has no heading for #{anchor}"


def dotted_names(tree: ast.AST) -> list[str]:
    """Each `nmjax.a.b` in a program, as far as attributes of modules go."""
    outer = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    chains = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and id(n) not in outer]
    dotted = [ast.unparse(node) for node in chains]
    imported = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return [n for n in dotted + imported if re.fullmatch(r"nmjax(\.\w+)+", n)]


def resolves(name: str) -> bool:
    """Whether a dotted name leads to a module or an attribute of one."""
    thing, path = importlib.import_module("nmjax"), "nmjax"
    for part in name.split(".")[1:]:
        path = f"{path}.{part}"
        if not hasattr(thing, part):
            try:
                importlib.import_module(path)
            except ImportError:
                return False
        thing = getattr(thing, part)
    return True
