"""Reproductions of published tables, one script each."""
