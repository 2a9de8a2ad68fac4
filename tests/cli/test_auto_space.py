"""`--space auto` on the command line, and folders that store their space."""

import pytest

from nmjax.cli.__main__ import main
from nmjax.tasks import count_evaluations, open_store

SGD = [f"{'ab'[row % 2]},sgd,{row / 100},{2 ** (row % 3)},{row / 7}" for row in range(12)]
ADAM = [f"{task},adam,,{2 ** (number % 3)},{number / 9}" for task in "ab" for number in range(6)]
HEADER = "task,optimizer,momentum,width,loss"
FLAGS = ("--metrics", "loss", "--space", "auto")


@pytest.fixture(autouse=True)
def past(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "past.csv").write_text("\n".join([HEADER, *SGD, *ADAM]))


def nmjax(capsys, *arguments, code=0):
    assert main(arguments) == code
    captured = capsys.readouterr()
    if code:
        assert captured.out == ""
        assert captured.err.count("\n") == 1
    return captured.err if code else captured.out


def defined(source):
    names = {}
    exec(source, names)
    return names["space"]


def test_without_a_folder_the_space_is_printed_as_python_and_nothing_is_written(capsys, tmp_path):
    source = nmjax(capsys, "history", "import", "past.csv", *FLAGS)
    space = defined(source)
    assert space.names == ("optimizer", "width", "momentum")
    assert (
        "Has 12 different numbers from 0 to 0.11, given exactly where optimizer is sgd." in source
    )
    assert [path.name for path in tmp_path.iterdir()] == ["past.csv"]
    (tmp_path / "printed_space.py").write_text(source)
    flags = ("--metrics", "loss", "--space", "printed_space:space")
    assert "Added 24 of 24" in nmjax(capsys, "history", "import", "past.csv", "kept", *flags)
    assert open_store("kept").space == space


def test_a_folder_keeps_the_space_for_later_files_and_prints_it(capsys):
    printed = nmjax(capsys, "history", "import", "past.csv", "kept", *FLAGS)
    assert "Added 24 of 24 evaluations of 2 tasks to kept." in printed
    space = open_store("kept").space
    assert defined(nmjax(capsys, "history", "show", "kept", "--source")) == space
    with open("more.csv", "w") as file:
        file.write(f"{HEADER}\nc,adam,,2,0.5\n")
    for number, flags in ((1, ()), (0, ("--space", "auto"))):
        text = nmjax(capsys, "history", "import", "more.csv", "kept", *flags)
        assert f"Added {number} of 1" in text
        assert "nmjax.Space" not in text
    assert count_evaluations(open_store("kept"))["c"] == 1


def test_a_folder_reads_later_files_whose_columns_have_blanks(capsys):
    rows = [f"{task},{2**number},{number / 9}" for task in "ab" for number in range(6)]
    with open("blanks.csv", "w") as file:
        file.write("\n".join(["task,batch size,loss", *rows]))
    nmjax(capsys, "history", "import", "blanks.csv", "kept", *FLAGS)
    assert open_store("kept").space.names == ("batch_size",)
    assert "Skipped 12" in nmjax(capsys, "history", "import", "blanks.csv", "kept")


def test_columns_can_be_chosen_and_left_out(capsys):
    chosen = nmjax(capsys, "history", "import", "past.csv", *FLAGS, "--choices", "width")
    assert defined(chosen).names == ("width",)
    left = nmjax(capsys, "history", "import", "past.csv", *FLAGS, "--exclude", "momentum")
    assert defined(left).names == ("optimizer", "width")
    assert "# Left out: 'momentum' is left out as asked." in left


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("import", "past.csv", "--space", "auto"),
            "give --maximize or --minimize COLUMN, or --metrics",
        ),
        (("import", "past.csv", "--metrics", "loss"), "or --space auto"),
        (("import", "past.csv", "--minimize", "loss", "--maximize", "loss"), "give one of them"),
        (("import", "past.csv", "kept", "--metrics", "loss"), "or --space auto"),
        (("import", "past.csv", "--metrics", "loss", "--space", "hpolib"), "Got no folder"),
        (("import", "past.csv", *FLAGS, "--choices", "widht"), "did you mean 'width'"),
        (
            ("import", "past.csv", *FLAGS, "--exclude", "width", "optimizer", "momentum"),
            "no column that can be a choice",
        ),
    ],
)
def test_impossible_requests_are_refused_in_one_line(capsys, arguments, says, tmp_path):
    assert says in nmjax(capsys, "history", *arguments, code=2)
    assert [path.name for path in tmp_path.iterdir()] == ["past.csv"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--history", "past.csv", "--minimize", "loss"), "or --space auto"),
        (("--space", "auto"), "without a file to take it from"),
        (("--history", "kept", "--minimize", "loss", "--space", "hpolib"), "holds architectures"),
    ],
)
def test_a_search_without_its_space_is_refused_in_one_line(capsys, arguments, says):
    nmjax(capsys, "history", "import", "past.csv", "kept", *FLAGS)
    assert says in nmjax(capsys, "search", *arguments, code=2)
