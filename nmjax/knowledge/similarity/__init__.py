"""Measures of the similarity of tasks, with intervals."""
