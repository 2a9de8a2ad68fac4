"""The command `history`: import, show, export and merge."""

from contextlib import contextmanager

import jax
import pytest

from nmjax.spaces import get_space
from nmjax.tasks import count_evaluations, create_store, load_history, open_store
from tests.cli.history_command import FLAGS, HEADER, LINES, nmjax, past

__all__ = ["past"]


def test_what_is_imported_is_shown_and_exported(capsys):
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    assert "Added 4 of 4 evaluations of 2 tasks to kept." in text
    assert "duplicate: 1 of 3 of 'cora'" in text
    assert "Row 3." in text
    shown = nmjax(capsys, "show", "kept")
    assert "space nas-bench-graph\nmetrics acc\ncontext rows\n" in shown
    assert [line.split() for line in shown.splitlines()[-2:]] == [["cora", "3"], ["cs", "1"]]
    assert "duplicate: 1 of 3 of 'cora'" in nmjax(capsys, "show", "kept", "--findings")
    nmjax(capsys, "export", "kept", "out.jsonl", "--tasks", "cs")
    nmjax(
        *(capsys, "import", "out.jsonl", "again", "--space", "nas-bench-graph"),
        *("--metrics", "acc", "--context", "rows"),
    )
    mine, yours = (
        load_history(open_store(folder), ("cs",)).history for folder in ("kept", "again")
    )
    assert (mine.architecture == yours.architecture).all()
    assert mine.metrics["acc"].tolist() == yours.metrics["acc"].tolist()
    assert mine.context.tolist() == yours.context.tolist() == [[18333.0]]


def test_long_names_of_tasks_stay_whole_where_there_is_no_terminal(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "40")
    name = "a-task-with-a-name-longer-than-what-is-left-of-forty-columns"
    (tmp_path / "past.csv").write_text(HEADER + LINES[0].replace("cora", name) + "\n")
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    assert f"{name}            1\n" in nmjax(capsys, "show", "kept")


def test_rows_are_kept_out_only_where_chosen(capsys):
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, "--drop", "failed", "duplicate")
    assert "Added 2 of 4" in text
    assert count_evaluations(open_store("kept")) == {"cora": 1, "cs": 1}
    message = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, "--drop", "faild", code=2)
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
        (("show", "past.csv"), "past.csv holds no history: make one"),
        (("import", "past.csv", "", *FLAGS), "Got '' as a folder; give its name"),
        (("import", "past.csv", "kept", *FLAGS[:-1], "top1"), "give NAME=COLUMN"),
        (("import", "past.csv", "kept", *FLAGS, "--task", "dat"), "did you mean 'data'"),
        (("import", "past.csv", "kept", *FLAGS, "--space", "hpobnch"), "did you mean 'hpobench'"),
    ],
)
def test_invalid_arguments_are_refused_in_one_line(capsys, arguments, says):
    message = nmjax(capsys, *arguments, code=2)
    assert says in message
    assert message.count("\n") == 1


def test_a_file_that_is_imported_twice_is_there_once(capsys, tmp_path):
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    assert "Added 0 of 4 evaluations" in text
    assert "Skipped 4 evaluations that kept holds already" in text
    more = (*LINES, "cs,18333,0012,gat,gcn,gin,skip,0.7")
    (tmp_path / "past.csv").write_text(HEADER + "".join(f"{line}\n" for line in more))
    assert "Added 1 of 5 evaluations" in nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    assert count_evaluations(open_store("kept")) == {"cora": 3, "cs": 2}
    text = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, "--allow-duplicates")
    assert "Skipped" not in text
    assert count_evaluations(open_store("kept")) == {"cora": 6, "cs": 4}


def test_stores_that_are_merged_twice_are_there_once(capsys):
    nmjax(capsys, "import", "past.csv", "one", *FLAGS)
    assert "Added 4 evaluations" in nmjax(capsys, "merge", "all", "one")
    text = nmjax(capsys, "merge", "all", "one")
    assert "Added 0 evaluations" in text
    assert "Skipped 4" in text
    assert "Added 4 evaluations" in nmjax(capsys, "merge", "all", "one", "--allow-duplicates")


def test_a_task_of_the_folder_that_is_spelled_in_another_way_is_refused(capsys, tmp_path):
    (tmp_path / "past.csv").write_text(f"{HEADER}{LINES[3].replace('cs', '7')}\n")
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    (tmp_path / "past.csv").write_text(f"{HEADER}{LINES[3].replace('cs', '7.0')}\n")
    message = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, code=2)
    assert "kept has tasks '7' and '7.0', which are the same number" in message
    assert count_evaluations(open_store("kept")) == {"7": 1}


def test_a_failed_import_adds_nothing(capsys, tmp_path):
    line = LINES[3].replace("cs", "ü" * 40)
    (tmp_path / "past.csv").write_text(f"{HEADER}{LINES[0]}\n{line}\n")
    message = nmjax(capsys, "import", "past.csv", "kept", *FLAGS, code=2)
    assert message.count("\n") == 1
    assert not (tmp_path / "kept").exists()


@pytest.fixture
def full_disk():
    """Let files grow to 100 bytes only."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9)  # Write no programs.
        try:
            yield
        finally:
            jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limited


def test_a_full_disk_and_folders_that_cannot_be_written_leave_all_as_it_was(
    capsys, tmp_path, full_disk
):
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    folders = [path for path in tmp_path.rglob("*") if path.is_dir()]
    for arguments in (
        ("import", "past.csv", "new/folder", *FLAGS),
        ("import", "past.csv", "kept", *FLAGS, "--allow-duplicates"),
        ("merge", "all", "kept"),
        ("export", "kept", "new/out.csv"),
        ("export", "kept", "past.csv", "--overwrite"),
    ):
        with full_disk():
            message = nmjax(capsys, *arguments, code=2)
        assert "cannot be written: " in message
        assert message.count("\n") == 1
    for arguments in (
        ("import", "past.csv", "/proc/new", *FLAGS),
        ("import", "past.csv", "past.csv", *FLAGS),
        ("import", "past.csv", "past.csv/kept", *FLAGS),
        ("merge", "/proc/new", "kept"),
        ("export", "kept", f"{'a' * 300}.csv"),
        ("show", "past.csv"),
    ):
        assert nmjax(capsys, *arguments, code=2).count("\n") == 1
    found = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == files
    assert [path for path in tmp_path.rglob("*") if path.is_dir()] == folders


def test_an_export_keeps_files_and_says_where_it_cannot_write(capsys, tmp_path):
    nmjax(capsys, "import", "past.csv", "kept", *FLAGS)
    before = (tmp_path / "past.csv").read_text()
    assert "pass --overwrite" in nmjax(capsys, "export", "kept", "past.csv", code=2)
    assert (tmp_path / "past.csv").read_text() == before
    assert "Wrote 4" in nmjax(capsys, "export", "kept", "past.csv", "--overwrite")
    (tmp_path / "file").write_text("")
    for file in ("file/out.csv", "/proc/x/out.csv", "kept.txt", "kept/task=cs"):
        message = nmjax(capsys, "export", "kept", file, "--overwrite", code=2)
        assert message.count("\n") == 1
    assert "Wrote 4" in nmjax(capsys, "export", "kept", "new/folder/out.csv")
