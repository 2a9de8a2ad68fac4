"""What an architecture is: spaces, encodings, moves, text and relaxations.

Functions of a space are compiled once for a space and a shape; called from compiled code they are
part of it.
"""

from nmjax.spaces import catalog
from nmjax.spaces.catalog import get_space
from nmjax.spaces.cell import Cell, line_graph, rooted_tree
from nmjax.spaces.encoding import (
    decode,
    encode,
    encode_soft,
    encoding_groups,
    encoding_names,
    encoding_size,
)
from nmjax.spaces.enumeration import (
    canonicalise,
    enumerate_architectures,
    from_index,
    is_valid,
    pool_rows,
    to_index,
)
from nmjax.spaces.moves import (
    draw_valid,
    mutate,
    neighbours,
    pool_neighbours,
    sample,
    sample_reals,
)
from nmjax.spaces.options import at_options, option_mask
from nmjax.spaces.paths import encode_paths
from nmjax.spaces.reals import check_discrete, from_scale, to_scale, within_bounds
from nmjax.spaces.relaxation import (
    discretise,
    gumbel_softmax,
    softmax_relaxation,
    straight_through,
)
from nmjax.spaces.space import Choice, Real, Space
from nmjax.spaces.text import parse, to_text

__all__ = [
    "Cell",
    "Choice",
    "Real",
    "Space",
    "at_options",
    "canonicalise",
    "catalog",
    "check_discrete",
    "decode",
    "discretise",
    "draw_valid",
    "encode",
    "encode_paths",
    "encode_soft",
    "encoding_groups",
    "encoding_names",
    "encoding_size",
    "enumerate_architectures",
    "from_index",
    "from_scale",
    "get_space",
    "gumbel_softmax",
    "is_valid",
    "line_graph",
    "mutate",
    "neighbours",
    "option_mask",
    "parse",
    "pool_neighbours",
    "pool_rows",
    "rooted_tree",
    "sample",
    "sample_reals",
    "softmax_relaxation",
    "straight_through",
    "to_index",
    "to_scale",
    "to_text",
    "within_bounds",
]
