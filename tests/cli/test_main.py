import json
import os
import subprocess
import sys

import pytest

import nmjax.version
from nmjax.cli.__main__ import main
from nmjax.tasks import list_suites

FLAGS = (
    *("--benchmark", "--target", "--budget", "--seeds", "--methods", "--history-size"),
    *("--seed", "--out", "--json", "--data"),
)
GRAPH = next(info for info in list_suites() if info.name == "nas-bench-graph")
needs_graph = pytest.mark.skipif(not GRAPH.installed, reason="nas-bench-graph is not installed")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "xla"))


def refused(capsys, *arguments):
    """The line on standard error of a command that exits with status 2."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_a_wrong_command_gets_the_nearest(capsys):
    assert "Unknown command 'serch': did you mean 'search'" in refused(capsys, "serch")


def test_a_wrong_benchmark_gets_the_nearest(capsys):
    message = refused(capsys, "search", "--benchmark", "nas-bench-grap")
    assert "Unknown suite 'nas-bench-grap': did you mean 'nas-bench-graph'" in message


@needs_graph
def test_a_wrong_target_gets_the_nearest(capsys):
    message = refused(capsys, "search", "--target", "foto")
    assert "Unknown task 'foto': did you mean 'photo'" in message


@needs_graph
@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--methods", "transfr"), "Unknown method 'transfr': did you mean 'transfer'"),
        (("--methods", "random", "random"), "each once"),
        (("--budget", "0"), "Got a budget of 0; give 1 to 26206"),
        (("--seeds", "0"), "Got --seeds 0"),
        (("--seed", "-1"), "--seed -1"),
        (("--out", "."), "is not empty"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(capsys, tmp_path, flags, expected):
    (tmp_path / "something").touch()
    assert expected in refused(capsys, "search", *flags)


def test_a_benchmark_that_is_not_there_says_how_to_get_it(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("NMJAX_DATA", raising=False)
    message = refused(capsys, "search", "--benchmark", "transnas101", "--data", str(tmp_path))
    assert "NMJAX_DATA" in message


def test_a_wrong_flag_exits_with_2_and_names_the_nearest(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["search", "--tagret", "photo"])
    assert exit_info.value.code == 2
    message = capsys.readouterr().err
    assert "--tagret" in message
    assert "--target" in message
    assert "Traceback" not in message


def test_help_is_complete(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(["search", "--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    missing = [flag for flag in FLAGS if f"{flag} " not in text]
    assert missing == []
    for method in (
        "transfer",
        "kernel-transfer",
        "evolution",
        "local-search",
        "random",
        "past-best",
    ):
        assert method in text


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_commands(capsys, arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    assert "search" in text
    assert "benchmarks" in text
    assert "--version" in text
    assert "NMJAX_CACHE" in text


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"nmjax {nmjax.version.__version__}\n"
    assert captured.err == ""


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("3", "3")])
def test_openblas_has_one_thread_unless_the_user_says_otherwise(monkeypatch, given, used):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")  # Restored after the test.
    if given is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    else:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
    assert main(["--version"]) == 0
    assert os.environ["OPENBLAS_NUM_THREADS"] == used


@pytest.mark.parametrize(
    ("command", "positional"),
    [
        ("history import", "FILE [STORE]"),
        ("history show", "STORE"),
        ("history export", "STORE FILE"),
        ("history merge", "STORE OTHER [OTHER ...]"),
        ("patterns", "PAST"),
        ("similarity", "PAST"),
        ("advise", "PAST"),
    ],
)
def test_help_says_what_each_argument_is(capsys, command, positional):
    with pytest.raises(SystemExit) as exit_info:
        main([*command.split(), "--help"])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    usage = text.splitlines()[0]
    assert positional in usage
    assert "STR" not in text
    for fragment in ("These only", "Of everything random", " Of each task", "(default: )"):
        assert fragment not in text


def test_benchmarks_are_listed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    assert main(["benchmarks"]) == 0
    text = capsys.readouterr().out
    assert 80 < max(map(len, text.splitlines())) <= 100
    for info in list_suites():
        assert info.name in text
        assert info.license in text
        assert f"{info.size:,} architectures" in text
        assert info.score_metric in text
    for task in GRAPH.tasks:
        assert task in text


@pytest.mark.parametrize(
    ("module", "argument", "expected"),
    [
        ("nmjax", "--version", (0, f"nmjax {nmjax.version.__version__}\n", "")),
        (
            "nmjax.cli",
            "serch",
            (2, "", "Unknown command 'serch': did you mean 'search' or 'bench' or 'benchmarks'?\n"),
        ),
    ],
)
def test_the_module_runs(module, argument, expected):
    done = subprocess.run([sys.executable, "-m", module, argument], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == expected


@needs_graph
@pytest.mark.slow
def test_a_run_prints_its_results_and_leaves_its_folder(capsys, tmp_path):
    flags = ("--budget", "7", "--seeds", "2", "--history-size", "80", "--out", "here")
    methods = ("--methods", "transfer", "random")
    assert main(["search", "--target", "cora", "--json", *flags, *methods]) == 0
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert printed == json.loads((tmp_path / "here" / "results.json").read_text())
    assert [row["method"] for row in printed["rows"]] == ["transfer", "random"]
    assert list(printed["rows"][0]["regret"]) == ["1", "5", "7"]
    assert printed["config"]["target"] == "cora"
    assert printed["seconds"]["total"] > printed["seconds"]["replay past searches"] > 0
    assert "search: random: 7/7" in captured.err
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        *("results.json", "trace.parquet", "config.json", "regret.png", "information.png")
    }
