import sys
from contextlib import contextmanager

import jax
import pytest

from nmjax.cli.__main__ import main
from nmjax.cli.past_options import metric_to_improve
from nmjax.errors import NmjaxError
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

OWN = """
from nmjax.spaces import Choice, Space

SPACE = Space.build(
    "own",
    (Choice("op", ("conv", "pool", "skip")), Choice("width", (16, 32, 64), "ordinal")),
    valid=lambda architecture: (architecture[..., 0] != 2) | (architecture[..., 1] == 0),
)
WIDE = Space.build("own", (*SPACE.choices, Choice("depth", (1, 2))))
number = 3


def make():
    return SPACE


def count():
    return number


def broken():
    return number / 0


def asking(size):
    return SPACE
"""


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    """A file of four evaluations, one failed and one a duplicate."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "past.csv").write_text(HEADER + "".join(f"{line}\n" for line in LINES))


def nmjax(capsys, *arguments, code=0):
    """The text on standard output or, for refused arguments, on standard error."""
    assert main(["history", *arguments]) == code
    captured = capsys.readouterr()
    assert (captured.err if code == 0 else captured.out) == ""
    return captured.out if code == 0 else captured.err


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


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module with spaces and a file with two tasks of one of them; the module can be taken away.

    Only `skip` of another width than 16 is no valid architecture of it.
    """
    module = tmp_path / "space_of_mine.py"
    module.write_text(OWN)
    monkeypatch.setattr(sys, "path", list(sys.path))
    rows = [
        f"{task},{op},{width},{loss + width / 1000}\n"
        for task in ("cora", "cs")
        for op, loss in (("conv", 0.1), ("pool", 0.8), ("skip", 0.5))
        for width in (16, 32, 64)
        if op != "skip" or width == 16
    ]
    (tmp_path / "own.csv").write_text("task,op,width,loss\n" + "".join(rows))

    def take_away():
        module.unlink()
        monkeypatch.delitem(sys.modules, "space_of_mine")

    yield take_away
    sys.modules.pop("space_of_mine", None)


@pytest.mark.parametrize("name", ["SPACE", "make"])
def test_a_user_space_is_stored_with_its_past(capsys, own, name):
    flags = ("--space", f"space_of_mine:{name}", "--metrics", "loss")
    assert "Added 14 of 14" in nmjax(capsys, "import", "own.csv", "kept", *flags)
    own()
    assert "space own\nmetrics loss\n" in nmjax(capsys, "show", "kept", "--findings")
    space = open_store("kept").space
    assert space.choices[0].options == ("conv", "pool", "skip")
    assert space.choices[1].options == (16, 32, 64)
    assert space.choices[1].kind == "ordinal"
    assert "Wrote 14" in nmjax(capsys, "export", "kept", "out.csv")
    assert "Added 14" in nmjax(capsys, "merge", "again", "kept")


@pytest.mark.slow
def test_patterns_of_a_user_space_need_no_module(capsys, own):
    flags = ("--space", "space_of_mine:SPACE", "--metrics", "loss")
    nmjax(capsys, "import", "own.csv", "kept", *flags)
    own()
    assert main(["patterns", "kept", "--minimize", "loss", "--out", "found"]) == 0
    shares = capsys.readouterr().out.split("Share of the variance")[1].splitlines()
    first = next(line for line in shares if line.startswith(("op ", "width ")))
    assert first.split()[0] == "op"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("space_of_mine:SPAC", "'space_of_mine' has no space 'SPAC'; give MODULE:NAME, where"),
        ("space_of_mine:number", "'space_of_mine' has no space 'number'; give MODULE:NAME, where"),
        ("space_of_mine:count", "space_of_mine:count returned a int; give MODULE:NAME, where"),
        ("space_of_mine:asking", "missing 1 required positional argument: 'size'"),
        ("space_of_mine:", "Got 'space_of_mine:'; give MODULE:NAME, where"),
        ("space_of_none:SPACE", "No module named 'space_of_none'"),
        ("space_of_mine", "Give your own space as MODULE:NAME, where"),
    ],
)
def test_objects_that_are_not_spaces_are_refused_in_one_line(capsys, own, name, says):
    flags = ("--space", name, "--metrics", "loss")
    message = nmjax(capsys, "import", "own.csv", "kept", *flags, code=2)
    assert says in message
    assert message.count("\n") == 1


def test_errors_in_a_user_space_show_the_users_lines(capsys, own):
    flags = ("--space", "space_of_mine:broken", "--metrics", "loss")
    message = nmjax(capsys, "import", "own.csv", "kept", *flags, code=2)
    assert message.startswith("space_of_mine:broken failed: ZeroDivisionError")
    assert "return number / 0" in message
    assert "foreign.py" not in message


def test_another_space_of_the_same_name_is_refused(capsys, own, tmp_path):
    flags = ("--metrics", "loss", "--space")
    nmjax(capsys, "import", "own.csv", "kept", *flags, "space_of_mine:SPACE")
    (tmp_path / "wide.csv").write_text("task,op,width,depth,loss\ncora,conv,16,1,0.5\n")
    wide = (*flags, "space_of_mine:WIDE")
    assert "give the space that it was made with" in nmjax(
        capsys, "import", "wide.csv", "kept", *wide, code=2
    )


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


@pytest.fixture
def trials(tmp_path):
    """The table of trials of an Optuna study, three of them within OPTUNA's space."""
    (tmp_path / "trials.csv").write_text(
        "number,value,datetime_start,params_op,params_width,state\n"
        "0,0.5,,conv,16,COMPLETE\n1,0.1,,pool,32,PRUNED\n2,,,skip,16,FAIL\n3,0.2,,gelu,16,COMPLETE\n"
    )


def test_an_export_is_imported_by_one_command(capsys, own, trials):
    flags = ("--space", "space_of_mine:SPACE", "--metrics", "loss")
    message = nmjax(capsys, "import", "trials.csv", "kept", *flags, code=2)
    assert "trials.csv, row 4: params_op is 'gelu', expected one of conv, pool, skip." in message
    text = nmjax(capsys, "import", "trials.csv", "kept", *flags, "--drop", "outside")
    assert "outside: row 4 of trials.csv, left out." in text
    assert "Added 3 of 3 evaluations of 1 task to kept." in text
    assert load_history(open_store("kept")).tasks == ("trials",)


def test_a_folder_keeps_the_directions_that_its_files_state(capsys, own):
    optuna = pytest.importorskip("optuna")
    for name, direction in (("low", "minimize"), ("high", "maximize")):
        study = optuna.create_study(
            storage="sqlite:///both.db", study_name=name, direction=direction
        )
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    capsys.readouterr()  # What Optuna logs.
    flags = ("--space", "auto", "--metrics", "loss")
    nmjax(capsys, "import", "both.db", "kept", *flags, "--tasks", "low")
    store = open_store("kept")
    assert store.directions == {"loss": "min"}
    assert "metrics loss (minimized)" in nmjax(capsys, "show", "kept")
    message = nmjax(
        *(capsys, "import", "both.db", "new", "--space", "auto", "--tasks", "low"),
        *("--maximize", "loss"),
        code=2,
    )
    assert "says that 'loss' is minimized; give --metrics loss" in message
    assert load_history(store, minimize="loss").metric.direction == "min"
    with pytest.raises(NmjaxError, match="kept says that 'loss' is minimized"):
        load_history(store, maximize="loss")
    assert main(["search", "--history", "kept", "--maximize", "loss"]) == 2
    assert "says that 'loss' is minimized" in capsys.readouterr().err
    message = nmjax(capsys, "import", "both.db", "kept", *flags, "--tasks", "high", code=2)
    assert "says that 'loss' is minimized, and it is to be maximized here" in message
    assert count_evaluations(store) == {"low": 2}
    nmjax(capsys, "import", "both.db", "other", *flags, "--tasks", "high")
    assert "'loss' is m" in nmjax(capsys, "merge", "all", "kept", "other", code=2)
    nmjax(capsys, "merge", "all", "kept")
    assert open_store("all").directions == {"loss": "min"}
    with pytest.raises(NmjaxError, match="give 'max' or 'min' for some of"):
        create_store("new", store.space, metrics=["loss"], directions={"los": "min"})


def test_the_metric_of_a_folder_that_knows_its_direction_need_not_be_named(capsys, own):
    flags = ("--space", "space_of_mine:SPACE")
    nmjax(capsys, "import", "own.csv", "kept", *flags, "--minimize", "loss")
    store = open_store("kept")
    assert store.directions == {"loss": "min"}
    assert metric_to_improve(store, None, None) == (None, "loss")
    assert metric_to_improve(store, None, "loss") == (None, "loss")
    nmjax(capsys, "import", "own.csv", "other", *flags, "--metrics", "loss")
    with pytest.raises(NmjaxError, match="give --maximize or --minimize with one of loss"):
        metric_to_improve(open_store("other"), None, None)
    with pytest.raises(NmjaxError, match=r"'lss' is not a metric of .*; did you mean 'loss'"):
        metric_to_improve(store, "lss", None)


def test_a_file_of_one_task_is_named_and_some_tasks_are_chosen(capsys, own, tmp_path):
    flags = ("--space", "space_of_mine:SPACE", "--metrics", "loss")
    nmjax(capsys, "import", "own.csv", "kept", *flags, "--tasks", "cs")
    assert load_history(open_store("kept")).tasks == ("cs",)
    (tmp_path / "one.tsv").write_text(
        "op\twidth\tloss\tend\nconv\t16\t0,5\tok\npool\t32\t0,1\toom\n"
    )
    named = ("import", "one.tsv", "one", *flags, "--state", "end")
    assert "--task-name" in nmjax(capsys, *named, code=2)
    assert "Added 2" in nmjax(capsys, *named, "--task-name", "cora")
    past = load_history(open_store("one"))
    assert past.tasks == ("cora",)
    assert str(past.history.metrics["loss"].tolist()) == "[[0.5, nan]]"
