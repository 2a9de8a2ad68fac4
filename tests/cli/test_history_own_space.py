"""The command `history` with a user's own space, and with exports that state directions."""

import sys

import pytest

from nmjax.cli.__main__ import main
from nmjax.cli.past_options import metric_to_improve
from nmjax.errors import NmjaxError
from nmjax.tasks import count_evaluations, create_store, load_history, open_store
from tests.cli.history_command import nmjax

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


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module with spaces and a file with two tasks of one of them; the module can be taken away.

    Only `skip` of another width than 16 is no valid architecture of it.
    """
    monkeypatch.chdir(tmp_path)
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
