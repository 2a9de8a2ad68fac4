"""The fuzzer: its inputs, its findings, and a short run without findings."""

from random import Random

import pytest

from benchmarks.fuzz import command, fuzz, inputs
from benchmarks.fuzz.mutations import mutate, mutate_arguments
from nmjax import NmjaxError


@pytest.fixture
def corpus():
    with fuzz.working_folder() as folder:
        yield inputs.make_corpus(folder)


def test_changes_are_decided_by_the_generator():
    content, arguments = b"task,op\ncora,conv\n", ["history", "import", "past.csv"]
    seen = {mutate(Random(seed), content, [b"acc;1\n"]) for seed in range(50)}
    assert len(seen) > 30
    assert seen == {mutate(Random(seed), content, [b"acc;1\n"]) for seed in range(50)}
    changed = [mutate_arguments(Random(seed), arguments) for seed in range(50)]
    assert changed == [mutate_arguments(Random(seed), arguments) for seed in range(50)]
    assert sum(one != arguments for one in changed) > 30


def test_other_errors_than_ours_are_found(monkeypatch):
    def read(error):
        raise error

    errors = [NmjaxError("one"), NmjaxError("two\nlines"), KeyError("lost"), KeyError("lost")]
    made = [inputs.Input("reader", b"", lambda error=error: read(error)) for error in errors]
    monkeypatch.setattr(fuzz, "make_input", lambda corpus, seed, number: made[number])
    counts, faults = fuzz.find_faults(None, 0, range(4))
    assert counts == {"reader: refused": 2, "reader: fault": 2}
    assert [(fault["input"], fault["times"]) for fault in faults] == [(1, 1), (2, 2)]
    assert "KeyError: 'lost'" in faults[1]["error"]


@pytest.mark.parametrize(
    "argument", ["/etc", "../past", "~", "s3://bucket/past", "os:abort", "a\x00b"]
)
def test_arguments_that_could_do_harm_are_not_run(argument):
    assert command.unsafe(argument)


@pytest.mark.slow
def test_a_short_run_finds_nothing(corpus):
    counts, faults = fuzz.find_faults(corpus, 1, range(1000))
    assert faults == []
    assert counts.total() == 1000
    assert sum(name.endswith(": read") for name in counts) > 5
