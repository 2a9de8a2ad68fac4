import jax
import numpy as np
import pytest

from nmjax import patterns
from nmjax.errors import NmjaxError
from nmjax.spaces import Choice, RealChoice, Space, enumerate_architectures, from_index, get_space
from nmjax.spaces.catalog.nas_bench_201 import EDGES

MIXED = Space.build(
    "mixed",
    (Choice("op", ("conv", "pool")), Choice("width", (8, 16, 32, 64), "ordinal", "log")),
    continuous=(RealChoice("rate", 1e-4, 1.0, "log"),),
)


def test_options_and_ranges_by_hand():
    assert patterns.motif_names(MIXED) == (
        *("op=conv", "op=pool", "width=8", "width=16", "width=32", "width=64"),
        *("width=8..16", "width=8..32", "width=16..32", "width=16..64", "width=32..64"),
    )
    found = patterns.find_motifs(MIXED, np.array([[1, 2], [0, 0]]))
    names = np.array(patterns.motif_names(MIXED))
    assert list(names[found[0]]) == [
        *("op=pool", "width=32", "width=8..32", "width=16..32", "width=16..64", "width=32..64")
    ]
    assert list(names[found[1]]) == ["op=conv", "width=8", "width=8..16", "width=8..32"]


def test_pairs_along_edges_against_a_walk():
    space = get_space("nas-bench-201")
    names = patterns.motif_names(space)
    pool = enumerate_architectures(space)[::97]
    found = np.asarray(patterns.find_motifs(space, pool))
    options = space.choices[0].options
    assert found.shape == (len(pool), len(names))
    for row, motifs in zip(pool, found, strict=True):
        labels = [options[index] for index in row]
        expected = {f"count {label}" for label in labels}
        expected |= {f"Op{edge}={label}" for edge, label in enumerate(labels)}
        expected |= {
            f"{labels[i]}>{labels[j]}"
            for i, (_, head) in enumerate(EDGES)
            for j, (tail, _) in enumerate(EDGES)
            if head == tail
        }
        shown = {name for name, there in zip(names, motifs, strict=True) if there}
        kept = {n for n in shown if n.count(">") < 2 and "put" not in n and "depth" not in n}
        assert kept == expected


@pytest.mark.parametrize("name", ["nas-bench-graph", "hpobench"])
def test_every_motif_of_the_catalog_has_a_name_and_occurs(name):
    space = get_space(name)
    pool = from_index(space, np.arange(0, space.size, 7))
    found = np.asarray(jax.jit(lambda a: patterns.find_motifs(space, a))(pool))
    names = patterns.motif_names(space)
    assert found.shape == (len(pool), len(names)) == (len(pool), len(set(names)))
    assert found.any(0).all()


def test_invalid_arguments_are_refused():
    continuous = Space.build("continuous", (), continuous=(RealChoice("rate", 0.0, 1.0),))
    with pytest.raises(NmjaxError, match="only real-valued"):
        patterns.motif_names(continuous)
    with pytest.raises(NmjaxError, match=r"\[4, 3\]"):
        patterns.find_motifs(MIXED, np.zeros((4, 3), int))
