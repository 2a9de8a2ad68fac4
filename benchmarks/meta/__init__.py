"""Benchmarks of meta-learning."""
