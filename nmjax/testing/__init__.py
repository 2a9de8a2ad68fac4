"""Conformance checks for one's own surrogate, acquisition, meta-learner or search.

Each raises an AssertionError that says which promise of the Protocol was broken. Call them from a
test, with small data and fixed keys.
"""

from nmjax.testing.acquisition import check_acquisition
from nmjax.testing.meta import check_meta_learner
from nmjax.testing.search import check_search
from nmjax.testing.surrogate import check_surrogate

__all__ = ["check_acquisition", "check_meta_learner", "check_search", "check_surrogate"]
