"""A small suite, and a task of it prepared for search."""

from tests.prepared import prepared, suite

__all__ = ["prepared", "suite"]
