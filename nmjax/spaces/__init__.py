"""Search spaces: descriptions, encodings, moves, pools and text.

Functions of a space are compiled once for each space and shape.
"""

from nmjax.spaces import catalog
from nmjax.spaces.activity import (
    active_choices,
    active_continuous,
    reset_continuous,
    soft_activity,
)
from nmjax.spaces.catalog import get_space
from nmjax.spaces.cells.cell import Cell, line_graph, rooted_tree
from nmjax.spaces.cells.paths import encode_paths
from nmjax.spaces.continuous import check_discrete, from_scale, to_scale, within_bounds
from nmjax.spaces.description.choices import Choice, Condition, RealChoice
from nmjax.spaces.description.space import Space
from nmjax.spaces.description.specs import Integer, Ordinal, Real, when
from nmjax.spaces.encoding import (
    decode,
    encode,
    encode_soft,
    encoding_groups,
    encoding_names,
    encoding_size,
)
from nmjax.spaces.enumeration import (
    canonicalize,
    enumerate_architectures,
    from_index,
    has_flat_index,
    is_valid,
    pool_rows,
    to_index,
)
from nmjax.spaces.indexing import at_options, option_mask
from nmjax.spaces.mixed import (
    canonicalize_mixed,
    mutate_mixed,
    sample_continuous,
    sample_mixed,
    sample_pool,
)
from nmjax.spaces.moves import draw_valid, mutate, neighbors, pool_neighbors, sample
from nmjax.spaces.parts import encoded_parts
from nmjax.spaces.source import space_source
from nmjax.spaces.text import parse, to_text

__all__ = [
    "Cell",
    "Choice",
    "Condition",
    "Integer",
    "Ordinal",
    "Real",
    "RealChoice",
    "Space",
    "active_choices",
    "active_continuous",
    "at_options",
    "canonicalize",
    "canonicalize_mixed",
    "catalog",
    "check_discrete",
    "decode",
    "draw_valid",
    "encode",
    "encode_paths",
    "encode_soft",
    "encoded_parts",
    "encoding_groups",
    "encoding_names",
    "encoding_size",
    "enumerate_architectures",
    "from_index",
    "from_scale",
    "get_space",
    "has_flat_index",
    "is_valid",
    "line_graph",
    "mutate",
    "mutate_mixed",
    "neighbors",
    "option_mask",
    "parse",
    "pool_neighbors",
    "pool_rows",
    "reset_continuous",
    "rooted_tree",
    "sample",
    "sample_continuous",
    "sample_mixed",
    "sample_pool",
    "soft_activity",
    "space_source",
    "to_index",
    "to_scale",
    "to_text",
    "when",
    "within_bounds",
]
