"""Conformance checks for user-defined surrogates, acquisitions, relaxations, supernets,
meta-learners and searches.

Each raises an AssertionError that names the property of the Protocol that does not hold. Call them
in a test, with small data and fixed keys.
"""

from nmjax.testing.acquisition import check_acquisition
from nmjax.testing.meta import check_meta_learner
from nmjax.testing.relaxation import check_relaxation
from nmjax.testing.search import check_search
from nmjax.testing.supernet import check_supernet
from nmjax.testing.surrogate import check_surrogate

__all__ = [
    "check_acquisition",
    "check_meta_learner",
    "check_relaxation",
    "check_search",
    "check_supernet",
    "check_surrogate",
]
