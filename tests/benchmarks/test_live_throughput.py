"""Targets of the throughput of children that train."""

from benchmarks.live.throughput import targets_of
from nmjax.experiments import is_met


def row(way, rate):
    return {"family": "mlp", "way": way, "children_a_second": rate, "children_a_cpu_second": 1.0}


def test_the_faster_call_is_compared_with_the_loop_and_equal_children_with_each_other():
    rows = [
        row("nmjax", 100.0),
        row("nmjax, size groups", 210.0),
        row("nmjax, equal size", 50.0),
        row("torch loop", 10.0),
        row("torch func, equal size", 25.0),
    ]
    loop, func = targets_of(rows)
    assert (loop.value, func.value) == (21.0, 2.0)
    assert is_met(loop)
    assert not is_met(func)
