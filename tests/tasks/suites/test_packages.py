"""The suites against their packages' own files and lookups."""

import pickle
from importlib import util
from pathlib import Path

import numpy as np
import pytest

from nmjax.spaces import canonicalize, enumerate_architectures, to_index
from nmjax.tasks import list_suites, load_suite, scores

INFO = {info.name: info for info in list_suites() if info.package}
SMALL = ["nas-bench-graph-proteins", "nas-bench-201"]
LARGE = [pytest.param(name, marks=pytest.mark.slow) for name in ("hpobench", "hpolib")]
NAMES = [*SMALL, "nas-bench-graph", *LARGE]


def load(name):
    if not INFO[name].installed:
        pytest.skip(f"{INFO[name].package} is not installed")
    return load_suite(name)


def original(name, task):
    spec = util.find_spec(INFO[name].module)
    return pickle.loads((Path(spec.origin).parent / INFO[name].file.format(task=task)).read_bytes())


def row_of(suite, architecture):
    index = np.asarray(to_index(suite.space, suite.pool))
    wanted = int(to_index(suite.space, canonicalize(suite.space, np.asarray(architecture))))
    return int(np.flatnonzero(index == wanted)[0])


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_pool_is_measured(name):
    suite = load(name)
    assert suite.pool.shape == (INFO[name].size, suite.space.num_choices)
    assert suite.pool.dtype == np.int32
    np.testing.assert_array_equal(suite.pool, enumerate_architectures(suite.space))
    assert tuple(task for family in suite.families for task in family) == suite.tasks
    for metric in suite.metric_info:
        table = suite.metrics[metric]
        assert (table.shape, table.dtype) == ((len(suite.tasks), len(suite.pool)), np.float32)
        assert np.isfinite(table).all()
    score = np.asarray(scores(suite))
    raw = suite.metrics[suite.score_metric]
    best = (
        raw.argmax(1) if suite.metric_info[suite.score_metric].direction == "max" else raw.argmin(1)
    )
    rows = np.arange(len(raw))
    np.testing.assert_array_equal(score[rows, best], score.max(1))
    assert np.isfinite(score).all()
    with pytest.raises(ValueError, match="read-only"):
        raw[0, 0] = 1


@pytest.mark.parametrize("name", ["nas-bench-graph", "nas-bench-graph-proteins"])
def test_graph_networks_have_the_values_the_package_looks_up(name):
    suite = load(name)
    package = pytest.importorskip("nas_bench_graph")
    rng = np.random.default_rng(0)
    link, operations = suite.space.choices[0].options, suite.space.choices[1].options
    for task in suite.tasks[:2]:
        bench = package.light_read(task)
        for _ in range(100):
            row = np.array([rng.integers(9), *rng.integers(len(operations), size=4)])
            parents = [int(digit) for digit in link[row[0]]]
            names = [operations[option] for option in row[1:]]
            if set(names) == {"skip"}:
                continue
            info = bench[package.Arch(parents, names).valid_hash()]
            at = row_of(suite, row)
            for metric, table in suite.metrics.items():
                assert table[suite.tasks.index(task), at] == np.float32(info[metric])


@pytest.mark.parametrize("name", ["nas-bench-201", *LARGE])
def test_means_over_seeds_are_those_of_the_file(name):
    suite = load(name)
    rng = np.random.default_rng(1)
    index = np.asarray(to_index(suite.space, suite.pool))
    for task in suite.tasks[-1:]:
        bench = original(name, task)
        for at in rng.choice(len(index), 200, replace=False):
            info = bench["".join(map(str, suite.pool[at]))]
            for metric, table in suite.metrics.items():
                unit = 100 if (name, metric) == ("nas-bench-201", "val_acc") else 1
                expected = np.mean(info[metric]) / unit
                np.testing.assert_allclose(table[suite.tasks.index(task), at], expected, rtol=1e-6)


def test_the_best_graph_network_of_cora_is_the_files_best():
    suite = load("nas-bench-graph")
    best = max(original("nas-bench-graph", "cora").values(), key=lambda row: row["valid_perf"])
    assert suite.metrics["valid_perf"][0].max() == np.float32(best["valid_perf"])
