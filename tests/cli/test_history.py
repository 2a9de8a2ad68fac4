import pytest

from nmjax.cli.__main__ import main
from nmjax.spaces import get_space
from nmjax.tasks import count_evaluations, create_store, load_history, open_store

HEADER = "data,rows,link,op1,op2,op3,op4,top1\n"
LINES = (
    "cora,2708,0000,gat,gcn,gin,fc,0.8",
    "cora,2708,0000,gat,gcn,gin,skip,nan",
    "cora,2708,0000,gat,gcn,gin,fc,0.8",
    "cs,18333,0012,gat,gcn,gin,fc,0.9",
)
FLAGS = (
    *("--space", "nas-bench-graph", "--metrics", "acc", "--task", "data"),
    *("--context", "rows", "--columns", "acc=top1"),
)


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """A file of four evaluations, one failed and one a duplicate."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "past.csv").write_text(HEADER + "".join(f"{line}\n" for line in LINES))


def nmjax(capsys, *arguments, code=0):
    """What is printed, on standard output or, where refused, on standard error."""
    assert main(["history", *arguments]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err


def test_what_is_imported_is_shown_and_exported(capsys):
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    assert "Added 4 of 4 evaluations of 2 tasks to kept." in text
    assert "duplicate: 1 of 3 of 'cora'" in text
    assert "Rows 2." in text
    shown = nmjax(capsys, "show", "kept")
    assert "space nas-bench-graph\nmetrics acc\ncontext rows\n" in shown
    assert [line.split() for line in shown.splitlines()[-2:]] == [["cora", "3"], ["cs", "1"]]
    assert "duplicate: 1 of 3 of 'cora'" in nmjax(capsys, "show", "kept", "--findings")
    nmjax(capsys, "export", "kept", "out.jsonl", "--tasks", "cs")
    nmjax(
        *(capsys, "import", "out.jsonl", "again", "--space", "nas-bench-graph"),
        *("--metrics", "acc", "--context", "rows"),
    )
    mine, yours = (load_history(open_store(folder), ("cs",))[0] for folder in ("kept", "again"))
    assert (mine.architecture == yours.architecture).all()
    assert mine.metrics["acc"].tolist() == yours.metrics["acc"].tolist()
    assert mine.context.tolist() == yours.context.tolist() == [[18333.0]]


def test_rows_are_kept_out_only_where_chosen(capsys):
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, "--keep-out", "failed", "duplicate")
    assert "Added 2 of 4" in text
    assert count_evaluations(open_store("kept")) == {"cora": 1, "cs": 1}
    message = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, "--keep-out", "faild", code=2)
    assert "Unknown kind of finding 'faild': did you mean 'failed'" in message


def test_stores_are_merged(capsys):
    for folder in ("one", "two"):
        nmjax(capsys, "import", "past.csv", folder, *FLAGS)
    assert "Added 8 evaluations of 2 stores to all." in nmjax(capsys, "merge", "all", "one", "two")
    assert count_evaluations(open_store("all")) == {"cora": 6, "cs": 2}
    create_store("other", get_space("nas-bench-graph"), metrics=("time",))
    for folders in (("one", "other"), ("all", "one", "other")):
        assert "holds metrics" in nmjax(capsys, "merge", *folders, code=2)
    assert "name other stores" in nmjax(capsys, "merge", "one", "one", code=2)
    assert count_evaluations(open_store("all")) == {"cora": 6, "cs": 2}


def test_stores_have_urls(capsys, tmp_path):
    past, all_of_it = f"memory:/{tmp_path}/past", f"memory:/{tmp_path}/all"
    text = nmjax(capsys, "import", "past.csv", past, *FLAGS)
    assert f"Added 4 of 4 evaluations of 2 tasks to {past}." in text
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    nmjax(capsys, "merge", all_of_it, past, "kept")
    shown = nmjax(capsys, "show", all_of_it)
    assert [line.split() for line in shown.splitlines()[-2:]] == [["cora", "6"], ["cs", "2"]]
    assert "Wrote 8" in nmjax(capsys, "export", all_of_it, "out.csv")
    assert "name other stores" in nmjax(capsys, "merge", f"{past}/", past, code=2)
    assert "memory://absent holds no history" in nmjax(capsys, "show", "memory://absent", code=2)
    assert "mount it" in nmjax(capsys, "show", "sftp://host/past", code=2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "absent"), "absent holds no history"),
        (("import", "past.csv", "kept", *FLAGS[:-1], "top1"), "give NAME=COLUMN"),
        (("import", "past.csv", "kept", *FLAGS, "--task", "dat"), "did you mean 'data'"),
        (("import", "past.csv", "kept", *FLAGS, "--space", "hpobnch"), "did you mean 'hpobench'"),
    ],
)
def test_what_is_wrong_gets_one_sentence(capsys, arguments, says):
    message = nmjax(capsys, *arguments, code=2)
    assert says in message
    assert message.count("\n") == 1
