"""M-DESIGN's graph networks for nodes, links and graphs (Wang et al. 2025, arXiv:2507.15336)."""

from nmjax.spaces.description.choices import Choice
from nmjax.spaces.description.space import Space

_NEIGHBORS = Choice(
    "neigh",
    (
        "edge_index",
        "edge_index_2hop",
        "edge_index_knn",
        "edge_index_knn_lepe",
        "edge_index_knn_rwpe",
    ),
)
_LINK_DECODER = Choice("decode", ("concat", "cosine_similarity", "dot"))
_GRAPH_DECODER = Choice("decode", ("add", "max", "mean"))
_SHARED = (
    Choice("norm", ("degree_row", "degree_sys", "fagcn_like", "rel_lepe", "rel_rwpe")),
    Choice("agg", ("add", "max", "mean", "min")),
    Choice("comb", ("add", "concat")),
    Choice("l_mp", (4, 6), "ordinal"),
    Choice("stage", ("gpr", "lstm", "mean", "node_adaptive", "ppr_01", "skipconcat", "skipsum")),
)

MDESIGN_NODE = Space.build("mdesign-node", (_NEIGHBORS, *_SHARED))
MDESIGN_LINK = Space.build("mdesign-link", (_LINK_DECODER, *_SHARED))
MDESIGN_GRAPH = Space.build("mdesign-graph", (_GRAPH_DECODER, *_SHARED))
