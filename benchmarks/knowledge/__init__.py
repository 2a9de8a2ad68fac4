"""Benchmarks of knowledge from past tasks."""
