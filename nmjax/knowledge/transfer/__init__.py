"""Priors, spaces, limits and sampling distributions moved to a new task."""
