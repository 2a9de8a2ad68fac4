import dataclasses
import math

from benchmarks.targets import main
from nmjax.experiments import Result, Target, collect_provenance, write_result

RESULT = Result(
    **collect_provenance(["python"]), split="none", seeds=(0,), config={}, seconds=1.0, rows=()
)


def test_all_targets_are_printed_the_missed_ones_included(tmp_path, capsys):
    good = Target("evaluations to reach", 17.0, "evaluations", "at most", 20.0, 80, (15.0, 19.0))
    bad = Target("speed", 1.5, "searches/s", "at least", 2.0, 5)
    none = Target("regret", math.nan, "normalized regret", "at most", 0.1, 0)
    write_result(tmp_path / "b.json", dataclasses.replace(RESULT, targets=(good, bad)))
    write_result(tmp_path / "a.json", dataclasses.replace(RESULT, targets=(none,)))
    assert main([str(tmp_path)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines[1:4]] == ["a", "b", "b"]
    assert [line[-1] for line in lines[1:4]] == ["missed", "met", "missed"]
    assert {"17", "15", "19", "20", "≤"} <= set(lines[2])
    assert lines[-1][:4] == ["1", "of", "3", "met"]


def test_no_results_are_no_targets(tmp_path, capsys):
    assert main([str(tmp_path)]) == 0
    assert "0 of 0 met" in capsys.readouterr().out


def test_an_invalid_result_file_is_named_in_the_error(tmp_path, capsys):
    (tmp_path / "a.json").write_text("{}")
    assert main([str(tmp_path)]) == 2
    assert "a.json" in capsys.readouterr().err
