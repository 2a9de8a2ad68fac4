"""Spaces proposed from tables of evaluations and from the spaces of other tools."""
