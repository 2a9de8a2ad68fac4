"""The table of what peers' searches found."""

import itertools

import numpy as np
import pytest

from benchmarks.tables import markdown, peer_table
from nmjax.tasks import list_suites, load_suite


def test_random_search_finds_what_is_expected():
    log_rank = peer_table.log10_ranks(np.array([[3.0, np.nan, 1.0, 3.0, 2.0]]))
    assert np.allclose(10**log_rank, [[1, 5, 4, 1, 3]])
    pairs = itertools.combinations(log_rank[0], 2)
    assert peer_table.random_search(log_rank, 2) == pytest.approx(np.mean([min(p) for p in pairs]))
    assert peer_table.random_search(log_rank, 5) == 0


@pytest.mark.parametrize("name", ["nas-bench-graph", "transnas101"])
def test_the_page_lists_the_stored_searches(name):
    if not any(info.name == name and info.installed for info in list_suites()):
        pytest.skip(f"has no data of {name}")
    rows = peer_table.suite_rows(load_suite(name))
    body = markdown.table(peer_table.HEADER, rows).split("\n", maxsplit=2)[2]
    assert body in peer_table.README.read_text()
